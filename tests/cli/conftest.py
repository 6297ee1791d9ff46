"""The command as a process, and inside of this one; histories for it to judge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.cli import entry
from tests.checkers.histories import append, check_tail, jsonl, read
from tests.run import doubles
from tests.run.conftest import installed, script  # noqa: F401 (fixtures)

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
"""After which a command hangs."""


def environment(site: Path | None = None, **more: str) -> dict[str, str]:
    """This process's, without what would change the output; with ``site`` the doubles can be found as well."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    return kept | ({} if site is None else {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}) | more


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


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where the doubles are installed, for a process of its own."""
    return doubles.register(tmp_path / "site-of-doubles")


VALID = jsonl(append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 2), read(1, 5, 6, 0, saw="a b"))
INVALID = jsonl(append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 0), read(1, 5, 6, 0, saw="a b"))
UNKNOWN = jsonl(append(0, 1, None, "a b"))


@pytest.fixture
def histories(tmp_path: Path) -> dict[str, Path]:
    """A valid, an invalid and an undecided history, and some that are none."""
    contents: dict[str, bytes] = {
        "valid": VALID,
        "invalid": INVALID,
        "unknown": UNKNOWN,
        "empty": b"",
        "malformed": VALID.replace(b'"type":"ack"', b'"type":"ick"'),
        "cut": VALID.rstrip()[:-5],
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(content)
    return paths


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a short real run was stored: ``results/latest``."""
    folder = tmp_path_factory.mktemp("stored")
    arguments: Sequence[str] = ("run", "regular", "--time-limit", "1", "--seed", "11", "--no-plots", "--json")
    done = fencepost(*arguments, cwd=folder)
    assert done.returncode in (0, 2), done.stderr
    (folder / "said").write_text(done.stdout)
    (folder / "told").write_text(done.stderr)
    return folder
