"""Answers in parts that start relative to the tail and whose first part is empty: when did they begin?

In each the first part says nothing of that; a later part, or the end, does.
"""

from __future__ import annotations

from typing import Final

from fencepost.testing import Op, append, check_tail, part, read
from tests.checkers.golden_case import sound, unsound

A = append(0, 0, 1, "a", ack=0)
EARLY, LATE = append(1, 2, 6, "b", ack=1), append(1, 8, 9, "b", ack=1)


def follower(*parts: object, offset: int = 0) -> Op:
    """A session that follows from the tail; its first part is there at 7, and empty."""
    return read(2, 2, 14, session=1, tail_offset=offset, parts=[part(7, "", followed=1), *parts])  # type: ignore[list-item]


def limited(ended: int = 10, **bounds: int) -> Op:
    """A session that is not to follow and returns nothing, from one before the tail; its first part is there at 5."""
    return read(2, 2, ended, session=1, tail_offset=1, parts=[part(5, "", followed=1)], saw="", **bounds)  # type: ignore[arg-type]


FOLLOWERS: Final = (
    sound(
        "a-beginning-that-is-later-than-it-could-be",
        A,
        EARLY,
        append(0, 8, 9, "c", ack=2),
        append(0, 10, 11, "trim=1", ack=3),
        follower(part(13, "c", at=2)),
    ),
    unsound(
        "a-beginning-that-cannot-be-late-enough",
        "bad-read",
        A,
        LATE,
        append(0, 10, 11, "c trim=1", ack=2),
        follower(part(13, "c", at=2)),
    ),
    sound(
        "a-beginning-that-a-trim-hides",
        A,
        LATE,
        append(0, 10, 11, "trim=2", ack=2),
        follower(part(13, "trim=2", at=2)),
    ),
    unsound(
        "a-beginning-that-a-trim-hides-too-late",
        "bad-read",
        A,
        LATE,
        append(0, 8, 9, "c", ack=2),
        append(0, 12, 13, "trim=2", ack=3),
        follower(part(11, "c", at=2)),
    ),
    unsound(
        "a-beginning-beyond-the-first-record",
        "nonmonotonic-poll",
        A,
        append(1, 2, 3, "b", ack=1),
        check_tail(3, 1, 2, 1),
        append(0, 8, 9, "trim=2", ack=2),
        read(2, 4, 14, session=1, tail_offset=0, parts=[part(7, "", followed=2), part(13, "b", at=1)]),
    ),
    sound(
        "a-beginning-that-depends-on-who-was-first",
        append(0, 0, None, "a b"),
        append(1, 0, None, "c"),
        append(3, 0, None, "trim=0"),
        check_tail(4, 1, 6, 3),
        read(2, 1, 14, session=1, tail_offset=0, parts=[part(5, "", followed=0), part(13, "a b", at=1)]),
    ),
)

LIMITED: Final = (
    sound("an-answer-of-nothing-from-what-is-too-large", A, append(1, 2, 4, "b~40", ack=1), limited(bytes=25)),
    unsound(
        "an-answer-of-nothing-from-what-would-have-fitted",
        "bad-read",
        A,
        append(1, 6, 7, "b~40", ack=1),
        limited(bytes=25),
    ),
    sound(
        "an-answer-of-nothing-from-what-was-trimmed",
        A,
        append(1, 6, 7, "b~40 trim=1", ack=1),
        limited(bytes=25),
    ),
    unsound(
        "an-answer-of-nothing-from-what-was-trimmed-later",
        "bad-read",
        A,
        append(1, 6, 7, "b~40", ack=1),
        append(1, 11, 12, "trim=1", ack=2),
        limited(bytes=25),
    ),
    unsound(
        "an-answer-of-nothing-that-a-trim-does-not-reach",
        "bad-read",
        A,
        append(1, 6, 7, "b trim=1", ack=1),
        limited(bytes=25),
    ),
    sound("an-answer-of-nothing-as-all-was-trimmed", A, append(1, 6, 7, "trim=2", ack=1), limited(bytes=50)),
    sound("an-answer-of-nothing-as-nothing-was-asked-for", A, append(1, 6, 7, "trim=1", ack=1), limited(count=0)),
    unsound(
        "an-answer-of-nothing-that-ends-beyond-the-tail",
        "bad-read",
        A,
        read(2, 2, 10, tail_offset=0, parts=[part(5, "", followed=1)], tail=1),
    ),
)

BEGINNINGS: Final = (*FOLLOWERS, *LIMITED)
