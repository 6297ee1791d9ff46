"""The checker on histories in s2-porcupine's format, and s2-porcupine beside it in the same run.

Histories are synthetic (see :mod:`benchmarks.porcupine_history`) unless ``--real FILE`` gives one that the collector
recorded. *In process* is reading the file and judging it, the compiled loops being loaded: the least of several times.
*Whole command* is ``fencepost check FILE`` from its start to its end, not for the first time: the least of several.
The clock is the wall's. s2-porcupine runs once for each file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.porcupine_history import Recipe, Violation, write
from benchmarks.second_opinion import Measured, Missing, judged, measured, second_opinion

REPEATS: Final = 5
MILLION: Final = 1_000_000


@dataclass(slots=True)
class Bench:
    """Where files are, and what was measured of them so far."""

    folder: Path
    million: int = MILLION
    others: bool = True
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def file(self, name: str, recipe: Recipe) -> Path:
        """The file of a recipe, made if it is not there."""
        path = self.folder / name
        if not path.exists():
            write(path, recipe)
        return path

    def in_process(self, path: Path, repeats: int = REPEATS) -> dict[str, Any]:
        """Seconds to read and judge it, the peak of memory, and the verdict."""
        command = [sys.executable, "-m", "benchmarks.checker", "--one", str(path), "--repeats", str(repeats)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def whole(self, path: Path, repeats: int = REPEATS) -> Measured:
        """The whole command."""
        command = [sys.executable, "-m", "fencepost", "check", str(path)]
        return min((measured(command) for _ in range(repeats)), key=lambda one: one.seconds)


def one(path: Path, repeats: int) -> dict[str, Any]:
    """Measure in this process."""
    from fencepost.checkers.linearizability import Linearizability, compiled_loops  # noqa: F401
    from fencepost.harness.history.reader import read_history

    best, validity = float("inf"), ""
    for _ in range(repeats):
        begun = time.perf_counter()
        history = read_history(path)
        result = Linearizability().check(history)
        best, validity = min(best, time.perf_counter() - begun), result.validity.value
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": best, "peak": peak, "validity": validity, "operations": len(history)}


def a_million(bench: Bench) -> None:
    """A million operations of 20 clients."""
    path = bench.file("million", Recipe(bench.million))
    print(f"{bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:.0f} MB)")
    inside, whole = bench.in_process(path), bench.whole(path)
    bench.taken["million"] = inside
    say("in process", f"{inside['seconds']:.2f} s, {inside['validity']}", inside["seconds"] <= 0.5, "0.5 s")
    right = whole.seconds <= 1.5 and whole.peak < 1e9
    say("whole command", f"{whole.seconds:.2f} s, {whole.peak / 1e6:.0f} MB", right, "1.5 s, 1000 MB")


def a_violation_at_the_end(bench: Bench) -> None:
    """The same with a stale read as the last operation."""
    path = bench.file("violation", Recipe(bench.million, violation=Violation.STALE_TAIL))
    print(f"{bench.million:,} operations, the last one a stale read")
    inside, whole = bench.in_process(path), bench.whole(path)
    say("in process", f"{inside['seconds']:.2f} s, {inside['validity']}", inside["seconds"] <= 0.5, "0.5 s")
    right = whole.seconds <= 1.5 and whole.peak < 1e9
    say("whole command", f"{whole.seconds:.2f} s, {whole.peak / 1e6:.0f} MB", right, "1.5 s, 1000 MB")
    path.unlink()


def clients(bench: Bench) -> None:
    """From 5 to 100 clients."""
    print(f"{bench.million:,} operations, by the number of clients, in process")
    seconds = {}
    for number in (5, 20, 100):
        path = bench.file(f"clients-{number}", Recipe(bench.million, clients=number))
        seconds[number] = bench.in_process(path)["seconds"]
        path.unlink()
    figures = ", ".join(f"{number}: {taken:.2f} s" for number, taken in seconds.items())
    ratio = seconds[100] / seconds[5]
    say(figures, f"{ratio:.2f} times", ratio <= 1.5, "1.5 times")


def ten_million(bench: Bench) -> None:
    """Ten times as many."""
    path = bench.file("ten-million", Recipe(10 * bench.million))
    print(f"{10 * bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:,.0f} MB)")
    inside = bench.in_process(path, 2)
    ratio = inside["seconds"] / bench.taken["million"]["seconds"]
    right = ratio <= 12 and inside["peak"] < 4e9
    told = f"{inside['seconds']:.2f} s, {inside['validity']}, {ratio:.1f} times, {inside['peak'] / 1e6:,.0f} MB"
    say("in process", told, right, "12 times, 4000 MB")
    path.unlink()


def indefinite(bench: Bench) -> None:
    """Appends of unknown outcome that land late, unread."""
    path = bench.file("indefinite", Recipe(bench.million // 10, lost=0.03))
    print(f"{bench.million // 10:,} operations, 1 % of them appends of unknown outcome, late and unread")
    inside, whole = bench.in_process(path), bench.whole(path)
    right = whole.seconds <= 2 and inside["validity"] == "valid"
    say("whole command", f"{whole.seconds:.2f} s, {inside['validity']}", right, "2 s, decided")


def beside(bench: Bench, path: Path, title: str, whole_target: float, inside_target: float, most: float) -> None:
    """One file, judged by both."""
    print(title)
    inside, whole = bench.in_process(path, 10), bench.whole(path)
    say("whole command", f"{whole.seconds:.2f} s, {inside['validity']}", whole.seconds <= most, f"{most:.1f} s")
    print(f"  {'in process':<34} {inside['seconds'] * 1e3:.1f} ms")
    if not bench.others:
        print(f"  {'s2-porcupine':<34} skipped, as asked for")
        return
    try:
        other = judged(second_opinion(bench.folder), path)
    except Missing as missing:
        print(f"  {'s2-porcupine':<34} skipped: {missing}")
        return
    ended = "" if other.code == 0 else f", ended with code {other.code}: no verdict within its bounds"
    print(f"  {'s2-porcupine':<34} {other.seconds:.1f} s, {other.peak / 1e9:.1f} GB{ended}")
    for name, seconds, target in (
        ("whole command", whole.seconds, whole_target),
        ("in process", inside["seconds"], inside_target),
    ):
        ratio = other.seconds / seconds
        say(f"  {name}", f"{ratio:,.0f} times as fast", ratio >= target, f"{target:,.0f} times")


def say(what: str, figure: str, reached: object, target: str) -> None:
    """One line of the table."""
    print(f"  {what:<34} {figure:<40} target {target}: {'reached' if reached else 'MISSED'}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="a history of 2,000 operations of 20 fencing clients, as collected")
    parser.add_argument("--operations", type=int, default=MILLION, help="instead of a million, for a try")
    parser.add_argument("--alone", action="store_true", help="do not run s2-porcupine")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(one(given.one, given.repeats)))
        return
    print(machine())
    print(", ".join(f"{name} {version(name)}" for name in ("fencepost", "numpy", "numba", "msgspec")))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.operations, not given.alone)
        parts: list[Callable[[Bench], None]] = [a_million, a_violation_at_the_end, clients, ten_million, indefinite]
        for part in parts:
            part(bench)
        small = bench.million * 35 // 1000
        path = bench.file("small", Recipe(small))
        beside(bench, path, f"{small:,} operations, 20 clients", 150, 2000, 133 / 150)
        if given.real is None:
            print("a real history of 20 fencing clients: not measured, --real gives none")
        else:
            beside(bench, _plain(given.real, bench.folder), "a real history of 20 fencing clients", 200, 5000, 0.6)


def _plain(path: Path, folder: Path) -> Path:
    """The file itself, or decompressed: s2-porcupine reads nothing else."""
    from fencepost.harness.history.sources import read_bytes

    plain = folder / "real"
    plain.write_bytes(read_bytes(path))
    return plain


if __name__ == "__main__":
    main()
