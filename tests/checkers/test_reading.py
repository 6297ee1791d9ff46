"""What the answer to a read proves of the tail, and what it does not."""

from __future__ import annotations

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.testing import Op, append, history, read

BEFORE = (append(0, 1, 2, "a b", ack=0),)
AFTER = (append(0, 3, 4, "c d", ack=2),)


def verdict(*ops: Op, tail: int = 0) -> str:
    return str(Linearizability().check(history(*ops, tail=tail)).validity)


@pytest.mark.parametrize(
    ("late", "validity"),
    [
        (read(1, 5, 6, 0, saw="a b"), "invalid"),
        (read(1, 5, 6, 0, saw="a b", count=2), "valid"),
        (read(1, 5, 6, 0, saw="a b", count=3), "invalid"),
        (read(1, 5, 6, 0, saw="a b", bytes=20), "valid"),
        (read(1, 5, 6, 0, saw="a b", bytes=27), "invalid"),
        (read(1, 5, 6, 0, saw="a b", until=1002), "valid"),
        (read(1, 5, 6, 0, saw="a b", until=1003), "invalid"),
        (read(1, 5, 6, 0, saw="a b", wait=1), "valid"),
        (read(1, 5, 6, tail_offset=2, saw="a b", at=0), "invalid"),
        (read(1, 5, 6, tail_offset=4, saw="a b", at=0, count=2), "valid"),
        (read(1, 5, 6, tail_offset=2, saw="c", at=2, count=1), "valid"),
        (read(1, 5, 6, tail_offset=3, saw="c", at=2, count=1), "invalid"),
        (read(1, 5, 6, 4, tail=4), "valid"),
        (read(1, 5, 6, 3, tail=4), "invalid"),
        (read(1, 5, 6, 9, tail=4, clamp=True), "valid"),
        (read(1, 5, 6, 4, tail=4, wait=1), "invalid"),
        (read(1, 5, 6, 2, tail=2), "invalid"),
        (read(1, 5, 6, 4, saw="", wait=1), "valid"),
        (read(1, 5, 6, 0, saw=""), "invalid"),
        (read(1, 5, 6, 0, saw="", count=0), "valid"),
        (read(1, 5, 6, 0, saw="", until=1000), "valid"),
        (read(1, 5, 6, 1, saw="c d", at=2), "invalid"),
        (read(1, 5, 6, 0, saw="a b c d"), "valid"),
        (read(1, 5, 6, 0, saw="a b d c"), "invalid"),
        (read(1, 5, 6, 0, saw="a #2 c d"), "invalid"),
    ],
)
def test_after_a_second_batch(late: Op, validity: str) -> None:
    assert verdict(*BEFORE, *AFTER, late) == validity


def test_a_page_that_ended_by_the_implicit_mebibyte_is_not_an_exact_tail() -> None:
    big = append(0, 1, 2, "a~600000", ack=0), append(0, 3, 4, "b~600000", ack=1)
    assert verdict(*big, read(1, 5, 6, 0, saw="a~600000")) == "valid"
    assert verdict(big[0], append(0, 3, 4, "b", ack=1), read(1, 5, 6, 0, saw="a~600000")) == "invalid"


def test_a_page_that_ended_by_the_implicit_thousand_is_not_an_exact_tail() -> None:
    first, second = " ".join(f"r{i}" for i in range(1000)), "s"
    ops = append(0, 1, 2, first, ack=0), append(0, 3, 4, second, ack=1000)
    assert verdict(*ops, read(1, 5, 6, 0, saw=first)) == "valid"


TRIM = append(0, 5, 6, "trim=2", ack=4)


@pytest.mark.parametrize(
    ("late", "validity"),
    [
        (read(1, 7, 8, 0, saw="c d trim=2", at=2), "valid"),
        (read(1, 7, 8, 0, saw="a b c d trim=2"), "valid"),
        (read(1, 7, 8, 0, saw="b c d trim=2", at=1), "valid"),
        (read(1, 7, 8, 0, saw="d trim=2", at=3), "invalid"),
        (read(1, 3, 4, 0, saw="c d", at=2), "invalid"),
    ],
)
def test_after_a_trim(late: Op, validity: str) -> None:
    """What lies below the point may be missing or not; what lies above may not, and nothing before the trim."""
    assert verdict(*BEFORE, *AFTER, TRIM, late) == validity


def test_what_was_there_before_may_be_gone() -> None:
    ops = (append(0, 1, 2, "a", ack=3),)
    assert verdict(*ops, read(1, 5, 6, 0, saw="a", at=3), tail=3) == "valid"
    assert verdict(*ops, read(1, 5, 6, 0, saw="z a", at=2), tail=3) == "valid"
    assert verdict(*ops, read(1, 5, 6, 0, saw=""), tail=3) == "invalid"
    # The record at 1, which nobody knows, may have been too large to fit beside the one at 0.
    assert verdict(*ops, read(1, 5, 6, 0, saw="z"), tail=3) == "valid"


def test_seeing_a_record_proves_its_whole_batch() -> None:
    """The tail is past the batch once its first record was read: a refusal for another match cannot be."""
    ops = append(0, 1, None, "a b c"), read(1, 2, 3, 0, saw="a", count=1)
    refused = append(2, 4, 5, "d", match=3, failed="condition_failed", status=412)
    assert verdict(*ops, refused, read(3, 6, 7, 0, saw="a b c")) == "invalid"


@pytest.mark.parametrize(("saw", "at", "validity"), [("e f", 5, "valid"), ("f", 6, "invalid")])
def test_a_trim_reaches_no_further_than_itself(saw: str, at: int, validity: str) -> None:
    ops = append(0, 5, 6, "trim=10", ack=4), append(0, 7, 8, "e f", ack=5)
    assert verdict(*BEFORE, *AFTER, *ops, read(1, 9, 10, 0, saw=saw, at=at)) == validity


def test_a_trim_that_nobody_read_does_not_excuse_a_read_that_starts_at_the_tail() -> None:
    """It returned a record at 0, so the tail was 0 when it started, and 1 when it ended: but it did not wait."""
    assert verdict(append(0, 0, None, "trim=5"), append(1, 0, None, "a"), read(2, 9, 10, tail_offset=0, saw="a")) == (
        "invalid"
    )
