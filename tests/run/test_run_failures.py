"""Runs that go wrong: what is stored of them, and what is left."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fencepost import Append, UsageFailure, Validity, read_history
from fencepost.harness import certificates, store
from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.exits import ExitCode
from fencepost.harness.history.history import History
from fencepost.harness.run import RunFailure
from fencepost.harness.verdict import CheckResult, Verification
from tests.run import doubles
from tests.run.conftest import Run
from tests.run.stored_runs import only_folder, stored


def test_the_crash_of_a_client_is_in_the_history_and_fails_the_run(
    run: Run, script: doubles.Script, results: Path
) -> None:
    script.answering = lambda stream, call: ZeroDivisionError("a slip of the pen")
    result = run()
    assert result.exit_code is ExitCode.CRASH
    crashes = [remark.text for remark in result.history.remarks if remark.kind == "crash"]
    assert any("Traceback" in text and "a slip of the pen" in text for text in crashes)
    assert stored(result)["crashes"] == crashes
    assert "a slip of the pen" in (only_folder(results) / "run.log").read_text()


@pytest.mark.parametrize("moment", ["next", "make-generator"])
def test_a_workload_that_raises_fails_the_run_and_keeps_what_there_was(
    run: Run, script: doubles.Script, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise LookupError("out of ideas")

    if moment == "next":
        script.next = LookupError("out of ideas")
    else:
        monkeypatch.setattr(doubles.Counting, "generator", fail)
    result = run()
    assert result.exit_code is ExitCode.CRASH
    assert "LookupError: out of ideas" in (result.crash or "")
    assert len(result.history) == (4 if moment == "next" else 0)
    assert result.history.whole
    assert script.log[-1] == "torn down"


def test_answers_that_make_no_sense_are_a_crash_of_the_run_not_bad_usage(run: Run, script: doubles.Script) -> None:
    from fencepost import Ok, Position, Tail

    script.answering = lambda stream, call: Ok(Tail(Position(1, 1))) if isinstance(call, Append) else None
    with pytest.raises(RunFailure, match="history cannot be checked"):
        run()


def test_a_full_disk_is_told_and_what_was_written_stays(
    run: Run, results: Path, monkeypatch: pytest.MonkeyPatch, script: doubles.Script
) -> None:
    write, lines = os.write, 0

    def limited(descriptor: int, data: Any) -> int:
        nonlocal lines
        lines += 1
        if lines > 15:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2] if lines == 15 else data)

    monkeypatch.setattr("fencepost.harness.history.recorder.os.write", limited)
    result = run(operations=None)
    assert result.exit_code is ExitCode.CRASH
    assert "No space left on device" in (result.crash or "")
    assert not result.history.whole
    assert result.history.warnings
    assert 4 <= len(result.history) <= 13
    assert script.log[-1] == "torn down"


def test_a_target_that_cannot_be_set_up_is_told_and_torn_down(run: Run, script: doubles.Script, results: Path) -> None:
    script.set_up = doubles.unavailable("nobody listens there")
    with pytest.raises(RunFailure, match=r"nobody listens there; the files of the run are in .*partial"):
        run()
    assert script.log == ["set up", "torn down"]
    assert only_folder(results).suffix == ".partial"


def test_a_target_that_refuses_its_options_leaves_no_folder(run: Run, script: doubles.Script, results: Path) -> None:
    script.make = UsageFailure("--proxy: not with this target")
    with pytest.raises(UsageFailure, match="not with this target"):
        run()
    assert not list((results / "counting").iterdir())


# -- never half a folder that looks whole


def test_a_checker_that_raises_gives_unknown_with_its_traceback(run: Run, script: doubles.Script) -> None:
    script.check = ZeroDivisionError("a slip")
    result = run()
    assert result.exit_code is ExitCode.UNKNOWN
    (reason,) = stored(result)["checkers"]["double"]["reasons"]
    assert "Traceback" in reason
    assert "ZeroDivisionError: a slip" in reason


def test_an_interrupted_check_gives_unknown(run: Run, script: doubles.Script) -> None:
    script.check = KeyboardInterrupt()
    result = run()
    assert result.exit_code is ExitCode.UNKNOWN
    assert stored(result)["checkers"]["double"]["reasons"] == ["the check was interrupted"]


@pytest.mark.parametrize("moment", ["check", "plot"])
def test_a_harness_that_ends_while_it_judges_or_draws_leaves_a_partial_folder(
    run: Run, script: doubles.Script, results: Path, moment: str
) -> None:
    before = run()
    setattr(script, moment, SystemExit(3))
    with pytest.raises(SystemExit):
        run(formats=("png",))
    (partial,) = (results / "counting").glob("*.partial")
    assert read_history(partial / "history.jsonl").whole, "the history was safe before"
    assert (partial / "verdict.json").exists() == (moment == "plot")
    assert (results / "latest").resolve() == before.folder.resolve(), "latest is the last that was finished"
    assert [(r.path, r.whole) for r in store.stored_runs(results)] == [(before.folder, True), (partial, False)]
    assert "the run ended with an exception" in (partial / "run.log").read_text()


class Proof:
    """A certificate of nothing."""

    def parts(self) -> dict[str, bytes]:
        return {"nothing": b""}


class Doubter:
    """Verifies nothing."""

    def verify(self, history: History, parts: dict[str, bytes], claimed: Validity) -> Verification:
        assert parts == {"nothing": b""}
        return Verification((), ("there is nothing in it",))


@pytest.mark.parametrize("known", [True, False])
def test_a_verdict_whose_certificate_does_not_verify_is_a_crash(
    run: Run, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def proving(self: object, history: History, limits: CheckLimits) -> CheckResult:
        return replace(original(self, history, limits), certificate=Proof())

    original: Any = doubles.DoubleChecker.check
    monkeypatch.setattr(doubles.DoubleChecker, "check", proving)
    if known:
        monkeypatch.setattr(certificates.VERIFIERS, "make", lambda name: Doubter())
    result = run()
    assert result.exit_code is ExitCode.CRASH
    assert result.crash is not None
    assert ("there is nothing in it" if known else "no verifier is called 'double'") in result.crash
    assert stored(result)["validity"] == "valid"
    assert (result.folder / "certificate.zip").exists()


def test_a_picture_that_fails_is_told_and_changes_no_verdict(run: Run, script: doubles.Script) -> None:
    script.plot = ZeroDivisionError("no room for the axis")
    result = run(formats=("png",))
    assert result.exit_code is ExitCode.VALID
    assert result.complaints == ("the plot 'double' failed: ZeroDivisionError: no room for the axis",)


def test_interrupted_drawing_keeps_the_verdict(run: Run, script: doubles.Script) -> None:
    script.plot = KeyboardInterrupt()
    result = run(formats=("png",))
    assert result.exit_code is ExitCode.VALID
    assert "interrupted" in result.complaints[0]
    assert result.folder.suffix != ".partial"


def test_json_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "verdict.json"
    store.write_json(path, {"a": 1})

    def torn(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(OSError, match="full"):
        store.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_folder_of_results_that_cannot_be_is_bad_usage(run: Run, results: Path) -> None:
    results.write_text("a file")
    with pytest.raises(UsageFailure, match="choose another --results"):
        run()
