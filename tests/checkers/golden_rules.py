"""Histories that depend on one rule of the checker alone: each was found by breaking the rule, and made small."""

from __future__ import annotations

from typing import Final

from fencepost.testing import append, check_tail, read
from fencepost.testing.operations import Ack
from tests.checkers.golden_case import sound, unsound

RULES: Final = (
    unsound("an-empty-answer-relative-to-nothing", "bad-read", read(0, 1, 2, tail_offset=1, clamp=True, saw="")),
    unsound("an-empty-answer-of-an-empty-stream", "bad-read", read(0, 1, 2, 0, clamp=True, until=1002, saw="")),
    sound(
        "an-empty-answer-that-says-little-of-the-tail",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 3, "b", ack=1),
        read(1, 4, 5, 0, count=0, saw=""),
    ),
    unsound(
        "an-empty-answer-where-not-all-was-trimmed",
        "stale-read",
        append(0, 0, 3, "a", ack=3),
        read(1, 4, 5, 0, saw=""),
        tail=3,
        token="x",
    ),
    unsound("an-acknowledgement-of-a-tail-that-nobody-wrote", "bad-ack", append(0, 0, 1, "a fence=y", ack=(0, 2, 3))),
    unsound(
        "a-read-that-ended-inside-a-batch-below-a-trim",
        "over-trim",
        append(0, 0, 3, "trim=5 a", ack=0),
        read(1, 3, 9, 0, at=1, saw="a b"),
        append(2, 4, 6, "b fence=", ack=2),
        append(0, 10, 17, "c d trim=8 e", ack=4),
    ),
    sound(
        "a-token-that-an-unread-fence-may-have-changed",
        append(0, 1, 5, "fence=x fence="),
        append(1, 6, 10, "fence=x", match=3, tail=4),
        append(1, 10, 11, "a b", match=3, token="", tail=4),
        tail=2,
        token="y",
    ),
    sound(
        "an-initial-token-before-an-unread-fence",
        append(0, 0, None, "fence=x", token=""),
        append(1, 1, 5, "fence=y", token="x", ack=1),
        token=None,
    ),
    sound(
        "a-record-that-an-unread-trim-removed",
        append(0, 0, 3, "trim=2"),
        append(1, 4, 9, "trim=1"),
        read(2, 10, 11, 0, at=1, saw="trim=2"),
    ),
    unsound(
        "a-refusal-by-a-tail-where-the-token-is-refused-first",
        "wrong-mismatch",
        append(0, 0, 5, "fence=y", ack=0),
        append(1, 1, 6, "a b", match=0, token="", tail=3),
    ),
    unsound(
        "an-acknowledged-record-that-stands-elsewhere",
        "inconsistent-offsets",
        append(0, 1, 5, "a", ack=0),
        append(1, 1, 11, "fence=x"),
        read(2, 13, 15, 0, saw="fence=x a"),
    ),
    unsound(
        "a-record-that-was-there-before-it-was-sent",
        "inconsistent-offsets",
        read(0, 1, 2, 0, saw="a b"),
        append(0, 3, 4, "a c", ack=2),
        tail=2,
    ),
    sound(
        "a-content-that-was-there-before-and-is-sent-again",
        append(0, 0, 1, "a", ack=1),
        read(1, 2, 3, 0, saw="a a"),
        tail=1,
        unique=False,
    ),
    unsound(
        "a-tail-of-another-time-than-the-record-before-it",
        "inconsistent-offsets",
        append(0, 0, 1, "a b", ack=Ack((0, 1006), (2, 1007), (2, 1006))),
    ),
    unsound(
        "a-read-that-was-to-wait-and-was-refused",
        "spurious-rejection",
        check_tail(0, 0, 1, 0),
        read(0, 2, 3, 0, wait=1, tail=0),
    ),
    unsound(
        "a-read-that-began-at-one-tail-and-ended-at-another",
        "nonmonotonic-poll",
        append(0, 0, 1, "a", ack=0),
        append(1, 2, 5, "b trim=5 fence=x", ack=1),
        read(2, 3, 6, tail_offset=2, at=0, saw="a b trim=5 fence=x"),
    ),
)  # fmt: skip
