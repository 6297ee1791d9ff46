"""A workload may name the checkers that judge its histories, and a later check applies the same ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fencepost import CheckLimits, CheckResult, History, UsageFailure, Validity, read_history
from fencepost.harness import judge as judging
from fencepost.harness.history.parquet.writer import parquet
from fencepost.harness.judge import judge
from tests.run import doubles
from tests.run.conftest import Run


class Special:
    """A checker that judges only whoever names it."""

    name = "special"
    summary = "says valid, when asked"
    anomalies = ()
    general = False

    def check(self, history: History, limits: CheckLimits) -> CheckResult:
        return CheckResult(Validity.VALID, details={"asked": True})


@pytest.fixture
def both(installed: doubles.Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """The general checker ``double`` and the special one are installed."""
    get: Any = judging.CHECKERS.get
    monkeypatch.setattr(judging.CHECKERS, "names", lambda: ["double", "special"])
    monkeypatch.setattr(judging.CHECKERS, "get", lambda name: Special if name == "special" else get(name))


def name_checkers(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...] | None) -> None:
    monkeypatch.setattr(doubles.Counting, "checkers", names, raising=False)


@pytest.mark.usefixtures("both")
def test_without_names_every_general_checker_judges_and_no_other(run: Run) -> None:
    result = run()
    assert result.history.header.checkers is None
    assert list(result.verdict.results) == ["double"]


@pytest.mark.usefixtures("both")
def test_the_named_checkers_judge_and_no_others_also_later(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    name_checkers(monkeypatch, ("special",))
    result = run()
    assert result.history.header.checkers == ["special"]
    assert list(result.verdict.results) == ["special"]
    name_checkers(monkeypatch, None)  # a check reads the history and asks no workload
    assert list(judge(read_history(result.folder / "history.jsonl")).results) == ["special"]


@pytest.mark.usefixtures("both")
def test_a_named_checker_that_is_not_installed_makes_unknown_never_valid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_checkers(monkeypatch, ("double", "special"))
    result = run()
    assert result.verdict.validity is Validity.VALID
    monkeypatch.setattr(judging.CHECKERS, "names", lambda: ["double"])
    again = judge(read_history(result.folder / "history.jsonl"))
    assert again.validity is Validity.UNKNOWN
    assert again.results["double"].validity is Validity.VALID
    (reason,) = again.results["special"].reasons
    assert reason.startswith("the history names the checker 'special', which is not installed (there are: double)")
    assert "Traceback" not in reason


@pytest.mark.usefixtures("both")
def test_a_run_whose_workload_names_a_checker_that_is_not_installed_does_not_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    name_checkers(monkeypatch, ("double", "oracle"))
    with pytest.raises(UsageFailure, match="no checker is called 'oracle'"):
        run()
    assert not results.exists()


@pytest.mark.usefixtures("both")
def test_the_names_survive_in_parquet_and_files_of_before_have_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name_checkers(monkeypatch, ("special",))
    result = run()
    (tmp_path / "history.parquet").write_bytes(parquet(result.history))
    assert read_history(tmp_path / "history.parquet").header.checkers == ["special"]
    header, *events = (result.folder / "history.jsonl").read_bytes().splitlines(keepends=True)
    fields = json.loads(header)
    del fields["checkers"]
    old = tmp_path / "old.jsonl"
    old.write_bytes(json.dumps(fields).encode() + b"\n" + b"".join(events))
    assert read_history(old).header.checkers is None
