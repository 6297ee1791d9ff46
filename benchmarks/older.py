"""Unpacks an older commit of this repository, so that its package can be measured in the same run."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

BEFORE: Final = "00a62a2"
"""The last commit whose client went through httpcore, and whose scheduler had a coordinator."""


def unpack(commit: str, folder: Path) -> Path:
    """Unpack a commit into ``folder``, and return the directory from which its package can be imported."""
    archive = subprocess.run(["git", "archive", commit], check=False, cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"git has no commit {commit} here; in a shallow clone: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="tar")
    return folder / "src"


def environment(source: Path) -> dict[str, str]:
    """Return the environment for a process that imports the package from ``source``."""
    return {**os.environ, "PYTHONPATH": str(source)}
