"""The checker on histories in s2-porcupine's format, beside s2-porcupine in the same run.

Histories are synthetic (see :mod:`benchmarks.porcupine_history`) unless ``--real FILE`` names one that the collector
recorded. **In process** is reading and checking the file once the compiled loops are loaded. **Whole command** is
``fencepost check FILE`` from start to end, after a first run. Both are the least of several times. Times are wall-clock
time, with the processor time of all threads in brackets. s2-porcupine runs once per file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.second_opinion import Measured, Missing, checked, measured, second_opinion

REPEATS: Final = 5
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Inside:
    """The verdict on a history that was read and checked in process, and the least time that this took."""

    validity: str
    measured: Measured

    def __str__(self) -> str:
        return f"{self.measured}, {self.validity}"


@dataclass(slots=True)
class Bench:
    """The folder of the files. ``taken`` is the time (seconds) for a million operations in process."""

    folder: Path
    million: int = MILLION
    others: bool = True
    taken: float = 0.0

    def file(self, name: str, *options: str) -> Path:
        """Return a synthetic history, made with these options if it does not exist."""
        path = self.folder / name
        if not path.exists():
            # Made in a separate process: a child's peak memory starts at the memory of the process that starts it.
            command = [sys.executable, "-m", "benchmarks.porcupine_history", str(path), *options]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            os.sync()  # otherwise the system writes it to the disk during measurements
        return path

    def in_process(self, path: Path, repeats: int = REPEATS) -> Inside:
        """Measure reading and checking the file in process."""
        command = [sys.executable, "-m", "benchmarks.checker", "--one", str(path), "--repeats", str(repeats)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return Inside(found["validity"], Measured(found["seconds"], found["processor"], found["peak"]))

    def whole(self, path: Path, repeats: int = REPEATS, *options: str) -> Measured:
        """Measure the whole command."""
        command = [sys.executable, "-m", "fencepost", "check", str(path), *options]
        return min((measured(command) for _ in range(repeats)), key=lambda one: one.seconds)


def one(path: Path, repeats: int) -> dict[str, Any]:
    """Measure in this process, and return the figures."""
    from fencepost.checkers.linearizability import Linearizability, compiled_loops  # noqa: F401
    from fencepost.harness.history.reader import read_history

    seconds, processor, validity = [], [], ""
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        history = read_history(path)
        validity = Linearizability().check(history).validity.value
        seconds.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        del history  # otherwise two histories are in memory while the next one is read
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": min(seconds), "processor": min(processor), "peak": peak, "validity": validity}


def a_million(bench: Bench) -> None:
    """Measure a million operations of 20 clients."""
    path = bench.file("million", f"--operations={bench.million}")
    print(f"{bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:.0f} MB)")
    bench.taken = _both(bench, path).measured.seconds


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
    path = bench.file("ten-million", f"--operations={10 * bench.million}")
    print(f"{10 * bench.million:,} operations, 20 clients ({path.stat().st_size / 1e6:,.0f} MB)")
    for name, one, before in (
        ("in process", bench.in_process(path, 3).measured, bench.taken),
        ("whole command", bench.whole(path, 2), bench.whole(bench.file("million")).seconds),
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


def beside(bench: Bench, path: Path, title: str, whole_target: float, inside_target: float, most: float) -> None:
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


def say(what: str, figure: str, reached: object, target: str) -> None:
    """Print one line of the table."""
    print(f"  {what:<34} {figure:<48} target {target}: {'reached' if reached else 'MISSED'}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="a history of 2,000 operations of 20 fencing clients, as collected")
    parser.add_argument("--operations", type=int, default=MILLION, help="instead of a million, for a quick try")
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
        parts: list[Callable[[Bench], None]] = [
            a_million,
            a_violation_at_the_end,
            certified,
            clients,
            ten_million,
            indefinite,
        ]
        for part in parts:
            part(bench)
        small = bench.million * 35 // 1000
        path = bench.file("small", f"--operations={small}")
        beside(bench, path, f"{small:,} operations, 20 clients", 150, 2000, 133 / 150)
        if given.real is None:
            print("a real history of 20 fencing clients: not measured, --real gives none")
        else:
            beside(bench, _plain(given.real, bench.folder), "a real history of 20 fencing clients", 200, 5000, 0.6)


def _plain(path: Path, folder: Path) -> Path:
    """Return the file, decompressed if necessary, because s2-porcupine does not decompress."""
    from fencepost.harness.history.sources import read_bytes

    plain = folder / "real"
    plain.write_bytes(read_bytes(path))
    return plain


if __name__ == "__main__":
    main()
