"""Histories that are easily misjudged, each named for what it traps."""

from __future__ import annotations

from typing import Final

from tests.checkers.golden_case import TRIMMED, Golden, sound, unsound
from tests.checkers.histories import append, check_tail, read

TRAPS: Final = (
    unsound(
        "every-pair-is-fine-all-three-are-not",
        "nonmonotonic-read",
        append(0, 0, 40, "fence=x a b c", ack=0),
        append(1, 0, 40, "fence=y d", ack=4),
        append(2, 0, 40, "e", ack=6),
        append(3, 0, 40, "f g", ack=7),
        append(4, 0, 40, "fence=x", ack=9),
        check_tail(5, 1, 2, 6),
        append(6, 3, 4, "h", token="y", fence="x"),
        check_tail(7, 5, 6, 7),
    ),
    sound(
        "alternating-fences-with-room",
        append(0, 0, 40, "fence=x a b c", ack=0),
        append(1, 0, 40, "fence=y d", ack=4),
        append(2, 0, 40, "e", ack=6),
        append(3, 0, 40, "f g", ack=7),
        append(4, 0, 40, "fence=x", ack=9),
        check_tail(5, 1, 2, 6),
        append(6, 3, 4, "h", token="y", fence="x"),
        check_tail(7, 5, 6, 10),
    ),
    sound(
        "two-fences-in-a-batch-the-last-shows",
        append(0, 0, 1, "fence=x fence=y", ack=0),
        append(0, 2, 3, "a", token="x", fence="y"),
    ),
    unsound(
        "two-fences-in-a-batch-the-first-never-shows",
        "phantom-fence",
        append(0, 0, 9, "fence=x fence=y", ack=0),
        append(1, 2, 3, "a", token="", fence="x"),
    ),
    sound(
        "a-batch-is-tested-against-the-token-before-it",
        append(0, 0, 1, "fence=x a", token="", ack=0),
        append(0, 2, 3, "b", token="x", ack=2),
    ),
    sound("empty-token-on-a-fresh-stream", append(0, 0, 1, "a", token="", ack=0)),
    sound(
        "a-fence-to-nothing",
        append(0, 0, 1, "fence=x", ack=0),
        append(0, 2, 3, "fence=", token="x", ack=1),
        append(0, 4, 5, "a", token="", ack=2),
    ),
    sound(
        "a-page-of-one-mebibyte",
        append(0, 0, 1, "a~600000 b~600000", ack=0),
        read(0, 2, 3, 0, saw="a~600000"),
        read(0, 4, 5, 1, saw="b~600000"),
    ),
    unsound(
        "a-page-that-had-room",
        "torn-batch",
        append(0, 0, 1, "a~600000 b~400000", ack=0),
        read(0, 2, 3, 0, saw="a~600000"),
    ),
    sound(
        "bytes-and-until-end-a-read",
        append(0, 0, 1, "a b", ack=0),
        read(0, 2, 3, 0, bytes=12, saw="a"),
        read(0, 4, 5, 0, until=1001, saw="a"),
    ),
    unsound(
        "a-bound-that-had-just-enough-room",
        "stale-read",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 3, "b", ack=1),
        read(1, 4, 5, 0, bytes=18, saw="a"),
    ),
    sound("a-trimmed-record-still-read", *TRIMMED, read(1, 4, 5, 0, saw="a b c trim=2")),
    sound(
        "an-operation-that-never-returned",
        append(0, 0, None, "a"),
        read(1, 1, None, 0),
        append(2, 2, 3, "b", ack=0),
        read(2, 4, 5, 0, saw="b"),
    ),
    sound(
        "an-indefinite-append-that-came-late", append(0, 0, 1, "a"), check_tail(1, 2, 3, 0), read(1, 4, 5, 0, saw="a")
    ),
    sound(
        "a-followed-tail-that-lags",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 3, "b c", ack=1),
        read(1, 4, 5, 0, count=1, wait=1, saw="a", followed=1),
    ),
    unsound(
        "a-followed-tail-inside-a-batch",
        "torn-batch",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 3, "b c", ack=1),
        read(1, 4, 5, 0, count=1, wait=1, saw="a", followed=2),
    ),
    sound(
        "a-read-that-waits-is-no-exact-tail",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 3, "b", ack=1),
        read(1, 4, 5, 0, wait=1, saw="a"),
    ),
    sound("a-read-from-the-end", append(0, 0, 1, "a b c", ack=0), read(0, 2, 3, tail_offset=2, at=1, saw="b c")),
    unsound(
        "a-read-from-the-end-of-another-time",
        "stale-read",
        append(0, 0, 1, "a b", ack=0),
        append(0, 2, 3, "c", ack=2),
        read(0, 4, 5, tail_offset=2, count=1, at=0, saw="a"),
    ),
    unsound(
        "a-tail-seen-before-a-lost-append-was-begun",
        "future-read",
        append(0, 0, 1, "a b c", ack=0),
        check_tail(1, 2, 3, 5),
        append(2, 4, 5, "d e"),
        append(3, 6, 7, "f", ack=5),
    ),
    sound(
        "a-hole-that-one-lost-append-fits",
        append(0, 0, 1, "a b c", ack=0),
        append(2, 2, 3, "d e"),
        append(3, 6, 7, "f", ack=5),
        undecided=True,
    ),
    unsound(
        "a-hole-that-nothing-fits",
        "bad-ack",
        append(0, 0, 1, "a b c", ack=0),
        append(2, 2, 3, "d"),
        append(3, 6, 7, "f", ack=5),
    ),
    sound(
        "two-holes-and-the-longest-goes-first",
        append(0, 0, 1, "a b", ack=0),
        append(1, 2, 3, "c d e"),
        append(2, 2, 3, "f g"),
        append(3, 2, 3, "h"),
        append(4, 4, 5, "i", ack=5),
        append(4, 6, 7, "j", ack=8),
        undecided=True,
    ),
    sound(
        "a-refusal-that-does-not-say-why",
        append(0, 0, 1, "a"),
        append(1, 2, 3, "b", match=0, failed="condition_failed", status=412),
        check_tail(1, 4, 5, 1),
        undecided=True,
    ),
    sound(
        "an-initial-token-that-nobody-knows",
        append(0, 0, 1, "a", token="q", ack=0),
        append(0, 2, 3, "b", token="w", fence="q"),
        token=None,
    ),
    unsound(
        "an-initial-token-that-is-two",
        "stale-token-write",
        append(0, 0, 1, "a", token="q", ack=0),
        append(0, 2, 3, "b", token="p", ack=1),
        token=None,
    ),
    sound(
        "a-followed-tail-tells-equal-commands-apart",
        append(1, 3, None, "fence=x fence=y fence=z fence="),
        append(4, 8, None, "fence=x a fence=y"),
        read(0, 10, 18, 0, count=1, wait=1, saw="fence=x", followed=3),
    ),
    unsound(
        "a-followed-tail-inside-the-only-batch",
        "torn-batch",
        append(1, 3, None, "fence=x fence=y fence=z fence="),
        read(0, 10, 18, 0, count=1, wait=1, saw="fence=x", followed=3),
    ),
    unsound(
        "a-process-sees-no-lost-append-that-it-is-about-to-send",
        "future-read",
        check_tail(0, 1, 5, 1),
        append(0, 5, None, "a"),
        read(1, 6, 7, 0, saw="a"),
    ),
    sound(
        "a-process-may-see-the-lost-append-of-another-at-one-instant",
        check_tail(0, 1, 5, 1),
        append(1, 5, None, "a"),
        read(2, 6, 7, 0, saw="a"),
    ),
    Golden(
        "trap-nothing-succeeded",
        None,
        (append(0, 0, 1, "a", token="x", fence=""), append(0, 2, None, "b")),
        observed=False,
    ),
    Golden("trap-nothing-at-all", None, (), observed=False),
)
