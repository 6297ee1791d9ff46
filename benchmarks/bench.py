"""What the rows of the checker's table share: the files, the measurements, and how a row is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.commands import KILLED, Measured, measured
from benchmarks.in_process import Inside, in_process

REPEATS: Final = 5
MILLION: Final = 1_000_000
_LONG: Final = 10.0
"""Seconds. What takes longer is measured once."""

_PATIENCE: Final = 5
"""How many times the limit on processor time a command may take on a busy machine."""

VERDICTS: Final = {0: "valid", 1: "invalid", 2: "unknown"}


@dataclass(slots=True)
class Bench:
    """The folder of the files, and the options. ``limit`` is the most processor seconds of one command."""

    folder: Path
    million: int = MILLION
    others: bool = True
    real: Path | None = None
    limit: int = 200

    def file(self, name: str, *options: str) -> Path:
        """Return an easy history, made with these options if it does not exist."""
        path = self.folder / name
        if not path.exists():
            # Made in a separate process: a child's peak memory starts at the memory of the process that starts it.
            self._make("benchmarks.porcupine_history", str(path), *options)
        return path

    def realistic(self, operations: int, *options: str, form: str = "journal") -> Path:
        """Return a realistic history of that many operations, made if it is not kept from an earlier run."""
        made = self._make("benchmarks.realistic_history", f"--operations={operations}", f"--format={form}", *options)
        return Path(made.strip())

    def _make(self, module: str, *options: str) -> str:
        done = subprocess.run([sys.executable, "-m", module, *options], stdout=subprocess.PIPE, check=True, text=True)
        os.sync()  # otherwise the system writes it to the disk during measurements
        return done.stdout

    def in_process(self, path: Path, repeats: int = REPEATS, *, checking: bool = True) -> Inside:
        """Measure reading (and checking) the file in process."""
        return in_process(path, repeats, checking=checking, limit=_PATIENCE * repeats * self.limit)

    def whole(self, path: Path, repeats: int = REPEATS, *options: str) -> Measured:
        """Measure the whole command ``check``. The limit ends it, rather than the clock that a search has."""
        patience = str(_PATIENCE * self.limit)
        return self.command("check", str(path), "--search-seconds", patience, *options, repeats=repeats)

    def command(self, *arguments: str, repeats: int = REPEATS) -> Measured:
        """Measure a whole command of fencepost: the least of several times, of one if it takes long."""
        best = self._measured(*arguments)
        for _ in range(repeats - 1):
            if best.seconds > _LONG:
                break
            best = min(best, self._measured(*arguments), key=lambda one: one.seconds)
        return best

    def _measured(self, *arguments: str) -> Measured:
        command = [sys.executable, "-m", "fencepost", *arguments]
        return measured(command, _PATIENCE * self.limit, most_processor=self.limit)


def say(what: str, figure: str, reached: object, target: str, before: str = "") -> None:
    """Print one line of the table. ``before`` is the processor time of earlier code."""
    verdict = f"target {target}: {'reached' if reached else 'MISSED'}" if target else ""
    beside = ", ".join(text for text in (verdict, before and f"before {before}") if text)
    print(f"  {what:<34} {figure:<48} {beside}".rstrip(), flush=True)


def judged(one: Measured) -> str:
    """Return the cost of a check, and its verdict if it came to one."""
    return f"{one}" if one.code == KILLED else f"{one}, {VERDICTS.get(one.code, f'code {one.code}')}"
