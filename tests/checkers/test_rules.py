"""Both oracles, by hand, where the answer is plain: timestamps, what is gone, bounds, streams that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from fencepost.testing import append, check_tail, part, read, whole
from fencepost.testing.operations import Op
from tests.checkers.oracle import explain
from tests.checkers.rules_of_appends import A_B, ACKNOWLEDGEMENTS, PIPELINES, REFUSALS, SEARCHES, TIMES, Case
from tests.checkers.wgl import linearize

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


ABSENCE: tuple[Case, ...] = (
    ("gone", False, (*A_B, absent(1, 4, 5))),
    ("its basin is gone", False, (*A_B, absent(1, 4, 5, "basin_not_found"))),
    ("beside what had been invoked before", True, (check_tail(1, 3, 9, 0), absent(2, 4, 12))),
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
def test_each_rule(judge: Any) -> None:
    misjudged = [
        name
        for name, (_, explained, ops, *declared) in RULES.items()
        if (judge(ops, **dict(*declared)) is not None) != explained
    ]
    assert not misjudged
