"""Both oracles, by hand, where the answer is plain: timestamps, what is gone, bounds, streams that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from fencepost.testing import append, check_tail, part, read, whole
from fencepost.testing.operations import Op
from tests.checkers.oracle import explain
from tests.checkers.wgl import linearize

A_B = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1))
A_B_C = append(0, 0, 1, "a b c", ack=0)
"""Nobody reports when b was written: from 1000 to 1002."""
TRIMMED = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "trim=9", ack=1))
"""Anything may be gone."""
ALL = "a trim=9"
A_TO_TRIM = append(0, 0, 1, "a b c~40 trim=9", ack=0)
"""Nobody reports when b and c were written: from 1000 to 1003. Anything may be gone."""
A_ALONE = read(1, 4, 5, 0, until=1001, bytes=24, saw="a")
"""b would fit by size, c would not."""
C_IS_EARLY = (
    read(1, 6, 7, timestamp=1001, saw="trim=9", at=3),
    read(1, 8, 9, 2, bytes=30, saw=""),
    read(1, 10, 11, 3, saw="trim=9"),
)
"""The second of these shows that c is there, since the third shows that what comes after it is; so the first left c out
for its time."""


def absent(process: int, invoked: int, ended: int, code: str = "stream_not_found") -> Op:
    return check_tail(process, invoked, ended, failed=code)


Case = tuple[str, bool, tuple[Op, ...]] | tuple[str, bool, tuple[Op, ...], dict[str, Any]]

TIMESTAMPS: tuple[Case, ...] = (
    ("a record of that time was left out", False, (*A_B, read(1, 4, 5, timestamp=1000, saw="b", at=1))),
    ("the first of that time", True, (*A_B, read(1, 4, 5, timestamp=1001, saw="b", at=1))),
    ("the first returned is of an earlier time", False, (*A_B, read(1, 4, 5, timestamp=1001, saw="a b"))),
    ("what was left out may be earlier", True, (A_B_C, read(1, 4, 5, timestamp=1001, saw="c", at=2))),
    ("what was left out may be late enough", True, (A_B_C, read(1, 4, 5, 0, until=1001, saw="a"))),
    (
        "what nobody ever mentioned may be of that time, and too large",
        True,
        (read(1, 0, 1, 1, saw=""), read(1, 2, 3, timestamp=997, bytes=5, saw="")),
        {"tail": 2},
    ),
    ("what ended an answer was late, or gone", True, (A_TO_TRIM, A_ALONE)),
    ("it was gone, as what came after it was early", True, (A_TO_TRIM, A_ALONE, *C_IS_EARLY)),
    ("it was not gone", False, (A_TO_TRIM, A_ALONE, *C_IS_EARLY, read(1, 12, 13, 1, count=1, saw="b@1000"))),
    ("it was late", True, (A_TO_TRIM, A_ALONE, whole(1, 6, 7, "a b c~40 trim=9"))),
    ("it was neither", False, (A_TO_TRIM, A_ALONE, *C_IS_EARLY, whole(1, 12, 13, "a b c~40 trim=9"))),
    (
        "but not both",
        False,
        (A_B_C, read(1, 4, 5, timestamp=1001, saw="c", at=2), read(2, 4, 5, 0, until=1001, saw="a")),
    ),
    ("what was left out may be gone", True, (*TRIMMED, read(1, 4, 5, timestamp=1000, saw="trim=9", at=1))),
    ("a 416 where a record qualifies", False, (*A_B, read(1, 4, 5, timestamp=1001, tail=2))),
    ("a 416 where none qualifies", True, (*A_B, read(1, 4, 5, timestamp=1002, tail=2))),
    ("a 416 to a clamped read", True, (*A_B, read(1, 4, 5, timestamp=1002, clamp=True, tail=2))),
    ("a 416 to one that waits", True, (*A_B, read(1, 4, 5, timestamp=1002, wait=1, tail=2))),
    ("a 416 to a clamped one that waits", False, (*A_B, read(1, 4, 5, timestamp=1002, clamp=True, wait=1, tail=2))),
    ("a clamped one that waited in vain", True, (*A_B, read(1, 4, 5, timestamp=1002, clamp=True, wait=1, saw=""))),
    ("nothing where a 416 is due", False, (*A_B, read(1, 4, 5, timestamp=1002, saw=""))),
    ("nothing where a 416 is due, clamped", False, (*A_B, read(1, 4, 5, timestamp=1002, clamp=True, saw=""))),
    ("nothing where something fits", False, (*A_B, read(1, 4, 5, timestamp=1001, saw=""))),
    ("nothing was asked for", True, (*A_B, read(1, 4, 5, timestamp=1001, count=0, saw=""))),
    ("nothing fits", True, (*A_B, read(1, 4, 5, timestamp=1001, bytes=5, saw=""))),
    ("nothing is that early and that late", True, (*A_B, read(1, 4, 5, timestamp=1001, until=1001, saw=""))),
    ("nothing fits, and nothing is of that time", False, (A_B_C, read(1, 4, 5, timestamp=1003, bytes=5, saw=""))),
)

GONE: tuple[Case, ...] = (
    ("passed over, then returned", False, (*TRIMMED, read(1, 4, 5, 0, saw="#1 trim=9"), read(1, 6, 7, 0, saw=ALL))),
    ("returned, then passed over", True, (*TRIMMED, read(1, 4, 5, 0, saw=ALL), read(1, 6, 7, 0, saw="#1 trim=9"))),
    ("at the same time", True, (*TRIMMED, read(1, 4, 5, 0, saw="#1 trim=9"), read(2, 4, 5, 0, saw=ALL))),
    (
        "what had not fitted was still there",
        True,
        (
            append(0, 0, 1, "a~20 b~20 trim=9", ack=0),
            read(1, 4, 5, 0, bytes=30, saw="a~20"),
            read(1, 6, 7, 0, saw="a~20 b~20 trim=9"),
        ),
    ),
    ("at one instant", True, (*TRIMMED, read(1, 4, 5, 0, saw="#1 trim=9"), read(2, 5, 6, 0, saw=ALL))),
    ("nothing was left, then something", False, (*TRIMMED, read(1, 4, 5, 0, saw=""), read(1, 6, 7, 0, saw=ALL))),
    (
        "relative to the tail",
        False,
        (*TRIMMED, read(1, 4, 5, tail_offset=2, saw="#1 trim=9"), read(1, 6, 7, 0, saw=ALL)),
    ),
    ("by its end", False, (*TRIMMED, read(1, 4, 5, 0, saw="a"), read(1, 6, 7, 0, saw=ALL))),
    ("by a 416", False, (*TRIMMED, read(1, 4, 5, timestamp=1000, tail=2), read(1, 6, 7, 0, saw=ALL))),
    (
        "by a 416 to what may be earlier",
        True,
        (*TRIMMED, read(1, 4, 5, timestamp=1002, tail=2), read(1, 6, 7, 0, saw=ALL)),
    ),
    ("and the whole stream", False, (*TRIMMED, read(1, 4, 5, 0, saw="a"), whole(1, 6, 7, ALL))),
    (
        "by the order, not the clock",
        False,
        (
            *TRIMMED,
            read(1, 4, 9, 0, saw="#1 trim=9 b"),
            read(2, 4, 9, 0, saw=ALL + " b c"),
            append(0, 5, 6, "b", ack=2),
            append(3, 7, 8, "c", ack=3),
        ),
    ),
    ("what may not go", False, (*A_B, read(1, 4, 5, 0, saw="b", at=1))),
    ("what may go by age", True, (*A_B, read(1, 4, 5, 0, saw="b", at=1)), {"retention_ms": 1}),
    (
        "what came back by age",
        False,
        (*A_B, read(1, 4, 5, 0, saw="b", at=1), read(1, 6, 7, 0, saw="a b")),
        {"retention_ms": 1},
    ),
)

BOUNDS: tuple[Case, ...] = (
    ("more than count", False, (*A_B, read(1, 4, 5, 0, count=1, saw="a b"))),
    ("as many as count", True, (*A_B, read(1, 4, 5, 0, count=2, saw="a b"))),
    ("more than bytes", False, (*A_B, read(1, 4, 5, 0, bytes=17, saw="a b"))),
    ("as much as bytes", True, (*A_B, read(1, 4, 5, 0, bytes=18, saw="a b"))),
    ("at until", False, (*A_B, read(1, 4, 5, 0, until=1001, saw="a b"))),
    ("before until", True, (*A_B, read(1, 4, 5, 0, until=1002, saw="a b"))),
    ("more than count, though it waits", False, (*A_B, read(1, 4, 5, 0, count=1, wait=1, saw="a b"))),
    (
        "more than count in all parts",
        False,
        (*A_B, read(1, 4, 5, 0, session=1, count=1, parts=[part(5, "a")], saw="b")),
    ),
    ("one record too few", False, (*A_B, read(1, 4, 5, 0, count=2, saw="a"))),
    ("a 416 after a part", False, (*A_B, read(1, 4, 5, 0, session=1, count=3, parts=[part(5, "a b")], tail=2))),
)

ACKNOWLEDGEMENTS: tuple[Case, ...] = (
    ("of nothing", False, (append(0, 0, 1, "", ack=0),)),
    ("of nothing, at unknown outcome", True, (append(0, 0, None, ""), check_tail(1, 1, 2, 0))),
    ("from below the tail", False, (A_B[0], append(0, 2, 3, "b", ack=(0, 2, 2)))),
    ("from beyond the tail", False, (A_B[0], append(0, 2, 3, "b", ack=(2, 2, 2)))),
    ("of one record too many", False, (A_B[0], append(0, 2, 3, "b", ack=(1, 3, 3)))),
    ("of one record too few", False, (append(0, 0, 1, "a b", ack=(0, 1, 1)),)),
)

REFUSALS: tuple[Case, ...] = (
    (
        "for a token that was in force",
        False,
        (append(0, 0, 1, "fence=x", ack=0), append(1, 2, 3, "b", token="x", match=9, fence="x")),
    ),
)

SEARCHED = (
    append(0, 0, None, "a~10"),
    append(1, 0, None, "b~100"),
    append(2, 0, None, "c~10"),
    append(3, 0, None, "d~10"),
    check_tail(7, 1, 2, 3),
    read(8, 3, 4, 0, saw="", bytes=50),
)
"""The large record has to be the first of three."""

SEARCHES: tuple[Case, ...] = (
    ("the first record did not fit", True, SEARCHED),
    ("no record that did not fit", False, (SEARCHED[0], *SEARCHED[2:])),
    (
        "a refused batch after one that was applied",
        True,
        (
            append(0, 0, None, "a", session=1),
            append(0, 1, 9, "b", match=7, tail=1, session=1),
            check_tail(1, 10, 11, 1),
        ),
    ),
    (
        "what did not fit was gone later",
        True,
        (
            append(0, 0, 1, "a~90 b~10 trim=2", ack=0),
            read(1, 5, 9, 0, saw="", bytes=50),
            read(2, 6, 9, 0, saw="#2 trim=2"),
        ),
    ),
    (
        "what had not fitted after a record was gone later",
        True,
        (
            append(0, 0, 1, "a~10 b~90 c~10 trim=3", ack=0),
            read(2, 5, 9, 1, saw="trim=3", at=3),
            read(1, 6, 9, 0, bytes=50, saw="a~10"),
        ),
    ),
    (
        "the very record that had not fitted was gone later",
        True,
        (
            append(0, 0, 1, "a~10 b~90 trim=2", ack=0),
            read(2, 5, 9, 1, saw="trim=2", at=2),
            read(1, 6, 9, 0, bytes=50, saw="a~10"),
        ),
    ),
    (
        "small records that were gone, or a large one with a fence",
        True,
        (
            append(0, 0, 1, "a", ack=0),
            append(1, 0, None, "s~10 t~10"),
            append(2, 0, None, "b~90 fence=x"),
            append(3, 2, 3, "trim=3", ack=3),
            read(4, 4, 5, 1, saw="", bytes=15),
            append(4, 6, 7, "z", token="x", ack=4),
            read(4, 8, 9, 1, saw="", bytes=70),
        ),
    ),
    (
        "all was gone only later",
        True,
        (
            append(0, 0, 1, "a b trim=1", ack=0),
            read(1, 5, 20, 0, saw=""),
            read(2, 6, 7, 0, saw="a b trim=1"),
            append(0, 8, 9, "trim=9", ack=3),
        ),
    ),
    (
        "a batch refused for its token after one that was applied",
        True,
        (
            append(0, 0, None, "a", session=1),
            append(0, 1, 9, "b", token="w", fence="", session=1),
            check_tail(1, 10, 11, 1),
        ),
    ),
    (
        "a trim that came last",
        True,
        (
            append(0, 0, 1, "a", ack=0),
            append(1, 0, None, "trim=9"),
            append(2, 0, None, "c"),
            check_tail(3, 4, 5, 3),
            read(3, 6, 7, 0, saw=""),
        ),
    ),
    (
        "a trim that came late",
        True,
        (
            append(0, 0, 1, "a", ack=0),
            append(1, 0, None, "trim=3"),
            append(2, 0, None, "c"),
            append(3, 0, None, "d~90", match=3),
            check_tail(4, 4, 5, 4),
            read(4, 6, 7, 0, saw="", bytes=50),
        ),
    ),
    (
        "a hash after another one",
        True,
        (
            whole(3, 0, 1, ""),
            append(0, 2, None, "a"),
            append(1, 2, None, "b"),
            append(2, 2, None, "c"),
            whole(3, 5, 6, "b a c"),
        ),
    ),
    (
        "one of two tokens",
        True,
        (append(0, 0, None, "a", token="x"), append(1, 0, None, "b", token=""), check_tail(2, 1, 2, 1)),
    ),
    (
        "a batch that cannot be without the one before it",
        True,
        (
            append(0, 0, None, "a b", session=1),
            append(0, 1, None, "c", session=1),
            append(1, 2, None, "d"),
            check_tail(2, 3, 4, 1),
        ),
    ),
    (
        "one of two trims",
        True,
        (
            append(0, 0, 1, "a b", ack=0),
            append(1, 3, None, "trim=1"),
            append(2, 4, None, "trim=2"),
            check_tail(3, 5, 6, 3),
            read(3, 7, 8, 0, bytes=10, saw=""),
            check_tail(3, 9, 10, 3),
        ),
    ),
    (
        "five of eleven",
        True,
        (*(append(i, 0, None, one) for i, one in enumerate([*"abcdefghij", "k l"])), check_tail(20, 1, 2, 5)),
    ),
)

LATER_HASH = (whole(0, 0, 1, "b"), append(0, 2, 3, "a", ack=1))

HASHES: tuple[Case, ...] = (
    ("of what nobody read", True, (whole(0, 0, 1, "a"),), {"tail": 1}),
    ("of less than there was", False, (append(0, 0, 1, "a", ack=1), whole(1, 2, 3, "b")), {"tail": 1}),
    ("after what nobody read", True, (append(0, 0, None, "a"), whole(1, 1, 2, "b a")), {"tail": 1}),
    ("that goes on", True, (*LATER_HASH, whole(0, 4, 5, "b a")), {"tail": 1}),
    ("that does not go on", False, (*LATER_HASH, whole(0, 4, 5, "c a")), {"tail": 1}),
)

STARTS: tuple[Case, ...] = (
    ("beyond the tail", False, (*A_B, read(1, 4, 5, 5, saw=""))),
    ("beyond the tail, waiting", False, (*A_B, read(1, 4, 5, 5, wait=1, saw=""))),
    ("with whatever token", True, A_B, {"token": None}),
    ("a 416 with another tail", False, (*A_B, read(1, 4, 5, 5, tail=1))),
    (
        "at a command that was there before",
        True,
        (read(0, 0, 1, 0, count=1, saw="fence=x"), append(0, 2, 3, "fence=x", ack=1)),
        {"tail": 1},
    ),
)

LATER = (append(2, 4, None, "b"), check_tail(3, 5, 6, 2))
"""After another record."""

TIMES: tuple[Case, ...] = (
    ("after a read", True, (A_B[0], read(1, 2, 3, 0, saw="a"), *LATER)),
    ("after a read that waited at the tail", True, (A_B[0], read(1, 2, 3, 1, wait=1, saw=""), *LATER)),
    ("after a clamped read", True, (A_B[0], read(1, 2, 3, 5, clamp=True, wait=1, saw=""), *LATER)),
    ("at the instant at which it shows", True, (A_B[0], append(2, 4, None, "b"), check_tail(1, 2, 4, 2))),
    ("after it shows", False, (A_B[0], append(2, 5, None, "b"), check_tail(1, 2, 4, 2))),
    (
        "a fence at the instant at which it shows",
        True,
        (append(1, 2, 4, "t", token="w", fence="x"), append(2, 4, None, "fence=x")),
    ),
    (
        "a fence after it shows",
        False,
        (append(1, 2, 4, "t", token="w", fence="x"), append(2, 5, None, "fence=x")),
    ),
    (
        "below what had been reached",
        False,
        (
            A_B[0],
            append(2, 2, None, "b"),
            check_tail(1, 3, 4, 2),
            append(3, 5, None, "c", match=1),
            check_tail(1, 6, 7, 3),
        ),
    ),
)
"""When appends of unknown outcome can have been applied."""

HALVES = (append(0, 0, 1, "a~600000", ack=0), append(0, 2, 3, "b~600000", ack=1))
"""Together they are larger than 1 MiB."""

PARTS: tuple[Case, ...] = (
    ("it waits for nothing, so it has to end", False, (*A_B, read(1, 4, 5, 0, wait=0, saw="a"))),
    ("a part may stop anywhere", True, (*A_B, read(1, 4, 5, 0, session=1, count=3, parts=[part(5, "a")], saw="b"))),
    ("all parts in no time", True, (*A_B, read(1, 4, 4, 0, session=1, count=2, parts=[part(4, "a")], saw="b"))),
    ("more than 1 MiB", False, (*HALVES, read(1, 4, 5, 0, wait=1, parts=[part(5, "a~600000")], saw="b~600000"))),
    (
        "more than 1 MiB in a session",
        True,
        (*HALVES, read(1, 4, 5, 0, session=1, count=2, parts=[part(5, "a~600000")], saw="b~600000")),
    ),
    ("a tail that was not there", False, (*A_B, read(1, 4, 9, 0, wait=1, parts=[part(5, "a", followed=5)], saw="b"))),
    ("a tail below its records", False, (*A_B, read(1, 4, 9, 0, wait=1, parts=[part(5, "a b", followed=1)], saw=""))),
    (
        "a tail below one that was told long before",
        False,
        (
            *A_B,
            read(1, 4, 9, 0, wait=1, parts=[part(5, "", followed=2), part(6, ""), part(7, "a", followed=1)], saw=""),
        ),
    ),
    ("a 416 after an empty part", False, (*A_B, read(1, 4, 5, timestamp=1002, wait=1, parts=[part(5, "")], tail=2))),
)

PIPELINES: tuple[Case, ...] = (
    (
        "a tail that a later batch of the session made",
        True,
        (append(0, 0, 2, "a", session=1, ack=(0, 1, 2)), append(0, 2, 3, "b", session=1, ack=1)),
    ),
    (
        "a tail that a later append of the process made",
        False,
        (append(0, 0, 2, "a", ack=(0, 1, 2)), append(0, 2, 3, "b", ack=1)),
    ),
    (
        "never applied, before one that was refused",
        True,
        (
            append(0, 0, None, "a b", session=1),
            append(0, 1, 9, "c", match=7, tail=0, session=1),
            check_tail(1, 10, 11, 0),
        ),
    ),
)

ABSENCE: tuple[Case, ...] = (
    ("gone", False, (*A_B, absent(1, 4, 5))),
    ("its basin is gone", False, (*A_B, absent(1, 4, 5, "basin_not_found"))),
    ("being deleted", False, (*A_B, absent(1, 4, 5, "stream_deletion_pending"))),
    ("another failure", True, (*A_B, absent(1, 4, 5, "rate_limited"))),
    ("not there yet", True, (absent(1, 0, 0), *A_B)),
    ("at the instant at which it was shown", True, (append(0, 0, 4, "a", ack=0), absent(1, 4, 5))),
    ("created meanwhile", True, (*A_B, absent(1, 0, 9))),
    ("shown by a refusal", False, (append(0, 0, 1, "a", match=1, tail=0), absent(1, 4, 5))),
    ("shown by a 416", False, (read(0, 0, 1, 0, tail=0), absent(1, 4, 5))),
    ("shown by a part", False, (append(0, 0, None, "a"), read(1, 2, 9, 0, parts=[part(3, "a")]), absent(2, 4, 5))),
    ("shown by nobody", True, (append(0, 0, None, "a"), absent(1, 4, 5))),
    ("others may delete it", True, (*A_B, absent(1, 4, 5)), {"others_may_delete": True}),
    ("deleted", True, (*A_B, append(2, 4, 5, f"trim={2**64 - 1}", ack=2), absent(1, 6, 7))),
    ("perhaps deleted", True, (*A_B, append(2, 4, None, f"trim={2**64 - 1}"), absent(1, 6, 7))),
    ("not deleted", False, (*A_B, append(2, 4, 5, f"trim={2**64 - 1}", match=1, tail=2), absent(1, 6, 7))),
)


RULES: dict[str, Case] = {
    f"{about} - {case[0]}": case
    for about, cases in (
        ("timestamps", TIMESTAMPS),
        ("gone", GONE),
        ("bounds", BOUNDS),
        ("acknowledgements", ACKNOWLEDGEMENTS),
        ("refusals", REFUSALS),
        ("searches", SEARCHES),
        ("hashes", HASHES),
        ("times", TIMES),
        ("starts", STARTS),
        ("parts", PARTS),
        ("pipelines", PIPELINES),
        ("absence", ABSENCE),
    )
    for case in cases
}


@pytest.mark.parametrize("judge", [explain, linearize])
@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in RULES.items()])
def test_a_rule(case: Any, judge: Any) -> None:
    _, explained, ops, *declared = case
    assert (judge(ops, **dict(*declared)) is not None) == explained
