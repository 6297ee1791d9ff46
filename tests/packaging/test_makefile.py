"""The Makefile, in dry runs: what is set up when, and what options reach."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ("check", "test", "setup", "lint", "detect", "bench", "clean", "help")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    """What make says. Nothing is carried out but in ``help``; which Python it would find takes it long to say."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    env["PYTHON"] = sys.executable
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def test_help_is_the_default_and_explains_every_target() -> None:
    text = make()
    assert text == make("help")
    for target in TARGETS:
        assert re.search(rf"^ +{target} +\w", text, re.MULTILINE), target


@pytest.mark.parametrize("target", ["check", "test", "lint", "detect", "bench", "setup"])
def test_targets_set_themselves_up_once(tmp_path: Path, target: str) -> None:
    environment = tmp_path / "environment"
    first = make("-n", target, f"VENV={environment}")
    assert f"-m venv --clear {environment}" in first
    assert "--require-hashes" in first
    assert "-r requirements.lock" in first
    environment.mkdir()
    (environment / ".set-up").touch()
    assert "-m venv" not in make("-n", target, f"VENV={environment}")


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_new_lock_or_new_entry_points_are_set_up_again(tmp_path: Path, changed: str) -> None:
    (tmp_path / ".set-up").touch()
    assert "-m venv" in make("-n", "test", f"VENV={tmp_path}", "-W", changed)


def test_a_check_races_three_workloads_then_catches_a_planted_bug_and_takes_options(tmp_path: Path) -> None:
    (tmp_path / ".set-up").touch()
    lines = make("-n", "check", f"VENV={tmp_path}", "ARGS=--seed 7 --time-limit 30").splitlines()
    commands = [line.removeprefix(f"{tmp_path}/bin/") for line in lines if "fencepost" in line]
    assert commands == [
        "fencepost run regular match-seq-num fenced --seed 7 --time-limit 30",
        "fencepost run fenced --bug stale-fence-cache --expect stale-token-write --seed 7 --time-limit 30",
    ]


def test_cleaning_up_keeps_what_is_committed_of_the_results() -> None:
    text = make("-n", "clean")
    assert "find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name gallery" in text
