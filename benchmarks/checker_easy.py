"""Rows of the checker's table: easy histories in s2-porcupine's format, and s2-porcupine beside them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import REPEATS, Bench, say
from benchmarks.in_process import Inside
from benchmarks.second_opinion import Missing, checked, second_opinion
from fencepost.harness.history.sources import read_bytes


def a_million(bench: Bench) -> None:
    """Measure a million operations of 20 clients."""
    path = bench.file("million", f"--operations={bench.million}")
    print(f"{bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:.0f} MB)")
    _both(bench, path)


def _both(bench: Bench, path: Path) -> Inside:
    """Measure in process and the whole command."""
    inside, whole = bench.in_process(path), bench.whole(path)
    say("in process", f"{inside}", inside.measured.seconds <= 0.5, "0.5 s")
    say("whole command", f"{whole}", whole.seconds <= 1.5 and whole.peak < 1e9, "1.5 s, 1,000 MB")
    return inside


def a_violation_at_the_end(bench: Bench) -> None:
    """Measure the same history with a stale read as the last operation."""
    path = bench.file("violation", f"--operations={bench.million}", "--violation=stale_tail")
    print(f"{bench.million:,} operations, the last one a stale read")
    _both(bench, path)
    path.unlink()


def certified(bench: Bench) -> None:
    """Measure the same history with its certificate written, read back and verified."""
    path = bench.file("million", f"--operations={bench.million}")
    print(f"{bench.million:,} operations, with a certificate that is written and verified")
    alone = bench.whole(path)
    proven = bench.whole(path, REPEATS, "--certificate", str(bench.folder / "certificate"))
    ratio = proven.seconds / alone.seconds
    say("whole command", f"{proven}, {ratio:.1f} times", proven.code == 0 and ratio <= 2, "2 times")


def clients(bench: Bench) -> None:
    """Measure 5 to 100 clients."""
    print(f"{bench.million:,} operations, by the number of clients, in process")
    seconds = {}
    for number in (5, 20, 100):
        path = bench.file(f"clients-{number}", f"--operations={bench.million}", f"--clients={number}")
        seconds[number] = bench.in_process(path).measured.seconds
        path.unlink()
    figures = ", ".join(f"{number}: {taken:.2f} s" for number, taken in seconds.items())
    ratio = seconds[100] / seconds[5]
    say(figures, f"{ratio:.2f} times", ratio <= 1.5, "1.5 times")


def ten_million(bench: Bench) -> None:
    """Measure ten times as many operations."""
    path, tenth = (
        bench.file(f"{name}million", f"--operations={n * bench.million}") for name, n in (("ten-", 10), ("", 1))
    )
    print(f"{10 * bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:,.0f} MB)")
    for name, one, before in (
        ("in process", bench.in_process(path, 3).measured, bench.in_process(tenth).measured.seconds),
        ("whole command", bench.whole(path, 2), bench.whole(tenth).seconds),
    ):
        ratio = one.seconds / before
        say(name, f"{one}, {ratio:.1f} times", ratio <= 12 and one.peak < 4e9, "12 times, 4,000 MB")
    path.unlink()


def indefinite(bench: Bench) -> None:
    """Measure indefinite appends. Half take effect but show only in hashes of whole streams, half take effect later."""
    path = bench.file("indefinite", f"--operations={bench.million // 10}", "--lost=0.015", "--landed=0.015")
    print(
        f"{bench.million // 10:,} operations, 1 % of them appends of unknown outcome, half of them landed, half later"
    )
    inside, whole = bench.in_process(path), bench.whole(path)
    say("in process", f"{inside}", inside.validity == "valid", "decided")
    say("whole command", f"{whole}", whole.seconds <= 2, "2 s")


def small(bench: Bench) -> None:
    """Measure 35,000 operations with both checkers."""
    number = bench.million * 35 // 1000
    path = bench.file("small", f"--operations={number}")
    _beside(bench, path, f"{number:,} operations, 20 clients", 150, 2000, 133 / 150)


def real(bench: Bench) -> None:
    """Measure a history that the collector recorded, if one is given, with both checkers."""
    if bench.real is None:
        print("a real history of 20 fencing clients: not measured, --real gives none")
        return
    plain = bench.folder / "real"  # s2-porcupine does not decompress
    plain.write_bytes(read_bytes(bench.real))
    _beside(bench, plain, "a real history of 20 fencing clients", 200, 5000, 0.6)


def _beside(bench: Bench, path: Path, title: str, whole_target: float, inside_target: float, most: float) -> None:
    """Measure one file with both checkers."""
    print(title)
    inside, whole = bench.in_process(path, 10), bench.whole(path)
    say("whole command", f"{whole}", whole.seconds <= most, f"{most:.1f} s")
    print(f"  {'in process':<34} {inside}")
    if not bench.others:
        print(f"  {'s2-porcupine':<34} skipped because of --alone")
        return
    try:
        other = checked(second_opinion(bench.folder), path)
    except Missing as missing:
        print(f"  {'s2-porcupine':<34} skipped: {missing}")
        return
    ended = "" if other.code == 0 else f", ended with code {other.code}: no verdict within its bounds"
    print(f"  {'s2-porcupine':<34} {other}{ended}")
    for name, seconds, target in (
        ("whole command", whole.seconds, whole_target),
        ("in process", inside.measured.seconds, inside_target),
    ):
        ratio = other.seconds / seconds
        say(f"  {name}", f"{ratio:,.0f} times as fast", ratio >= target, f"{target:,.0f} times")
