"""Runs in memory, as in ``tests/run``, with faults of the test's own."""

from __future__ import annotations

import pytest

from fencepost.harness.nemesis.fault import Fault
from fencepost.harness.run import FAULTS
from tests.cli.invoking import inside  # noqa: F401 (a fixture)
from tests.run import doubles
from tests.run.conftest import installed, results, run, script  # noqa: F401 (fixtures)


@pytest.fixture
def registered(installed: doubles.Script, monkeypatch: pytest.MonkeyPatch) -> dict[str, Fault]:  # noqa: F811
    """The faults that are registered in this test, by name; it fills this in."""
    faults: dict[str, Fault] = {}
    monkeypatch.setattr(FAULTS, "get", lambda name: lambda: faults[name])
    return faults
