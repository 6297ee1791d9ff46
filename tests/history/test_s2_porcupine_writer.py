"""What is written in s2-porcupine's format: as much as it can express, no more than the history proves, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import History
from fencepost.harness.history.losses import Losses
from fencepost.harness.history.reader import parse_history
from fencepost.harness.history.s2_porcupine.writer import stream_to_write, written
from fencepost.harness.history.sources import read_bytes
from fencepost.harness.verdict import Validity
from fencepost.testing import append, check_tail, history, read
from tests.checkers.damage import story_of
from tests.checkers.stories import Features

from .test_s2_porcupine import RECORDED


def export(found: History) -> tuple[list[Any], dict[str, int]]:
    """The lines, decoded, and what was lost."""
    losses = Losses()
    lines = [msgspec.json.decode(line) for line in written(found, stream_to_write(found, None), losses)]
    return lines, dict(losses)


def finishes(lines: list[Any]) -> dict[int, Any]:
    """By operation, what it finished with."""
    return {line["op_id"]: line["event"]["Finish"] for line in lines if "Finish" in line["event"]}


def asked(lines: list[Any]) -> dict[int, Any]:
    """By operation, what it started with."""
    return {line["op_id"]: line["event"]["Start"] for line in lines if "Start" in line["event"]}


def digests(found: History) -> list[int]:
    digest: list[int] = found.appends.digest.tolist()
    return digest


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.zst")), ids=lambda file: file.name)
def test_a_real_history_is_written_as_it_was_read(file: Path) -> None:
    data, losses = read_bytes(file), Losses()
    assert b"".join(written(parse_history(data, "f"), 0, losses)) == data
    assert not dict(losses)


def test_every_answer_becomes_what_the_format_has_for_it() -> None:
    found = history(
        append(0, 1, 2, "a fence=x b", match=0, token="y", ack=0),
        append(1, 3, 4, "c", match=9, tail=3),
        append(1, 5, 6, "d", token="", fence="x"),
        append(1, 7, 8, "e", failed="rate_limited"),
        append(2, 9, 11, "f"),
        append(3, 9, None, "g"),
        check_tail(4, 12, 13, 3),
        check_tail(4, 14, 15, failed="other"),
        check_tail(4, 16, None),
        read(5, 17, 18, 7, tail=3),
        read(5, 19, 20, failed="other"),
    )
    lines, lost = export(found)
    arguments = asked(lines)[0]["Append"]
    assert arguments == {
        "num_records": 3,
        "record_hashes": digests(found)[:3],
        "set_fencing_token": "x",
        "fencing_token": "y",
        "match_seq_num": 0,
    }
    assert finishes(lines) == {
        0: {"AppendSuccess": {"tail": 3}},
        1: "AppendDefiniteFailure",
        2: "AppendDefiniteFailure",
        3: "AppendDefiniteFailure",
        4: "AppendIndefiniteFailure",
        5: "AppendIndefiniteFailure",
        6: {"CheckTailSuccess": {"tail": 3}},
        7: "CheckTailFailure",
        8: "CheckTailFailure",
        9: {"CheckTailSuccess": {"tail": 3}},
        10: "ReadFailure",
        11: {"AppendSuccess": {"tail": 0}},
    }
    assert [line["op_id"] for line in lines[:2]] == [11, 11], "it tells the first token"
    assert [line["op_id"] for line in lines[-3:]] == [4, 5, 8], "what is pending finishes last"
    assert lost == {
        "a refused append: the tail or the token that the 412 named": 2,
        "a failed append: why it failed": 1,
        "a read beyond the tail (416): written as a check-tail": 1,
    }


EXACT = {"ReadSuccess": {"tail": 2, "stream_hash": fold(digests(history(append(0, 1, 2, "a b", ack=0))))}}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        (read(1, 3, 4, 0, saw="a b"), EXACT),
        (read(1, 3, 4, 0, saw="a b", count=3), EXACT),
        (read(1, 3, 4, 0, saw="a b", clamp=True, wait=0), EXACT),
        (read(1, 3, 4, 0, tail=0), {"ReadSuccess": {"tail": 0, "stream_hash": 0}}),
        (read(1, 3, 4, 1, saw="b"), {"CheckTailSuccess": {"tail": 2}}),
        (read(1, 3, 4, 0, saw="a b", count=2), "ReadFailure"),
        (read(1, 3, 4, 0, saw="a b", bytes=20), "ReadFailure"),
        (read(1, 3, 4, 0, saw="a b", until=5000), "ReadFailure"),
        (read(1, 3, 4, 0, saw="a b", wait=1), "ReadFailure"),
        (read(1, 3, 4, 0, saw="a #1 b", timestamp=1), "ReadFailure"),
        (read(1, 3, 4, saw="b", at=1, tail_offset=1), "ReadFailure"),
        (read(1, 3, 4, 0, saw="b", at=1), "ReadFailure"),
        (read(1, 3, 4, 0, saw="a #2 b"), "ReadFailure"),
        (read(1, 3, 4, 0, saw=""), "ReadFailure"),
    ],
)
def test_a_read_says_only_what_it_proves(operation: Any, answer: Any) -> None:
    if operation.read.timestamp is not None:
        operation = read(1, 3, 4, saw="a b", at=0, timestamp=1)
    lines, lost = export(history(append(0, 1, 2, "a b", ack=0), operation))
    assert finishes(lines)[1] == answer
    assert bool(lost) == (answer == "ReadFailure" or "CheckTailSuccess" in answer)


def test_a_page_that_a_larger_record_may_not_have_fitted_proves_no_tail() -> None:
    for size, answer in ((1000, "ReadSuccess"), (600_000, "ReadFailure")):
        found = history(append(0, 1, 2, f"a~500000 b~{size}", ack=0), read(1, 3, 4, 0, saw="a~500000"))
        assert answer in str(finishes(export(found)[0])[1])


def test_nothing_is_concluded_where_records_may_be_trimmed() -> None:
    lines, lost = export(history(append(0, 1, 2, "a trim=1", ack=0), read(1, 3, 4, 0, saw="a trim=1")))
    assert finishes(lines)[1] == "ReadFailure"
    assert lost["an append with a trim command: written as one with an ordinary record"] == 1


def test_nothing_is_concluded_where_records_may_vanish_by_age() -> None:
    ops = append(0, 1, 2, "a", ack=0), append(0, 3, 4, "b", ack=1), read(1, 5, 6, 0, saw="a")
    for age, answer in ((None, "ReadSuccess"), (1000, "ReadFailure")):
        assert answer in str(finishes(export(history(*ops, retention_ms=age))[0])[2])


def test_nothing_is_concluded_from_the_end_of_what_is_older_than_the_history() -> None:
    found = history(read(0, 1, 2, 0, saw="a"), read(0, 3, 4, 0, saw="a b"), tail=2)
    assert finishes(export(found)[0])[0] == "ReadFailure"
    assert "ReadSuccess" in finishes(export(found)[0])[1]


def test_starts_stand_before_finishes_at_equal_instants_and_no_client_does_two_things() -> None:
    found = history(check_tail(0, 5, 5, 0), check_tail(0, 5, 7, 0), check_tail(1, 7, 8, 0))
    lines, lost = export(found)
    order = [(next(iter(line["event"])), line["op_id"]) for line in lines]
    assert order == [("Start", 0), ("Start", 1), ("Finish", 0), ("Start", 2), ("Finish", 1), ("Finish", 2)]
    assert [line["client_id"] for line in lines] == [1, 2, 1, 3, 2, 3]
    assert lost == {"an operation that began when its process's last one ended: their order": 1}


def test_a_stream_that_was_not_empty_begins_with_what_is_known_of_it() -> None:
    ops = (append(0, 1, 2, "c", ack=2), read(1, 3, 4, 0, saw="a b c"))
    lines, lost = export(history(*ops, tail=2, token="x"))
    first = asked(lines)[2]["Append"]
    assert (first["num_records"], first["set_fencing_token"]) == (2, "x")
    assert [line["client_id"] for line in lines[:2]] == [0, 0]
    assert finishes(lines)[1]["ReadSuccess"]["tail"] == 3
    assert list(lost) == ["a stream that holds records before its first operation: written as an append"]
    unseen, _ = export(history(append(0, 1, 2, "c", ack=2), read(1, 3, 4, 2, saw="c"), tail=2, token=None))
    assert asked(unseen)[2]["Append"]["record_hashes"] == [0, 0]
    assert asked(unseen)[2]["Append"]["set_fencing_token"] is None
    again = parse_history(b"".join(written(history(*ops, tail=2, token=None), 0, Losses())), "f")
    assert again.header.streams[0].fencing_token is None
    with pytest.raises(UsageFailure, match="begins with a tail of 20,000,000"):
        export(history(tail=20_000_000))


def test_the_first_token_is_told_where_somebody_gives_it() -> None:
    for token, ops, told in (
        ("", (append(0, 1, 2, "a", token="", ack=0),), True),
        ("", (append(0, 1, 2, "a", ack=0),), False),
        ("x", (append(0, 1, 2, "a", token="y", fence="x"),), False),
        ("x", (append(0, 1, 2, "a", token="x", ack=0),), True),
        (None, (append(0, 1, 2, "a", token="x", ack=0),), False),
    ):
        found = history(*ops, token=token)
        lines, lost = export(found)
        assert (lines[0]["client_id"] == 0) == told
        unknown = "an append with a token, the first token being unknown: theirs begins with none"
        assert (unknown in lost) == (token is None)
        again = parse_history(b"".join(written(found, 0, Losses())), "f")
        assert again.header.streams[0].fencing_token == (token if told else "")
        assert list(again.id) == [0]


def test_what_is_left_of_a_history_is_invalid_only_if_the_history_was() -> None:
    """Nothing is written that the history does not prove."""
    verdicts = dict.fromkeys(Validity, 0)
    for seed in range(120):
        # A hash of a stream that did not begin empty is refused, and so not drawn.
        story = story_of(seed, Features(append_sessions=True, cut_short=True, hashes=seed % 2 == 0, cuts=True))
        found = story.history if not (story.tail and seed % 2 == 0) else story_of(seed).history
        data = b"".join(written(found, 0, Losses()))
        if not data:
            continue  # nothing happened: an empty file is of no format
        after = Linearizability().check(parse_history(data, "f")).validity
        verdicts[after] += 1
        if after is Validity.INVALID:
            before = Linearizability().check(found).validity
            assert before is Validity.INVALID, f"seed {seed}\n{data.decode()}"
    assert verdicts[Validity.INVALID] > 7, verdicts
    assert verdicts[Validity.VALID] > 25, verdicts
