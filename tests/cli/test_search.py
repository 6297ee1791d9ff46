"""A search that takes too long: bounded by options, told of, interrupted."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from fencepost.testing import jsonl
from tests.checkers.partitions import hard

from .invoking import Inside, command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history that nobody decides quickly."""
    path = tmp_path / "hard.jsonl"
    path.write_bytes(jsonl(*hard()))
    return path


@pytest.mark.parametrize(
    ("option", "value", "spent"),
    [
        ("--search-states", "1000", "1,000 states"),
        ("--search-seconds", "0.3", "0.3 seconds"),
        ("--search-memory", "1", "1 MiB"),
    ],
)
def test_a_budget_is_kept_and_what_is_open_is_named(
    inside: Inside, path: Path, option: str, value: str, spent: str
) -> None:
    said = inside("check", path, option, value)
    assert said.code == 2, said.err
    assert f"the search was given up after {spent}" in said.out
    assert "candidates, all of unknown outcome: #" in said.out
    assert "would settle it" in said.out


def test_a_budget_that_makes_no_sense_is_refused(inside: Inside, path: Path) -> None:
    said = inside("check", path, "--search-seconds", "0")
    assert said.code == 254
    assert "--search-seconds 0: must be greater than 0" in said.err


def test_a_long_search_tells_of_itself_and_may_be_interrupted(path: Path) -> None:
    with subprocess.Popen(
        command("check", str(path), "--search-seconds", "600", "--search-states", "1000000000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any("states of the search" in line for line in process.stderr)  # blocks until it comes, or the end
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 2, (out, err)
    assert "the search was interrupted" in out
    assert "candidates, all of unknown outcome: #" in out
