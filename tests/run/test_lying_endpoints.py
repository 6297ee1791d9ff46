"""Endpoints whose answers cannot be read, are soon over, or come too often: what a run and a later check say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness import closing
from fencepost.harness.targets import streams as target_streams
from fencepost.testing import append, jsonl
from tests.cli.invoking import Inside
from tests.run.doubles import Script
from tests.run.listening import Answer, Endpoint, Heard, created_and_removed, endpoint
from tests.server.processes import BASIN

NO_PAUSE = (0.0, 0.0)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_PAUSES", NO_PAUSE)
    monkeypatch.setattr(target_streams, "_PAUSES", NO_PAUSE)


def against(listening: Endpoint, workload: str, *options: str) -> tuple[str, ...]:
    url = f"http://127.0.0.1:{listening.port}"
    return ("run", workload, "--target", url, "--basin", BASIN, "--no-plots", "--seed", "2", "--rate", "4000", *options)


# -- answers that cannot be read

REFUSALS: dict[str, tuple[Any, str]] = {
    "412 with HTML": ((412, b"<html>Precondition Failed</html>"), "answered 412 without the body that belongs to it"),
    "412 with a string": ((412, "mismatch"), "answered 412 without the body that belongs to it"),
    "412 with both keys": (
        (412, {"seq_num_mismatch": 0, "fencing_token_mismatch": ""}),
        "answered 412 without the body that belongs to it",
    ),
    "412 with null": ((412, {"seq_num_mismatch": None}), "answered 412 without the body that belongs to it"),
    "409 instead": ((409, {"seq_num_mismatch": 0}), "answered 409 without an error of the service"),
    "200 with a mismatch": ((200, {"seq_num_mismatch": 0}), "answered 200, but not with the append ack expected"),
}


def conditional(refusal: Any) -> Callable[[Endpoint, Heard], Answer]:
    """A stream that holds one fence: every append with a condition is refused so; tails and reads are in order."""

    def position(seq_num: int) -> dict[str, int]:
        return {"seq_num": seq_num, "timestamp": 1000}

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        made = created_and_removed(heard)
        if made is not None:
            return made
        if heard.method == "POST":
            if b"closing-" in heard.body or b"match_seq_num" not in heard.body:
                return 200, {"start": position(tail[0]), "end": position(advanced()), "tail": position(tail[0])}
            return refusal
        if heard.target.endswith("/tail"):
            return 200, {"tail": position(tail[0])}
        return 416, {"tail": position(tail[0])}

    def advanced() -> int:
        tail[0] += 1
        return tail[0]

    tail = [0]
    return answer


@pytest.mark.parametrize("name", REFUSALS)
def test_answers_that_cannot_be_read_are_told_and_counted(inside: Inside, name: str) -> None:
    """Fault 10: the run said VALID, and asked for more clients."""
    refusal, cause = REFUSALS[name]
    with endpoint(conditional(refusal)) as listening:
        said = inside(*against(listening, "match-seq-num", "--ops", "30"))
    lines = said.out.splitlines()
    (head,) = [line for line in lines if line.startswith("indefinite: ")]
    assert "may or may not have taken effect; the most frequent causes:" in head
    first = lines[lines.index(head) + 1]
    assert re.match(rf"  [\d,]+ × append: {re.escape(cause)}", first), said.out
    short = [line for line in lines if "the run says little: seq-num-mismatches" in line]
    assert len(short) == 1
    assert "answers do not say what became of their operations" in short[0]
    assert cause in short[0]
    assert "let more clients race" not in short[0]
    later = inside("check", "results/latest")
    assert (later.code, [line for line in later.out.splitlines() if line in (head, first, short[0])]) == (
        said.code,
        [short[0], head, first],
    )


def test_a_run_without_indefinite_operations_tells_of_none(inside: Inside) -> None:
    Path("valid.jsonl").write_bytes(jsonl(append(0, 1, 2, "a", ack=0)))
    assert "indefinite: " not in inside("check", "valid.jsonl").out
    Path("unknown.jsonl").write_bytes(jsonl(append(0, 1, None, "a")))
    said = inside("check", "unknown.jsonl")
    assert "indefinite: 1 of 1 operations may or may not have taken effect; the most frequent causes:" in said.out
    assert "  1 × append: never returned" in said.out.splitlines()


# -- a run that crashed in part


@pytest.mark.parametrize("command", ["check", "explain"])
def test_a_check_ends_as_the_run_did_where_a_part_of_it_crashed(
    inside: Inside, installed: Script, command: str
) -> None:
    """Fault 10: the run ended with 255, and the check of its folder with 0."""
    installed.tear_down = LookupError("something was left behind")
    run = inside("run", "counting", "--target-kind", "memory", "--ops", "10", "--no-plots")
    later = inside(command, "results/latest")
    assert (run.code, later.code) == (255, 255)
    (sentence,) = [line for line in later.err.splitlines() if line.startswith("fencepost: ")]
    assert sentence.startswith("fencepost: the run crashed in part: LookupError: something was left behind")
    assert "VALID: " in later.out


def test_a_client_that_crashed_is_one_sentence_of_a_check(inside: Inside, installed: Script) -> None:
    installed.answering = lambda stream, call: ZeroDivisionError("a slip of the pen")
    assert inside("run", "counting", "--target-kind", "memory", "--ops", "10", "--no-plots").code == 255
    later = inside("check", "results/latest")
    assert later.code == 255
    assert "Traceback" not in later.err
    assert "ZeroDivisionError: a slip of the pen" in later.err


# -- refusals that are soon over

SOON_OVER = [
    (429, {"code": "rate_limited", "message": "slower"}),
    (503, {"code": "server_draining", "message": "elsewhere"}),
    (502, {"code": "hot_server", "message": "busy"}),
    (409, {"code": "transaction_conflict", "message": "again"}),
]


def refusing(refusals: list[tuple[int, Any]]) -> Callable[[Endpoint, Heard], Answer]:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "POST" and heard.target.endswith("/streams") and left:
            return left.pop(0)
        return created_and_removed(heard) or (500, None)

    left = list(refusals)
    return answer


def test_a_refusal_that_is_soon_over_is_waited_out(inside: Inside) -> None:
    """Fault 13: one 429 while a stream was made ended the run."""
    with endpoint(refusing(SOON_OVER)) as listening:
        said = inside(*against(listening, "regular", "--ops", "2"))
        made = [target for target in listening.named("POST") if target.endswith("/streams")]
    assert len(made) == 1 + len(SOON_OVER)
    assert "cannot be made" not in said.err
    assert Path("results/latest/history.jsonl").exists(), "the run went on"


@pytest.mark.parametrize(
    ("refusal", "attempts"),
    [
        (SOON_OVER[0], target_streams.ATTEMPTS),
        ((403, {"code": "permission_denied", "message": "no"}), 1),
        ((503, {"code": "unavailable", "message": "perhaps"}), 1),
        ((503, None), 1),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_is_not_soon_over_ends_the_run_and_tells_scripts(
    inside: Inside, refusal: Answer, attempts: int, options: tuple[str, ...]
) -> None:
    """Fault 13: with ``--json`` nothing was printed. What may have had an effect is not tried again."""
    with endpoint(refusing([refusal] * 50)) as listening:
        said = inside(*against(listening, "regular", *options))
        made = [target for target in listening.named("POST") if target.endswith("/streams")]
    assert len(made) == attempts
    assert said.code == 255
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    assert str(refusal[0]) in sentence
    if options:
        (line,) = said.out.splitlines()
        told = json.loads(line)
        assert told.keys() == {"path", "error", "exit_code"}
        assert f"fencepost: {told['error']}" == sentence
        assert told["exit_code"] == 255
        assert Path(told["path"]).is_dir()
    else:
        assert said.out == ""


def test_a_short_token_is_warned_of_once_and_keeps_answers_readable(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 17, as a user meets it: the token ``t``, two runs, an endpoint that echoes headers."""
    monkeypatch.setenv("SHORT_TOKEN", "t")

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        echo = {"code": "other", "message": f"something went wrong, with {heard.headers['authorization']}"}
        return created_and_removed(heard) or (500, echo)

    with endpoint(answer) as listening:
        options = against(listening, "regular", "--ops", "4", "--token-env", "SHORT_TOKEN")
        said = inside(*options[:2], "match-seq-num", *options[2:])
    warnings = [line for line in said.err.splitlines() if "warning: " in line]
    assert len(warnings) == 1
    assert "the token in SHORT_TOKEN is shorter than 8 characters (1)" in warnings[0]
    assert "answered 500 other: something went wrong, with Bearer <token>" in said.out
    assert b"Bearer t" not in Path("results/latest/history.jsonl").read_bytes()
