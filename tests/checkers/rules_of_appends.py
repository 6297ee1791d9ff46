"""Histories by hand whose truth is plain: acknowledgements, refusals, sessions, and appends of unknown outcome.

A case is a name, whether an order explains it, its operations, and what its header declares.
"""

from __future__ import annotations

from typing import Any

from fencepost.testing import append, check_tail, part, read, whole
from fencepost.testing.operations import Op

A_B = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1))

Case = tuple[str, bool, tuple[Op, ...]] | tuple[str, bool, tuple[Op, ...], dict[str, Any]]

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

EITHER_AT_2, EITHER_AT_3 = (
    (append(7, 0, None, "c", match=at), append(8, 0, None, "trim=1", match=at)) for at in (2, 3)
)
IN_ORDER = (*EITHER_AT_2, check_tail(9, 1, 2, 2))
"""Two others come before either."""

SEARCHES: tuple[Case, ...] = (
    (
        "the order of two fences",
        True,
        (
            append(0, 0, None, "fence=x"),
            append(1, 0, None, "fence=y"),
            *IN_ORDER,
            append(3, 5, 6, "z", token="x", ack=3),
        ),
    ),
    (
        "the order of a trim and what it removed",
        True,
        (
            append(0, 0, None, "trim=2"),
            append(1, 0, None, "b"),
            *IN_ORDER,
            check_tail(9, 3, 4, 3),
            read(9, 6, 7, 0, saw="", until=1002),
        ),
    ),
    (
        "the order that a hash tells",
        True,
        (append(0, 0, None, "a"), append(1, 0, None, "b"), *IN_ORDER, whole(3, 5, 6, "b a c")),
    ),
    (
        "one of two trims, as what is left was late",
        True,
        (
            append(0, 0, 1, "a b", ack=0),
            append(1, 2, None, "trim=1"),
            append(2, 2, None, "trim=2"),
            check_tail(3, 4, 5, 3),
            read(3, 6, 7, 0, saw="", until=1002),
            check_tail(3, 8, 9, 3),
        ),
    ),
    (
        "an append after a read, which removed less then",
        True,
        (
            append(0, 0, 1, "a trim=2", ack=0),
            append(1, 4, 7, "trim=9", ack=2),
            read(2, 5, 6, tail_offset=2, saw="#1 trim=2"),
            *EITHER_AT_3,
            check_tail(9, 8, 9, 3),
            check_tail(9, 10, 11, 4),
            read(3, 12, 13, 2, count=1, saw="trim=9"),
        ),
    ),
    (
        "a read that began before an append, and went on after others",
        True,
        (
            append(0, 0, 1, "a b", ack=0),
            append(0, 6, 7, "d", ack=2),
            *EITHER_AT_3,
            check_tail(9, 9, 10, 3),
            check_tail(9, 11, 12, 4),
            append(0, 13, 14, "trim=9", ack=4),
            read(
                1,
                5,
                20,
                session=3,
                tail_offset=0,
                parts=[part(8, "", followed=2), part(15, "d #4 trim=9", at=2)],
            ),
        ),
    ),
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
