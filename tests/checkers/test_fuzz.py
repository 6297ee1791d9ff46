"""The fuzzer: it tells what is wrong, makes it smaller, writes it down, and says so with its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost.checkers.kernel.verify import Checked
from fencepost.harness.history.reader import read_history
from fencepost.harness.verdict import CheckResult, Validity
from tests.checkers import examining, fuzz
from tests.checkers.damage import story_of
from tests.checkers.oracle import explain
from tests.checkers.shrinking import shrunk


def test_nothing_wrong_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--histories", "40", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("40 histories from seed 1000000: ")
    assert ", all proven\n" in out
    assert " forged proofs, none accepted; " in out


def test_a_run_goes_on_where_another_was(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    state = ["--jobs", "1", "--state", str(tmp_path / "state.json")]
    assert fuzz.main(["--histories", "20", *state]) == 0
    assert fuzz.main(["--histories", "40", *state]) == 0
    in_two = capsys.readouterr().out.splitlines()[2:]
    assert fuzz.main(["--histories", "40", "--jobs", "1"]) == 0
    in_one = capsys.readouterr().out.splitlines()
    assert in_two[0] == in_one[0]
    with pytest.raises(SystemExit, match="other seeds"):
        fuzz.main(["--histories", "40", "--seed", "7", *state])


def test_a_disagreement_is_told_with_its_seed_and_written_as_a_journal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    class Credulous:
        def __init__(self, minimal: bool) -> None: ...

        def check(self, history: object) -> CheckResult:
            return CheckResult(Validity.VALID, (), ())

    monkeypatch.setattr(fuzz, "Linearizability", Credulous)
    monkeypatch.setattr(examining, "verify", lambda *_: Checked())
    report = fuzz.work(fuzz.Task(range(100), fuzz.JUDGED, False, True))
    assert report.seed is not None
    monkeypatch.setattr(fuzz, "run", lambda options, features: report)
    assert fuzz.main(["--output", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert f"seed {report.seed}: the checker says valid, but no order explains it" in told
    written = read_history(tmp_path / f"fuzz-checker-{report.seed}.jsonl")
    assert 0 < len(written) <= len(story_of(report.seed, fuzz.JUDGED).history)


def test_a_verdict_that_is_not_proven_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Checked(failures=["it might be otherwise"])
    monkeypatch.setattr(examining, "verify", lambda *_: failing)
    report = fuzz.work(fuzz.Task(range(2), fuzz.JUDGED, False, True))
    assert report.seed == 0
    assert report.problem.endswith("is not proven (it might be otherwise)")


def test_what_is_shrunk_is_still_wrong_and_nothing_can_be_left_out() -> None:
    story = next(s for s in map(story_of, range(1, 99, 2)) if explain(s.ops, s.tail, s.token) is None)
    small = shrunk(story, lambda s: explain(s.ops, s.tail, s.token) is None)
    assert explain(small.ops, small.tail, small.token) is None
    for i in range(len(small.ops)):
        assert explain(small.ops[:i] + small.ops[i + 1 :], small.tail, small.token) is not None
