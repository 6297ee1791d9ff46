"""What each command brings in: starting up is a matter of imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .invoking import SECONDS, environment

HEAVY = {
    "anyio",
    "cryptography",
    "granian",
    "httpcore",
    "httpx",
    "llvmlite",
    "matplotlib",
    "nacl",
    "networkx",
    "numba",
    "numpy",
    "prometheus_client",
    "rich",
    "uvloop",
}
LOOK = "import json, sys; from fencepost.harness.cli.entry import run; code = run(sys.argv[1:]); "
TELL = "print(); print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))"


def imported(*arguments: str, cwd: Path) -> tuple[int, set[str]]:
    """The exit code of a command, and the top-level modules that are there afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK + TELL, *arguments],
        cwd=cwd,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["check", "--help"]], ids=" ".join)
def test_help_needs_next_to_nothing(tmp_path: Path, arguments: list[str]) -> None:
    code, names = imported(*arguments, cwd=tmp_path)
    assert code == 0
    assert "click" in names
    assert not names & HEAVY
    if arguments == ["--help"]:
        assert not names & {"asyncio", "msgspec"}


def test_importing_the_package_costs_nothing(tmp_path: Path) -> None:
    code = "import sys; before = set(sys.modules); import fencepost; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    new = {name.partition(".")[0] for name in json.loads(done.stdout.replace("'", '"'))}
    assert new <= {"fencepost", *sys.stdlib_module_names}
    assert "asyncio" not in new


def test_a_small_check_brings_in_neither_network_nor_pictures(tmp_path: Path, histories: dict[str, Path]) -> None:
    code, names = imported("check", str(histories["valid"]), cwd=tmp_path)
    assert code == 0
    assert "numpy" in names
    assert not names & (HEAVY - {"numpy"})


def test_only_a_violation_brings_in_graphs(tmp_path: Path, histories: dict[str, Path]) -> None:
    code, names = imported("check", str(histories["invalid"]), cwd=tmp_path)
    assert code == 1
    assert not names & (HEAVY - {"numpy", "networkx"})
