"""Rows of the checker's table: histories like those of real runs, with appends of unknown outcome."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench, judged, say
from benchmarks.commands import KILLED, Measured
from benchmarks.realistic_history import FOLDER, FORMATS

RUN: Final = 28_000
"""Operations of the recorded run with kills."""

_REPEATS: Final = 3
_MOST_MEMORY: Final = 1.2e9


def realistic(bench: Bench) -> None:
    """Measure a million operations in both formats, beside as many easy ones."""
    easy = bench.file("million", f"--operations={bench.million}")
    print(f"{bench.million:,} realistic operations: 0.2 % appends of unknown outcome, 28 % with a condition")
    print(f"  {'easy ones, s2-porcupine':<34} {bench.whole(easy, _REPEATS)}")
    for form, most, before in zip(FORMATS, (5, 3), ("27.6 s, 2,622 MB", "45.4 s, 1,668 MB"), strict=True):
        one = bench.whole(bench.realistic(bench.million, form=form), _REPEATS)
        reached = one.code == 0 and one.seconds <= most and one.peak < _MOST_MEMORY
        say(f"whole command, {form}", judged(one), reached, f"{most} s, 1,200 MB", before)


def reading(bench: Bench) -> None:
    """Measure reading these files alone, in process."""
    print(f"{bench.million:,} realistic operations, reading alone, in process")
    for form, most, before in zip(FORMATS, (3, 1.5), ("3.8 s", "24.6 s"), strict=True):
        path = bench.realistic(bench.million, form=form)
        one = bench.in_process(path, _REPEATS, checking=False).measured
        what, figure = f"{form} ({path.stat().st_size / 1e6:.0f} MB)", f"{one}, {one.faults:,} page faults"
        say(what, figure, one.code == 0 and one.seconds <= most, f"{most} s", before)


def violation(bench: Bench) -> None:
    """Measure one stale check-tail in the middle, explained, beyond the time to read the file."""
    path = bench.realistic(bench.million, "--violations=1")
    print(f"{bench.million:,} realistic operations, one in the middle a stale check-tail, explained")
    one = bench.whole(path, _REPEATS)
    beyond = one.seconds - bench.in_process(path, _REPEATS, checking=False).measured.seconds
    figure = f"{judged(one)}, {beyond:.3g} s beyond reading"
    say("whole command", figure, one.code == 1 and beyond <= 2, "2 s beyond reading", "32 s")


def violations(bench: Bench) -> None:
    """Measure ten thousand stale check-tails, beside the same history without them."""
    number = bench.million // 100
    print(f"{bench.million:,} realistic operations, {number:,} of them stale check-tails, explained")
    clean = bench.whole(bench.realistic(bench.million), _REPEATS)
    one = bench.whole(bench.realistic(bench.million, f"--violations={number}"), _REPEATS)
    ratio = one.processor / clean.processor
    say("whole command", f"{judged(one)}, {ratio:.2g}× the clean one", one.code == 1 and ratio <= 3, "3×")


def verifying(bench: Bench) -> None:
    """Measure the verification of a certificate, beside the check that wrote it and one that writes none."""
    path, proof = bench.realistic(bench.million), bench.folder / "proof.zip"
    print(f"{bench.million:,} realistic operations, the certificate of the verdict")
    check = bench.whole(path, _REPEATS)
    print(f"  {'check':<34} {judged(check)}")
    written = bench.whole(path, 1, "--certificate", str(proof))
    print(f"  {'check --certificate':<34} {judged(written)}")
    if not proof.exists():
        say("verify", "there is no certificate", False, "the check's time")
        return
    one = bench.command("verify", str(path), "--certificate", str(proof), repeats=_REPEATS)
    figure = judged(one) if one.code else f"{one}, verified"
    say("verify", figure, one.code == 0 and one.seconds <= check.seconds, "the check's time", "8.1 s")


def open_end(bench: Bench) -> None:
    """Measure a history that ends without a closing read."""
    number = bench.million // 10
    print(f"{number:,} realistic operations without a closing read")
    one = bench.whole(bench.realistic(number, "--no-closing-read"), _REPEATS)
    say("whole command", judged(one), one.code == 0 and one.seconds <= 0.8, "0.8 s", "4.2 s")


def indefinite(bench: Bench) -> None:
    """Measure histories in which one operation in ten is an append of unknown outcome."""
    number = bench.million // 10
    print(f"{number:,} realistic operations, 10 % of them appends of unknown outcome")
    for what, most, before, options in (
        ("with a closing read", 1.5, "6.9 s", ()),
        ("without", 2.5, "> 180 s", ("--no-closing-read",)),
    ):
        one = bench.whole(bench.realistic(number, "--indefinite=0.1", *options), _REPEATS)
        say(what, judged(one), one.code == 0 and one.seconds <= most, f"{most} s", before)


def few_trims(bench: Bench) -> None:
    """Measure how the time grows where one append in a hundred trims."""
    print("realistic operations, 1 % of the appends trim")
    steps = (_Step(bench.million // 10, 1.0, "7.9 s"), _Step(bench.million, None, "> 141 s"))
    _growing(bench, steps, "--trims=0.01", most=12)


def many_trims(bench: Bench) -> None:
    """Measure how the time grows where three appends in ten trim."""
    print("realistic operations, 30 % of the appends trim")
    steps = [
        _Step(bench.million // part, target, before)
        for part, target, before in (
            (80, None, "6.8 s"),
            (40, None, "15.5 s"),
            (20, None, "85.6 s"),
            (10, 2.0, "> 80 s"),
        )
    ]
    _growing(bench, steps, "--trims=0.3", most=2.5)


@dataclass(frozen=True, slots=True)
class _Step:
    """A size in a row of growing ones, its target in seconds if it has one, and the figure of earlier code."""

    operations: int
    seconds: float | None
    before: str


def _growing(bench: Bench, steps: Iterable[_Step], *options: str, most: float) -> None:
    """Measure each size, up to the first that takes too long. Each may take ``most`` times as long as the last."""
    last: Measured | None = None
    for step in steps:
        if last is not None and last.code == KILLED:
            print(f"  {step.operations:,}: not measured after that")
            continue
        one = bench.whole(bench.realistic(step.operations, *options), _REPEATS)
        ratio = 0.0 if last is None else one.seconds / last.seconds
        reached = one.code == 0 and ratio <= most and (step.seconds is None or one.seconds <= step.seconds)
        targets = [f"{most:g} times"] if last else []
        targets += [f"{step.seconds:g} s"] if step.seconds else []
        figure = judged(one) + (f", {ratio:.1f} times" if last else "")
        say(f"{step.operations:,}", figure, reached, ", ".join(targets), step.before)
        last = one


def kills(bench: Bench) -> None:
    """Measure the history of a real run against the bundled server, which is killed again and again."""
    number = bench.million * RUN // 1_000_000
    path = FOLDER / f"run-{number}-with-kills.jsonl"
    if not path.exists():
        _record(number, path)
    print(f"a recorded run of {number:,} operations with kills ({path.stat().st_size / 1e6:.0f} MB)")
    one = bench.whole(path)
    say("whole command", judged(one), one.code == 0 and one.seconds <= 0.6, "0.6 s", "1.7 s")


def _record(number: int, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fencepost", "run", "regular", "--faults", "kill", f"--ops={number}"]
        command += ["--seed=28", "--no-plots", "--results", folder]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder, "latest", "history.jsonl"), path)
