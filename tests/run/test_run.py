"""Whole runs against a target in memory: what is stored, how they close, what faults do."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from fencepost import Append, CheckTail, Read, UsageFailure, Validity, check, read_history
from fencepost.harness import closing
from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.client.outcome import Definite, Indefinite
from fencepost.harness.exits import ExitCode
from fencepost.harness.history.events import SCHEMA
from fencepost.harness.history.history import History, Kind, Outcome
from tests.run import doubles
from tests.run.conftest import Run
from tests.run.stored_runs import only_folder, purposes, stored


def test_a_run_stores_all_that_it_is_made_of(run: Run, results: Path) -> None:
    result = run(formats=("png",), streams=2)
    assert result.exit_code is ExitCode.VALID
    assert result.folder.parent == results / "counting"
    names = {path.name for path in result.folder.iterdir()}
    assert {"history.jsonl", "verdict.json", "options.json", "run.log", "plots"} <= names
    assert not list(results.rglob(".*")), "a draft was left behind"
    assert (result.folder / "plots" / "double.png").read_text() == "whole"
    assert (results / "latest").resolve() == result.folder.resolve()
    assert not (results / "latest").readlink().is_absolute(), "the folder can be moved"


def test_the_name_tells_the_utc_time_and_the_seed_and_the_header_the_rest(run: Run) -> None:
    result = run(seed=424242, clients=3)
    header = result.history.header
    stamp = header.started.replace("-", "").replace(":", "").removesuffix("+0000")
    assert result.folder.name == f"{stamp}-424242"
    assert header.seed == 424242
    assert header.version
    assert header.schema == SCHEMA
    assert header.workload == "counting"
    assert header.target == {"name": "memory", "mood": "mild"}
    assert header.options["clients"] == 3
    assert header.exercises == {"overlapping-appends": 1}
    assert [(stream.tail, stream.fencing_token) for stream in header.streams] == [(0, "")]
    assert json.loads((result.folder / "options.json").read_bytes())["seed"] == 424242


def test_the_history_is_whole_before_anything_is_judged(run: Run, results: Path, monkeypatch: Any) -> None:
    seen = []

    def looking(self: object, history: History, limits: CheckLimits) -> Any:
        folder = only_folder(results)
        seen.append((read_history(folder / "history.jsonl").whole, (folder / "verdict.json").exists(), folder.suffix))
        return original(self, history, limits)

    original = doubles.DoubleChecker.check
    monkeypatch.setattr(doubles.DoubleChecker, "check", looking)
    run()
    assert seen == [(True, False, ".partial")]


def test_the_same_history_gets_the_same_verdict_later(run: Run) -> None:
    result = run()
    again = check(result.folder)
    assert json.loads(json.dumps(again.as_dict())) == {"path": str(result.folder)} | stored(result)
    assert stored(result)["validity"] == "valid"
    assert stored(result)["checkers"]["double"]["details"] == {"seen": len(again.history)}


def test_two_runs_of_one_second_have_two_folders_and_latest_is_the_last(run: Run, results: Path) -> None:
    first, second = run(), run()
    assert first.folder != second.folder
    assert (results / "latest").resolve() == second.folder.resolve()
    assert {path.parent for path in (first.folder, second.folder)} == {results / "counting"}


def test_the_phases_are_in_the_history(run: Run) -> None:
    assert [r.text for r in run().history.remarks if r.kind == "phase"] == ["clients", "closing"]


@pytest.mark.parametrize(
    ("validity", "code"),
    [(Validity.VALID, 0), (Validity.INVALID, 1), (Validity.UNKNOWN, 2)],
)
def test_the_exit_code_says_the_verdict(run: Run, script: doubles.Script, validity: Validity, code: int) -> None:
    script.validity = validity
    result = run()
    assert result.exit_code == code
    assert stored(result)["validity"] == validity


# -- the closing


def test_every_stream_is_fenced_and_read_to_its_tail_at_the_end(run: Run) -> None:
    history = run(streams=3, operations=60).history
    fences, reads = purposes(history, closing.FENCE), purposes(history, closing.READ)
    assert sorted(history.operation(row).stream for row in fences) == sorted(s.name for s in history.header.streams)
    assert all(history.operation(row).last_fence for row in fences)
    clients = [row for row in range(len(history)) if row not in {*fences, *reads}]
    assert len(clients) == 60
    assert history.invoked[fences].min() >= history.ended[clients].max()
    for fence in fences:
        end = history.operation(fence).ack
        assert end is not None
        mine = [
            history.operation(row) for row in reads if history.operation(row).stream == history.operation(fence).stream
        ]
        read = sorted(n for op in mine if op.kind is Kind.READ for n in op.seq_nums)
        assert read == list(range(end[1])), "every record, once"


def test_the_closing_insists_with_a_new_identity_after_each_indefinite_end(
    run: Run, script: doubles.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "_PAUSES", (0.0, 0.0))
    lost = {Append: 2, CheckTail: 2, Read: 2}

    def answering(stream: str, call: Any) -> Any:
        # The fence is the closing's first append, and the only one with headers; what follows it is the closing's.
        closes = bool(call.records[0].headers) if isinstance(call, Append) else lost[Append] == 0
        if closes and lost[type(call)]:
            lost[type(call)] -= 1
            return Indefinite("lost")
        return None

    script.answering = answering
    result = run()
    assert result.exit_code is ExitCode.VALID
    history = result.history
    rows = purposes(history, closing.FENCE) + purposes(history, closing.READ)
    assert [int(history.outcome[row]) for row in rows].count(Outcome.INDEFINITE) == 6
    for before, after in itertools.pairwise(rows):
        same = history.process[before] == history.process[after]
        assert same == (history.outcome[before] != Outcome.INDEFINITE)
    tokens = [history.operation(row).last_fence for row in purposes(history, closing.FENCE)]
    assert len(set(tokens)) == 3, "an earlier attempt may have taken effect: no two may look alike"
    assert all(len((token or "").encode()) <= 36 for token in tokens)


def test_a_stream_that_cannot_be_closed_fails_the_run_but_the_others_are_closed(
    run: Run, script: doubles.Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "_PAUSES", (0.0, 0.0))

    def answering(stream: str, call: Any) -> Any:
        fence = isinstance(call, Append) and call.records[0].headers
        return Definite("unavailable", 503, {}) if fence and stream.endswith("-0") else None

    script.answering = answering
    result = run(streams=2)
    assert result.exit_code is ExitCode.CRASH
    assert "503, unavailable" in (result.crash or "")
    history = result.history
    assert history.whole
    failed = [history.operation(row).outcome for row in purposes(history, closing.FENCE)]
    assert failed == [Outcome.FAILED] * closing.ATTEMPTS + [Outcome.OK]
    assert {"closing-failure", "crash"} <= {remark.kind for remark in history.remarks}


def test_a_read_that_does_not_get_on_is_given_up(run: Run, script: doubles.Script) -> None:
    from fencepost import Batch, Ok

    script.answering = lambda stream, call: Ok(Batch(())) if isinstance(call, Read) else None
    result = run()
    assert result.exit_code is ExitCode.CRASH
    assert "made no progress" in (result.crash or "")


def test_the_history_survives_a_target_that_dies(
    run: Run, script: doubles.Script, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "_PAUSES", (0.0, 0.0))
    calls = 0

    def answering(stream: str, call: Any) -> Any:
        nonlocal calls
        calls += 1
        return Indefinite("connection lost") if calls > 10 else None

    script.answering = answering
    script.tear_down = doubles.unavailable("could not remove: the stream")
    result = run()
    assert result.exit_code is ExitCode.CRASH
    assert "connection lost" in (result.crash or "")
    assert "could not remove" in (result.crash or ""), "one trouble must not hide another"
    assert result.history.whole
    assert sum(result.history.outcome == Outcome.OK) == 10
    assert len(stored(result)["crashes"]) == 2
    assert result.folder == only_folder(results), "it is stored like any other"


# -- faults


def test_a_fault_is_in_the_history_and_healed_before_the_closing(run: Run, script: doubles.Script) -> None:
    history = run(faults=("hiccup",), operations=None, time_limit=0.2).history
    phases = [fault.phase for fault in history.faults]
    assert phases[:2] == ["start", "heal"]
    assert phases.count("start") == phases.count("heal")
    assert {fault.name for fault in history.faults} == {"hiccup"}
    closed = next(remark.time for remark in history.remarks if remark.text == "closing")
    assert all(fault.time <= closed for fault in history.faults)
    assert script.log.count("struck") == script.log.count("healed") == phases.count("start")


@pytest.mark.parametrize("moment", ["strike", "heal"])
@pytest.mark.parametrize("error", [doubles.unavailable("no such process"), ZeroDivisionError("a slip")], ids=repr)
def test_a_fault_that_fails_fails_the_run_and_is_in_the_history(
    run: Run, script: doubles.Script, results: Path, moment: str, error: Exception
) -> None:
    setattr(script, moment, error)
    result = run(faults=("hiccup",), operations=None)  # without end, but for the failure
    assert result.exit_code is ExitCode.CRASH
    assert str(error) in (result.crash or "")
    healed = (
        ("heal", "") if moment == "strike" else ("failure", str(error))
    )  # what is left in force is healed at the end
    found = [(fault.phase, fault.detail) for fault in result.history.faults]
    assert found == [("start", ""), ("failure", str(error)), healed]
    assert result.history.whole
    assert any(str(error) in text for text in stored(result)["crashes"])
    assert result.folder == only_folder(results)
    assert script.log[-1] == "torn down"


def test_a_fault_that_cannot_strike_this_target_is_refused_before_the_run(
    run: Run, results: Path, monkeypatch: pytest.MonkeyPatch, script: doubles.Script
) -> None:
    monkeypatch.setattr(doubles.Hiccup, "applies_to", lambda self, target: False)
    with pytest.raises(UsageFailure, match="'hiccup' does not apply to this target"):
        run(faults=("hiccup",))
    assert script.log == []
    assert not list(results.rglob("*.partial"))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"workload": "none-such"}, "no workload is called 'none-such'; there are: .*counting"),
        ({"target": "none-such"}, "no target is called 'none-such'; there are: .*memory"),
        ({"faults": ("none-such",)}, "no fault is called 'none-such'; there are: .*hiccup"),
    ],
)
def test_what_is_not_registered_is_refused_before_the_run(
    run: Run, results: Path, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(UsageFailure, match=what):
        run(**options)
    assert not results.exists()
