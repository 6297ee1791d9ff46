"""Rows of the checker's table: histories like those of real runs, with appends of unknown outcome."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
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
    for form, most in zip(FORMATS, (5, 3), strict=True):
        one = bench.whole(bench.realistic(bench.million, form=form), _REPEATS)
        reached = one.code == 0 and one.seconds <= most and one.peak < _MOST_MEMORY
        say(f"whole command, {form}", judged(one), reached, f"{most} s, 1,200 MB")


def reading(bench: Bench) -> None:
    """Measure reading these files alone, in process."""
    print(f"{bench.million:,} realistic operations, reading alone, in process")
    for form, most in zip(FORMATS, (3.0, 1.5), strict=True):
        path = bench.realistic(bench.million, form=form)
        one = bench.in_process(path, _REPEATS, checking=False).measured
        figure = f"{one}, {one.faults:,} page faults"
        say(f"{form} ({path.stat().st_size / 1e6:.0f} MB)", figure, one.code == 0 and one.seconds <= most, f"{most} s")


def violation(bench: Bench) -> None:
    """Measure one stale check-tail in the middle, explained, beyond the time to read the file."""
    path = bench.realistic(bench.million, "--violation")
    print(f"{bench.million:,} realistic operations, one in the middle a stale check-tail, explained")
    one = bench.whole(path, _REPEATS)
    beyond = one.seconds - bench.in_process(path, _REPEATS, checking=False).measured.seconds
    figure = f"{judged(one)}, {beyond:.3g} s beyond reading"
    say("whole command", figure, one.code == 1 and beyond <= 2, "2 s beyond reading")


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
    say("verify", figure, one.code == 0 and one.seconds <= check.seconds, "the check's time")


def open_end(bench: Bench) -> None:
    """Measure a history that ends without a closing read."""
    number = bench.million // 10
    print(f"{number:,} realistic operations without a closing read")
    one = bench.whole(bench.realistic(number, "--no-closing-read"), _REPEATS)
    say("whole command", judged(one), one.code == 0 and one.seconds <= 0.8, "0.8 s")


def indefinite(bench: Bench) -> None:
    """Measure histories in which one operation in ten is an append of unknown outcome."""
    number = bench.million // 10
    print(f"{number:,} realistic operations, 10 % of them appends of unknown outcome")
    for what, most, options in ("with a closing read", 1.5, ()), ("without", 2.5, ("--no-closing-read",)):
        one = bench.whole(bench.realistic(number, "--indefinite=0.1", *options), _REPEATS)
        say(what, judged(one), one.code == 0 and one.seconds <= most, f"{most} s")


def few_trims(bench: Bench) -> None:
    """Measure how the time grows where one append in a hundred trims."""
    print("realistic operations, 1 % of the appends trim")
    _growing(bench, (bench.million // 10, bench.million), "--trims=0.01", seconds=(1.0, None), most=12)


def many_trims(bench: Bench) -> None:
    """Measure how the time grows where three appends in ten trim."""
    print("realistic operations, 30 % of the appends trim")
    sizes = [bench.million // part for part in (80, 40, 20, 10)]
    _growing(bench, sizes, "--trims=0.3", seconds=(None, None, None, 2.0), most=2.5)


def _growing(bench: Bench, sizes: Iterable[int], *options: str, seconds: tuple[float | None, ...], most: float) -> None:
    """Measure each size, up to the first that takes too long. Each may take ``most`` times as long as the one before.

    ``seconds`` are the targets of the sizes, where there are any.
    """
    before: Measured | None = None
    for number, target in zip(sizes, seconds, strict=True):
        if before is not None and before.code == KILLED:
            print(f"  {number:,}: not measured after that")
            continue
        one = bench.whole(bench.realistic(number, *options), _REPEATS)
        ratio = 0.0 if before is None else one.seconds / before.seconds
        reached = one.code == 0 and ratio <= most and (target is None or one.seconds <= target)
        targets = [f"{most:g} times"] if before else []
        targets += [f"{target:g} s"] if target else []
        figure = judged(one) + (f", {ratio:.1f} times" if before else "")
        if targets:
            say(f"{number:,}", figure, reached, ", ".join(targets))
        else:
            print(f"  {f'{number:,}':<34} {figure}", flush=True)
        before = one


def kills(bench: Bench) -> None:
    """Measure the history of a real run against the bundled server, which is killed again and again."""
    number = bench.million * RUN // 1_000_000
    path = FOLDER / f"run-{number}-with-kills.jsonl"
    if not path.exists():
        _record(number, path)
    print(f"a recorded run of {number:,} operations with kills ({path.stat().st_size / 1e6:.0f} MB)")
    one = bench.whole(path)
    say("whole command", judged(one), one.code == 0 and one.seconds <= 0.6, "0.6 s")


def _record(number: int, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fencepost", "run", "regular", "--faults", "kill", f"--ops={number}"]
        command += ["--seed=28", "--no-plots", "--results", folder]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder, "latest", "history.jsonl"), path)
