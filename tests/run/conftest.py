"""Runs in memory, in the process of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fencepost import RunOptions, RunResult, execute
from fencepost.harness import judge, pictures
from tests.cli.invoking import inside  # noqa: F401 (a fixture)
from tests.run import doubles
from tests.run.stage import stage  # noqa: F401 (a fixture)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> doubles.Script:
    """What goes wrong in this test's runs."""
    new = doubles.Script()
    monkeypatch.setattr(doubles, "SCRIPT", new)
    return new


class Silent:
    """A reporter that keeps what it was told."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        pass


Run = Callable[..., RunResult]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: doubles.Script) -> doubles.Script:
    """The doubles are an installed package, and only their checker and plot speak; what goes wrong."""
    monkeypatch.syspath_prepend(str(doubles.register(tmp_path / "site")))
    for registry in (judge.CHECKERS, pictures.PLOTS):
        monkeypatch.setattr(registry, "names", lambda: ["double"])
    return script


@pytest.fixture
def run(tmp_path: Path, installed: doubles.Script) -> Run:
    """Executes a run of the doubles; its results are in ``tmp_path / "results"``."""

    def execute_run(**options: Any) -> RunResult:
        given = {"workload": "counting", "target": "memory", "seed": 5, "clients": 2, "time_limit": None}
        given |= {"formats": ()} | ({} if "time_limit" in options else {"operations": 20}) | options
        return execute(RunOptions(results=tmp_path / "results", **given), Silent())

    return execute_run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Where :func:`run` keeps what it stores."""
    return tmp_path / "results"
