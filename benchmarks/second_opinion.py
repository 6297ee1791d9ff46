"""s2-porcupine, for comparison: the genuine program, or its model on the same library, built from source.

It needs gigabytes for a few thousand operations, so it always runs with limits on time and memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.commands import Measured, measured

SOURCE: Final = Path(__file__).parent.parent / "tests" / "differential" / "s2_porcupine"
GENUINE: Final = "S2_PORCUPINE"
"""The environment variable that names the genuine program."""

MOST_SECONDS: Final = 400
MOST_BYTES: Final = 18 << 30


class Missing(Exception):
    """s2-porcupine cannot run on this machine. The text says why."""


def second_opinion(folder: Path) -> Path:
    """Return the program that the environment names, or build it in ``folder``. Raise Missing if that is impossible."""
    if named := os.environ.get(GENUINE):
        if not os.access(named, os.X_OK):
            raise Missing(f"{GENUINE} names {named}, which is not a program")
        return Path(named).resolve()
    if not SOURCE.is_dir():
        raise Missing(f"there is no {SOURCE.relative_to(Path(__file__).parent.parent)}, and {GENUINE} names no program")
    go = shutil.which("go")
    if go is None:
        raise Missing(f"Go is not installed to build it, and {GENUINE} names no program")
    program = folder / "s2_porcupine"
    command = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"Go could not build it: {done.stderr.strip().splitlines()[-1]}")
    return program


def checked(program: Path, file: Path) -> Measured:
    """Let the program check a file, within limits. Raise Missing if the machine has too little memory."""
    if _available() < MOST_BYTES:
        raise Missing(
            f"only {_available() / 2**30:.0f} GiB of memory are available, but it may use {MOST_BYTES >> 30} GiB"
        )
    return measured([str(program), "-file", str(file)], MOST_SECONDS, MOST_BYTES)


def _available() -> int:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return MOST_BYTES
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvailable"))
