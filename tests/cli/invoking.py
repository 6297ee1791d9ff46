"""The command as a process, and inside of this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.cli import entry

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
"""After which a command hangs."""


def environment(site: Path | None = None, **more: str) -> dict[str, str]:
    """This process's, without what would change the output; with ``site`` the doubles can be found as well."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    if site is not None:
        before = os.environ.get("PYTHONPATH")
        kept["PYTHONPATH"] = os.pathsep.join([str(site), str(ROOT), *([before] if before else [])])
    return kept | more


def command(*arguments: str) -> list[str]:
    """The command line of the command."""
    return [sys.executable, "-m", "fencepost", *arguments]


def fencepost(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=env or environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )


@dataclass(frozen=True)
class Said:
    """How a command ended, inside of this process."""

    code: int
    out: str
    err: str


Inside = Callable[..., Said]


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Runs the command inside of this process, in an empty folder: cheap, for what needs no process of its own."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def invoke(*arguments: Any) -> Said:
        code = entry.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return invoke
