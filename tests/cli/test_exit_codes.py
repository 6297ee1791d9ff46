"""Every way to end has its exit code, and bad input gets one clear line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from fencepost import Validity
from fencepost.harness.cli import entry
from tests.run.doubles import Script

from .invoking import SECONDS, Inside, command, environment, fencepost

USAGE = 254
CRASH = 255


# -- verdicts


@pytest.mark.parametrize(("name", "code"), [("valid", 0), ("invalid", 1), ("unknown", 2), ("cut", 0)])
def test_a_check_ends_with_its_verdict(inside: Inside, histories: dict[str, Path], name: str, code: int) -> None:
    said = inside("check", histories[name])
    assert said.code == code, said
    if name != "cut":
        assert f"{name.upper()}: " in said.out


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("valid", "valid"), 0),
        (("unknown", "valid"), 2),
        (("invalid", "unknown", "valid"), 1),
        (("invalid", "malformed"), USAGE),
        (("malformed", "invalid"), USAGE),
    ],
)
def test_several_histories_end_with_the_worst_and_each_is_judged(
    inside: Inside, histories: dict[str, Path], names: tuple[str, ...], code: int
) -> None:
    said = inside("check", *(histories[name] for name in names))
    assert said.code == code
    for name in set(names) - {"malformed"}:
        assert f"{name.upper()}: " in said.out


@pytest.mark.parametrize(
    ("validity", "expect", "code"),
    [
        (Validity.VALID, False, 0),
        (Validity.INVALID, False, 1),
        (Validity.UNKNOWN, False, 2),
        (Validity.INVALID, True, 0),
        (Validity.VALID, True, 1),
        (Validity.UNKNOWN, True, 1),
    ],
)
def test_a_run_ends_with_its_verdict_or_with_whether_it_is_the_expected_one(
    inside: Inside, installed: Script, validity: Validity, expect: bool, code: int
) -> None:
    installed.validity = validity
    options = ("--expect", "double-trouble") if expect else ()
    said = inside("run", "counting", "--target-kind", "memory", "--ops", "10", "--no-plots", *options)
    assert said.code == code
    if expect:
        assert f"expected double-trouble: {'found' if code == 0 else 'NOT found'}" in said.err


def test_an_expected_anomaly_does_not_excuse_a_crash(inside: Inside, installed: Script) -> None:
    installed.validity = Validity.INVALID
    installed.tear_down = LookupError("something was left behind")
    options = ("--target-kind", "memory", "--ops", "10", "--no-plots", "--expect", "double-trouble")
    said = inside("run", "counting", *options)
    assert said.code == CRASH
    assert "something was left behind" in said.err


def test_a_planted_bug_is_invalid_and_expecting_it_a_success(inside: Inside) -> None:
    options = ("--bug", "match-off-by-one", "--ops", "400", "--seed", "3", "--no-plots", "--json")
    said = inside("run", "match-seq-num", *options)
    assert said.code == 1, said.err
    verdict = json.loads(said.out)
    assert verdict["validity"] == "invalid"
    anomalies = {v["anomaly"] for result in verdict["checkers"].values() for v in result["violations"]}
    assert "match-violation" in anomalies
    assert inside("check", verdict["path"]).code == 1


# -- bad usage: one line that says what, and 254


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["conquer"], "conquer"),
        (["run", "regular", "--conquer"], "--conquer"),
        (["run"], "WORKLOAD"),
        (["check"], "PATH"),
        (["run", "regular", "--clients", "many"], "'many' is not a valid integer"),
        (["run", "regular", "--clients", "0"], "--clients 0: must be from 1 to 1000"),
        (["run", "regular", "--time-limit", "-1"], "--time-limit -1.0: must be greater than 0"),
        (["run", "conquest"], "no workload is called 'conquest'; there are: fenced, "),
        (["run", "regular", "conquest"], "no workload is called 'conquest'"),
        (["run", "regular", "--bug", "bugbear"], "no seeded bug is called 'bugbear'; there are: "),
        (["run", "regular", "--faults", "kill,earthquake"], "no fault is called 'earthquake'; there are: "),
        (["run", "regular", "--expect", "anomie"], "--expect anomie: there is no anomaly of that name; there are: "),
        (["run", "regular", "--basin", "b"], "--basin is of use only with --target URL"),
        (["run", "regular", "--token-env", "T"], "--token-env is of use only with --target URL"),
        (["run", "regular", "--proxy", "http://p"], "--proxy is of use only with --target URL"),
        (["run", "regular", "--target-kind", "planet"], "no target is called 'planet'; there are: endpoint"),
        (["run", "regular", "--target", "http://127.0.0.1:1"], "needs --basin NAME: "),
        (["run", "regular", "--target", "localhost", "--basin", "b"], "begins with http:// or https://"),
        (["run", "regular", "--target", "http://me:pw@h", "--basin", "b"], "without user"),
        (["run", "regular", "--target", "http://h:x", "--basin", "b"], "not a URL"),
        (["run", "regular", "--target", "http://h", "--basin", "b b"], "the basin name 'b b' cannot be sent"),
        (["run", "regular", "--target", "http://h", "--basin", "b", "--proxy", "p"], "the proxy must be a URL"),
        (
            ["run", "regular", "--target", "http://h", "--basin", "b", "--bug", "torn-batch"],
            "'endpoint' has no option 'bug'",
        ),
        (["run", "regular", "--target-option", "hat=1"], "'reference' has no option 'hat'; its options are: bug (text"),
        (
            ["run", "regular", "--target-option", "hat"],
            "--target-option hat: must be NAME=VALUE (see: fencepost targets)",
        ),
        (
            ["run", "regular", "--target-kind", "endpoint"],
            "needs --target URL: the URL of the endpoint; its options are",
        ),
        (["run", "regular", "--target", "http://h", "--basin", "b", "--faults", "kill"], "'kill' does not apply"),
        (["run", "regular", "--target", "http://h", "--basin", "b", "--token-env", "NO_SUCH_V"], "NO_SUCH_V"),
        (["run", "regular", "--target", "https://h", "--basin", "b", "--ca-bundle", "/none"], "/none"),
        (["run", "regular", "--target", "https://h", "--basin", "b", "--ca-bundle", __file__], "give a PEM file"),
        (["check", "nowhere"], "nowhere does not exist; name a run's folder or a history file"),
        (["check", "."], "is a folder without a history.jsonl"),
        (["plot", "nowhere"], "nowhere does not exist"),
        (["plot", "nowhere", "--only", "portrait"], "no plot is called 'portrait'; there are: "),
        (["repro", "fairy-tale"], "no story is called 'fairy-tale'; there are: stale-writer"),
        (["serve", "--port", "70000"], "70000"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_told_and_leaves_nothing_behind(inside: Inside, arguments: list[str], what: str) -> None:
    said = inside(*arguments)
    assert said.code == USAGE, said
    assert said.out == ""
    assert what in said.err
    assert "Traceback" not in said.err
    assert not list(Path.cwd().rglob("*.partial")), "a run that never began"


@pytest.mark.parametrize(
    ("name", "where"),
    [("malformed", "malformed.jsonl:3:"), ("empty", "empty.jsonl:1: the file is empty")],
)
def test_a_history_that_is_none_names_file_line_and_field(
    inside: Inside, histories: dict[str, Path], name: str, where: str
) -> None:
    for arguments in (["check"], ["check", "--json"], ["plot", "--output", "pictures"]):
        said = inside(*arguments, histories[name])
        assert said.code == USAGE
        assert where in said.err
        assert len(said.err.splitlines()) == 1
        assert said.out == "" or ("--json" in arguments and where in json.loads(said.out)["error"])


def test_a_line_that_was_cut_is_told_and_no_more_than_that(inside: Inside, histories: dict[str, Path]) -> None:
    said = inside("check", histories["cut"])
    assert "warning: line 8 was cut after" in said.out


def test_no_command_at_all_shows_the_help(inside: Inside) -> None:
    said = inside()
    assert said.code == USAGE
    assert "Commands:" in said.out + said.err


# -- crashes


def test_an_exception_that_nobody_foresaw_is_a_crash(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a slip of the pen")

    monkeypatch.setattr("fencepost.harness.cli.runs.stored_runs", fail)
    said = inside("runs")
    assert said.code == CRASH
    assert "ZeroDivisionError: a slip of the pen" in said.err
    assert "not a verdict" in said.err


def test_a_run_that_crashed_says_so_in_every_place(inside: Inside, installed: Script) -> None:
    installed.strike = LookupError("the lever broke off")
    options = ("--target-kind", "memory", "--faults", "hiccup", "--no-plots")
    said = inside("run", "counting", *options, "--json")
    assert said.code == CRASH
    assert "the lever broke off" in said.err
    verdict = json.loads(said.out)
    assert any("the lever broke off" in crash for crash in verdict["crashes"])
    (row,) = json.loads(inside("runs", "--json").out)
    assert row["verdict"] == "valid (the run crashed)"


def test_a_target_that_cannot_be_set_up_is_one_line(inside: Inside, installed: Script) -> None:
    installed.set_up = LookupError("nobody there")
    said = inside("run", "counting", "--target-kind", "memory")
    assert said.code == CRASH
    (line,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    assert "nobody there" in line
    assert "Traceback" not in said.err
    assert said.out == ""
    (row,) = json.loads(inside("runs", "--json").out)
    assert row["verdict"] == "(not finished)"


def test_pictures_that_fail_are_told_and_do_not_change_a_runs_exit_code(inside: Inside, installed: Script) -> None:
    installed.plot = ZeroDivisionError("no room for the axis")
    said = inside("run", "counting", "--target-kind", "memory", "--ops", "10")
    assert said.code == 0
    assert "the plot 'double' failed: ZeroDivisionError: no room for the axis" in said.err
    assert inside("plot", "results/latest").code == CRASH, "drawing was all that was asked for"


# -- the other side goes away


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize("name", ["valid", "invalid", "malformed"])
def test_a_closed_pipe_changes_no_exit_code(histories: dict[str, Path], tmp_path: Path, closed: str, name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writing}
    with subprocess.Popen(
        command("check", str(histories[name])), cwd=tmp_path, env=environment(), **streams
    ) as process:
        os.close(writing)
        rest = b"".join(part or b"" for part in process.communicate(timeout=SECONDS))
        assert process.returncode == {"valid": 0, "invalid": 1, "malformed": USAGE}[name]
    assert b"Traceback" not in rest
    assert b"BrokenPipe" not in rest


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("check '{valid}' > /dev/full", CRASH),
        ("convert '{valid}' - --to jsonl > /dev/full", CRASH),
        ("--help > /dev/full", CRASH),
        ("check '{invalid}' 2> /dev/full", 1),
    ],
)
def test_output_onto_a_full_disk_is_one_sentence(
    histories: dict[str, Path], tmp_path: Path, arguments: str, code: int
) -> None:
    line = f"exec '{command()[0]}' -m fencepost {arguments.format(**histories)}"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == code, done.stderr
    if code == CRASH:
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith("fencepost: standard output could not be written: No space left on device; ")


def test_a_run_whose_progress_goes_onto_a_full_disk_is_carried_through(tmp_path: Path, site: Path) -> None:
    """What it prints must not end what it records."""
    line = f"exec '{command()[0]}' -m fencepost run counting --target-kind memory --ops 20 --no-plots 2> /dev/full"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env=environment(site), check=False, capture_output=True, timeout=SECONDS
    )
    assert done.returncode == 0
    assert (tmp_path / "results" / "latest" / "verdict.json").exists()


def test_a_run_whose_reader_has_gone_is_carried_through(tmp_path: Path, site: Path) -> None:
    arguments = ("run", "counting", "--target-kind", "memory", "--ops", "50", "--no-plots")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=environment(site),
        check=False,
        stdout=writing,
        stderr=writing,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    os.close(writing)
    assert done.returncode == 0
    assert (tmp_path / "results" / "latest" / "verdict.json").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_never_open_do_no_harm(
    histories: dict[str, Path], tmp_path: Path, site: Path, closed: str
) -> None:
    run = "run counting --target-kind memory --ops 20 --no-plots"
    for arguments, code in (*([(f"check '{histories['invalid']}'", 1)] if len(closed) > 4 else []), (run, 0)):
        line = f"exec '{command()[0]}' -m fencepost {arguments} {closed}"
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=environment(site), check=False, capture_output=True, timeout=SECONDS
        )
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
    history = (tmp_path / "results" / "latest" / "history.jsonl").read_bytes()
    assert history.startswith(b'{"type":"history"'), "what is printed must not end up in a file"
    assert b"counting, seed" not in history


def test_the_python_module_is_the_command(tmp_path: Path) -> None:
    done = fencepost("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fencepost ")


def test_main_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "run", lambda arguments: 254)
    monkeypatch.setattr(entry, "_outlive_readers", dict)
    monkeypatch.setattr(entry, "end_like_ctrl_c", lambda: None)
    with pytest.raises(SystemExit) as ending:
        entry.main(["conquer"])
    assert ending.value.code == USAGE
