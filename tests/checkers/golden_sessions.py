"""Sessions, answers in parts and reads of the whole stream that are easily misjudged; and what only a search finds."""

from __future__ import annotations

from typing import Final

from fencepost.testing import append, check_tail, part, read, whole
from tests.checkers.golden_case import sound, unsound

A_B = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1))
A_OR_B = (append(0, 0, None, "a"), append(1, 0, None, "b"))
LARGE = (append(0, 0, 1, "a~600000", ack=0), append(0, 2, 3, "b~600000", ack=1))
X_OR_Y = (append(0, 0, None, "fence=x"), append(1, 0, None, "fence=y"), append(2, 0, None, "a", match=2))

PARTS: Final = (
    unsound(
        "a-part-that-comes-twice",
        "nonmonotonic-poll",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(5, "a"), part(6, "a", at=0)]),
    ),
    unsound(
        "a-part-that-was-left-out",
        "lost-write",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(5, "", followed=2), part(6, "b", at=1)]),
    ),
    unsound(
        "a-part-that-comes-too-soon",
        "future-read",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(6, "a b z")]),
        append(2, 8, 9, "z", ack=2),
    ),
    unsound(
        "a-follower-whose-tail-goes-back",
        "nonmonotonic-poll",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(5, "", followed=2), part(6, "", followed=1)]),
    ),
    unsound(
        "a-follower-whose-tail-goes-back-where-nobody-knows-who-wrote",
        "nonmonotonic-poll",
        append(0, 0, None, "a"),
        append(1, 0, None, "fence=y b~20"),
        append(2, 0, None, "a a"),
        read(3, 4, 9, 0, session=1, parts=[part(5, "", followed=3)], saw="a", followed=2),
        unique=False,
    ),
    sound("a-follower-whose-tail-lags", *A_B, read(1, 4, 9, 0, session=1, parts=[part(5, "a", followed=1)])),
    unsound("a-session-with-a-limit-is-exact", "stale-read", *A_B, read(1, 4, 9, 0, session=1, count=5, saw="a")),
    sound(
        "a-session-with-a-limit-ends-at-the-tail",
        *A_B,
        read(1, 4, 9, 0, session=1, count=5, parts=[part(5, "a"), part(6, "b")], saw=""),
    ),
    sound("a-session-without-a-limit-is-not-exact", *A_B, read(1, 4, 9, 0, session=1, saw="a")),
    unsound(
        "a-session-has-no-implicit-bound", "stale-read", *LARGE, read(1, 4, 9, 0, session=1, count=5, saw="a~600000")
    ),
    sound(
        "a-follower-from-a-time-that-has-not-come",
        append(1, 3, 7, "fence=", ack=0),
        read(
            0,
            1,
            18,
            timestamp=1001,
            clamp=True,
            wait=1,
            parts=[part(8, "", followed=1), part(12, "fence=@1000")],
            saw="",
        ),
    ),
    unsound(
        "a-follower-whose-tail-is-below-what-it-returned",
        "nonmonotonic-poll",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(5, "a b"), part(6, "", followed=0)]),
    ),
    sound(
        "a-tail-of-what-does-not-follow-says-nothing",
        *A_B,
        read(1, 4, 9, 0, session=1, count=5, parts=[part(5, "a", followed=2), part(6, "b")], saw="", followed=1),
    ),
    sound("a-read-cut-short", *A_B, read(1, 4, 9, 0, parts=[part(6, "a")])),
    unsound(
        "what-a-read-cut-short-returned-is-evidence",
        "nonmonotonic-read",
        append(0, 0, None, "a"),
        read(1, 1, 4, 0, parts=[part(2, "a")]),
        check_tail(2, 5, 6, 0),
    ),
)

C_LATER: Final = append(0, 5, 6, "c", ack=2)
FROM_THE_TAIL: Final = (
    unsound(
        "a-session-with-a-limit-began-at-the-tail",
        "bad-read",
        *A_B,
        C_LATER,
        read(1, 4, 9, session=1, count=1, parts=[part(7, "c", at=2)]),
    ),
    sound(
        "a-session-that-waits-began-at-the-tail",
        *A_B,
        C_LATER,
        read(1, 4, 9, session=1, count=1, wait=1, parts=[part(7, "c", at=2)]),
    ),
    unsound(
        "a-session-with-a-limit-was-to-begin-at-the-tail",
        "bad-read",
        *A_B,
        read(1, 4, 9, session=1, count=1, parts=[part(7, "")]),
    ),
    sound("a-session-without-a-limit-was-to-begin-at-the-tail", *A_B, read(1, 4, 9, session=1, parts=[part(7, "")])),
    unsound(
        "a-session-with-a-limit-began-where-nothing-was",
        "bad-read",
        append(0, 5, 6, "a", ack=0),
        read(1, 2, 9, tail_offset=1, session=1, count=1, parts=[part(4, "")]),
    ),
    sound(
        "a-session-with-a-limit-began-just-below-the-tail",
        append(0, 5, 6, "a", ack=0),
        read(1, 2, 9, tail_offset=1, session=1, count=1, parts=[part(5, "")]),
    ),
    unsound(
        "a-session-with-a-limit-began-where-it-was-clamped",
        "bad-read",
        *A_B,
        C_LATER,
        read(1, 4, 9, 9, clamp=True, session=1, count=1, parts=[part(7, "c", at=2)]),
    ),
    unsound(
        "a-clamped-session-began-before-its-start-was-written",
        "bad-read",
        *A_B,
        C_LATER,
        read(1, 4, 9, 2, clamp=True, session=1, count=1, parts=[part(4, "")]),
    ),
    sound(
        "a-clamped-session-began-when-its-start-was-written",
        *A_B,
        C_LATER,
        read(1, 4, 9, 2, clamp=True, session=1, count=1, parts=[part(5, "")]),
    ),
    unsound(
        "a-read-cut-short-began-at-the-tail",
        "bad-read",
        *A_B,
        C_LATER,
        read(1, 4, 9, parts=[part(7, "c", at=2)]),
    ),
    sound(
        "a-read-in-parts-whose-first-is-empty",
        *A_B,
        read(1, 4, 9, 1, clamp=True, count=2, parts=[part(5, "")], saw="b", at=1),
    ),
    unsound(
        "a-clamped-session-began-in-a-hole",
        "bad-read",
        *A_OR_B,
        read(2, 1, 9, 5, clamp=True, session=1, count=3, parts=[part(5, ""), part(7, "b", at=1)]),
    ),
    unsound(
        "a-clamped-session-that-a-trim-does-not-excuse",
        "bad-read",
        append(0, 0, 1, "a b", ack=0),
        append(0, 4, 5, "trim=3", ack=2),
        append(0, 6, 7, "d", ack=3),
        read(1, 2, 9, 2, clamp=True, session=1, count=3, parts=[part(3, ""), part(8, "d", at=3)]),
    ),
    unsound(
        "an-answer-that-ends-with-a-refusal-below-what-it-returned",
        "nonmonotonic-poll",
        *A_B,
        read(1, 4, 9, 0, session=1, parts=[part(5, "a")], tail=0),
    ),
    unsound(
        "an-answer-that-ends-with-a-refusal-below-where-it-waited",
        "bad-read",
        *A_OR_B,
        read(2, 4, 9, 2, session=1, parts=[part(5, "")], tail=1),
        read(3, 10, 11, 0, saw="a b"),
    ),
    unsound(
        "a-follower-whose-tail-is-inside-a-batch-among-equal-ones",
        "torn-batch",
        append(0, 3, 4, "a b", ack=0),
        append(1, 4, None, "c", match=2),
        append(2, 4, None, "c"),
        read(3, 5, 7, 0, saw="a b c"),
        read(4, 2, 9, 3, session=1, parts=[part(6, "", followed=1)]),
        check_tail(5, 8, 9, 4),
        unique=False,
    ),
    unsound(
        "a-clamped-follower-that-began-inside-a-batch",
        "bad-read",
        append(0, 0, 4, "a b", ack=0),
        read(1, 1, 7, 3, clamp=True, wait=1, saw="b", at=1),
        append(2, 0, None, "trim=1"),
        check_tail(3, 8, 9, 2),
    ),
    sound(
        "a-clamped-follower-that-began-inside-no-batch",
        append(0, 0, 4, "a b", ack=0),
        append(1, 0, None, "trim=1"),
        read(4, 1, 9, 3, clamp=True, wait=1, saw="b", at=1),
    ),
)

GONE: Final = (
    unsound(
        "a-clamped-session-found-gone-what-was-read-again",
        "resurrected-record",
        read(1, 0, 1, 0, clamp=True, session=0, bytes=40, saw="before1", at=1),
        append(0, 2, 3, "a", ack=3),
        read(1, 4, 5, 0, saw="before0 before1 before2 a"),
        tail=3,
    ),
    sound(
        "a-clamped-session-found-gone-what-nobody-read-again",
        read(1, 0, 1, 0, clamp=True, session=0, bytes=40, saw="before1", at=1),
        append(0, 2, 3, "a", ack=3),
        read(1, 4, 5, 1, count=1, saw="before1"),
        tail=3,
    ),
    unsound(
        "a-clamped-session-ended-before-what-was-read-again",
        "resurrected-record",
        read(1, 0, 1, 0, clamp=True, session=0, bytes=40, saw="before1", at=1),
        append(0, 2, 3, "a", ack=3),
        read(1, 4, 5, 1, saw="before1 before2 a"),
        tail=3,
    ),
)

LEFT_OUT: Final = unsound(
    "a-clamped-session-left-out-a-record",
    "lost-write",
    append(0, 2, 3, "a b", ack=2),
    read(1, 2, 7, 2, clamp=True, wait=1, session=1, parts=[part(2, "")], saw="b", at=3),
    tail=2,
)

A_B_C: Final = append(0, 0, 1, "a b c", ack=0)
CLAMPED: Final = (append(0, 0, 1, "a b", ack=0), append(0, 4, 13, "c d", ack=2))
WAITED: Final = (
    sound(
        "a-read-that-waited-and-began-before-a-trim",
        A_B_C,
        append(0, 8, 13, "trim=2", ack=3),
        read(1, 9, 12, tail_offset=2, wait=1, saw="c", at=2),
    ),
    unsound(
        "a-read-that-waited-and-ended-before-a-trim",
        "bad-read",
        A_B_C,
        append(0, 13, 14, "trim=2", ack=3),
        read(1, 9, 12, tail_offset=2, wait=1, saw="c", at=2),
    ),
    sound(
        "a-clamped-read-that-waited-for-a-trim",
        *CLAMPED,
        append(2, 5, 14, "trim=3", ack=4),
        read(1, 4, 9, 6, clamp=True, wait=1, saw="d", at=3),
    ),
    unsound(
        "a-clamped-read-that-ended-before-a-trim",
        "bad-read",
        *CLAMPED,
        append(2, 10, 14, "trim=3", ack=4),
        read(1, 4, 9, 6, clamp=True, wait=1, saw="d", at=3),
    ),
)

HASHES: Final = (
    sound("a-hash-of-all", *A_B, whole(1, 4, 5, "a b")),
    unsound("a-hash-in-another-order", "inconsistent-offsets", *A_B, whole(1, 4, 5, "b a")),
    unsound(
        "a-hash-of-what-had-been-trimmed",
        "resurrected-record",
        append(0, 0, 1, "a b", ack=0),
        append(0, 2, 3, "trim=1", ack=2),
        read(1, 4, 5, 0, at=1, saw="b trim=1"),
        whole(1, 6, 7, "a b trim=1"),
    ),
    unsound("a-hash-of-less", "stale-read", *A_B, whole(1, 4, 5, "a")),
    sound("a-hash-tells-the-order", *A_OR_B, whole(2, 4, 5, "b a"), read(3, 6, 7, 0, count=1, saw="b")),
    sound("a-hash-tells-the-order-to-a-search", *A_OR_B, whole(2, 4, 5, "b a")),
    unsound(
        "a-hash-tells-another-order",
        "inconsistent-offsets",
        *A_OR_B,
        whole(2, 4, 5, "b a"),
        read(3, 6, 7, 0, count=1, saw="a"),
    ),
    unsound("a-hash-that-no-order-has", "inconsistent-offsets", *A_OR_B, whole(2, 4, 5, "c")),
)

APPEND_SESSIONS: Final = (
    sound(
        "a-lost-batch-before-a-refusal-was-applied",
        append(0, 0, None, "a", session=0),
        append(0, 1, 2, "b", session=0, match=3, tail=1),
        check_tail(1, 7, 8, 1),
    ),
    unsound(
        "a-lost-batch-after-the-refusal-behind-it",
        "future-read",
        append(0, 0, None, "a", session=0),
        append(0, 1, 2, "b", session=0, match=3, tail=0),
        check_tail(1, 7, 8, 1),
    ),
    sound(
        "a-refused-batch-follows-its-session-and-its-process",
        append(0, 1, 2, "a", token="y", session=0, fence=""),
        append(0, 3, 4, "b", ack=0),
        append(0, 4, 5, "c", token="y", session=0, fence=""),
    ),
    unsound(
        "a-refused-batch-comes-after-its-process-and-its-session",
        "stale-read",
        append(0, 1, 2, "a", match=7, session=0, tail=0),
        append(0, 3, 4, "b", ack=0),
        append(0, 4, 5, "c", match=7, session=0, tail=0),
    ),
    sound(
        "a-refusal-before-the-later-tail-of-the-batch-before-it",
        append(0, 0, 9, "a", session=0, ack=(0, 1, 2)),
        append(0, 1, 8, "b", session=0, match=0, tail=1),
        append(1, 2, 7, "c", ack=1),
    ),
    sound(
        "a-lost-batch-before-an-acknowledged-one",
        append(0, 0, None, "a", session=0),
        append(0, 1, 6, "b", session=0, ack=1),
    ),
    unsound(
        "a-lost-batch-that-an-acknowledged-one-overtook",
        "session-order",
        append(0, 0, None, "a", session=0),
        append(0, 1, 6, "b", session=0, ack=0),
    ),
    unsound(
        "a-lost-batch-behind-a-failure",
        "future-read",
        append(0, 0, None, "a", session=0),
        append(0, 1, 2, "b", session=0, failed="rate_limited"),
        append(0, 2, None, "c d", session=0),
        check_tail(1, 7, 8, 2),
    ),
    sound(
        "a-hole-with-a-session-in-order",
        append(0, 0, None, "a b", session=0),
        append(0, 1, None, "c", session=0),
        append(1, 2, 3, "d", ack=3),
        check_tail(2, 4, 5, 4),
    ),
)

SEARCH: Final = (
    sound(
        "a-hole-that-two-fences-fill-in-one-order",
        append(0, 0, None, "a", token="x"),
        append(1, 0, None, "fence=x"),
        append(2, 0, None, "fence=y"),
        append(3, 5, 6, "b", token="y", ack=3),
    ),
    unsound(
        "a-tail-of-a-moment-that-nothing-unread-can-have-made",
        "bad-ack",
        append(0, 0, 9, "a", ack=(0, 1, 2)),
        append(1, 10, None, "b"),
    ),
    sound(
        "a-hole-that-tails-divide",
        append(0, 0, None, "a b"),
        append(1, 0, None, "c"),
        check_tail(2, 1, 2, 1),
        check_tail(2, 3, 4, 3),
    ),
    unsound(
        "a-hole-that-two-appends-want-to-begin",
        "bad-ack",
        append(0, 0, None, "a b", match=0),
        append(1, 0, None, "c", match=0),
        append(2, 5, 6, "d", ack=3),
    ),
    unsound(
        "a-hole-that-two-fences-fill-in-the-other-order",
        "stale-token-write",
        append(0, 0, None, "fence=x", token=""),
        append(1, 0, None, "fence=y", token="x"),
        append(2, 5, 6, "b", token="x", ack=2),
    ),
    unsound(
        "a-tail-at-which-two-tokens-were-in-force",
        "wrong-mismatch",
        append(0, 0, None, "fence=x"),
        append(1, 0, None, "fence=y"),
        append(2, 1, 2, "a", match=5, token="x", tail=1),
        append(2, 3, 4, "b", match=5, token="y", tail=1),
    ),
    sound("a-hole-with-two-fences-of-which-x-is-the-last", *X_OR_Y, append(3, 5, 6, "b", token="x", ack=3)),
    sound("a-hole-with-two-fences-of-which-y-is-the-last", *X_OR_Y, append(3, 5, 6, "b", token="y", ack=3)),
    sound(
        "two-holes-and-the-longest-goes-last",
        append(0, 0, None, "a b"),
        append(1, 0, None, "c"),
        append(2, 0, None, "d", match=1),
        append(3, 0, None, "e", match=2),
        append(4, 5, 6, "f", ack=3),
        append(4, 7, 8, "g", ack=6),
    ),
    sound(
        "a-hole-in-an-order-that-a-hash-tells",
        *A_OR_B,
        append(2, 0, None, "c", match=2),
        check_tail(3, 1, 2, 2),
        whole(3, 5, 6, "b a c"),
    ),
    sound(
        "a-hole-in-the-other-order-that-a-hash-tells",
        *A_OR_B,
        append(2, 0, None, "c", match=2),
        check_tail(3, 1, 2, 2),
        whole(3, 5, 6, "a b c"),
    ),
    unsound("a-hole-of-half-a-batch", "future-read", append(0, 0, None, "a b"), check_tail(2, 1, 2, 1)),
)

SESSIONS_AND_SEARCH: Final = (*PARTS, *FROM_THE_TAIL, *GONE, LEFT_OUT, *WAITED, *HASHES, *APPEND_SESSIONS, *SEARCH)
