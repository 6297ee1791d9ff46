"""What the export must not claim, found by comparing verdicts; and the forms of a document."""

from __future__ import annotations

import json
from typing import Any

from fencepost.harness.history.reader import parse_history
from fencepost.testing import append, history, read
from tests.differential.conversion import as_collected, beginning_with, exported


def events(document: bytes) -> list[Any]:
    return [json.loads(line)["event"] for line in document.splitlines()]


def first_token(document: bytes) -> str | None:
    return parse_history(document, "exported").header.streams[0].fencing_token


def test_a_read_that_ends_among_the_records_of_before_is_no_check_of_the_tail() -> None:
    # Nobody knows the size of the next record: it may not have fitted into the answer.
    page = read(0, 0, 1, 0, saw="a")
    assert {"Finish": "ReadFailure"} in events(exported(history(page, tail=3)))
    assert {"Finish": {"CheckTailSuccess": {"tail": 1}}} not in events(exported(history(page, tail=3)))
    assert "ReadSuccess" in str(events(exported(history(page, tail=1))))


def test_a_first_token_is_told_where_an_append_gives_it_or_would_find_the_empty_one() -> None:
    for token, given in (("x", "x"), ("x", ""), ("", "")):
        document = exported(history(append(0, 0, 1, "a", token=given, ack=0), token=token))
        assert first_token(document) == token
        assert as_collected(document) != document
    for given in (None, "y"):
        document = exported(history(append(0, 0, 1, "a", token=given, fence=""), token=""))
        assert as_collected(document) == document


def test_a_document_can_be_given_another_first_token() -> None:
    document = exported(history(append(0, 0, 1, "a", token="", ack=0)))
    plain = as_collected(document)
    assert beginning_with("", plain).splitlines()[2:] == plain.splitlines()
    assert first_token(beginning_with("y", plain)) == "y"
    assert as_collected(beginning_with("y", plain)) == plain
