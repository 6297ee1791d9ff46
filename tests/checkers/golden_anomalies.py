"""For each anomaly a small history that shows it, and a near miss that is sound."""

from __future__ import annotations

from typing import Final

from fencepost.testing import append, check_tail, read
from fencepost.testing.operations import Ack
from tests.checkers.golden_case import A_B_C, TRIMMED, X_THEN_Y, bad, near

WRITES: Final = (
    bad("stale-token-write", "after-a-newer-fence", *X_THEN_Y, append(0, 4, 5, "a", token="x", ack=2)),
    bad("stale-token-write", "prefix", append(0, 0, 1, "fence=xy", ack=0), append(1, 2, 3, "a", token="x", ack=1)),
    bad("stale-token-write", "empty", append(0, 0, 1, "fence=x", ack=0), append(1, 2, 3, "a", token="", ack=1)),
    near(
        "stale-token-write",
        "just-in-time",
        append(0, 0, 1, "fence=x", ack=0),
        append(0, 2, 5, "a", token="x", ack=1),
        append(1, 3, 4, "fence=y", token="x", ack=2),
    ),
    bad("match-violation", "off-by-one", append(0, 0, 1, "a", ack=0), append(1, 2, 3, "b", match=0, ack=1)),
    near("match-violation", "exact", append(0, 0, 1, "a", ack=0), append(1, 2, 3, "b", match=1, ack=1)),
    bad("lost-update", "both-accepted", append(0, 0, 5, "a", match=0, ack=0), append(1, 0, 5, "b", match=0, ack=1)),
    near("lost-update", "one-refused", append(0, 0, 5, "a", match=0, ack=0), append(1, 0, 5, "b", match=0, tail=1)),
    bad("lost-write", "prefix", *A_B_C, read(1, 6, 7, 0, at=1, saw="b c")),
    bad("lost-write", "middle", *A_B_C, read(1, 6, 7, 0, saw="a #2 c")),
    bad(
        "lost-write",
        "suffix",
        append(0, 0, 1, "a b", ack=0),
        append(0, 2, 3, "c", ack=2),
        append(1, 4, 5, "d", ack=2),
        read(1, 6, 7, 0, saw="a b d"),
    ),
    bad("lost-write", "suffix-that-nobody-read", *A_B_C, read(1, 6, 7, 0, saw="a b")),
    near(
        "lost-write",
        "never-acknowledged",
        append(0, 0, None, "a"),
        append(1, 1, 2, "b", ack=0),
        read(1, 6, 7, 0, saw="b"),
    ),
    bad("duplicate", "sent-once", append(0, 0, 1, "a"), read(1, 2, 3, 0, saw="a a")),
    near(
        "duplicate",
        "two-equal-fences",
        append(0, 0, 1, "fence=x", ack=0),
        append(0, 2, 3, "fence=x", ack=1),
        read(1, 4, 5, 0, saw="fence=x fence=x"),
    ),
    bad("aborted-read", "rate-limited", append(0, 0, 1, "a", failed="rate_limited"), read(1, 2, 3, 0, saw="a")),
    bad(
        "aborted-read",
        "refused",
        append(0, 0, 1, "b", ack=0),
        append(0, 2, 3, "a", match=5, tail=1),
        read(1, 4, 5, 0, saw="b a"),
    ),
    near("aborted-read", "indefinite", append(0, 0, 1, "a"), read(1, 2, 3, 0, saw="a")),
    bad("garbage-read", "nobody-sent-it", append(0, 0, 1, "a", ack=0), read(1, 2, 3, 0, saw="a q")),
    bad("garbage-read", "altered", append(0, 0, 1, "a", ack=0), read(1, 2, 3, 0, saw="q")),
    near("garbage-read", "older-than-the-history", append(0, 0, 1, "a", ack=1), read(1, 2, 3, 0, saw="q a"), tail=1),
    bad("torn-batch", "in-part", append(0, 0, None, "a b"), append(1, 2, 3, "c", ack=1), read(1, 4, 5, 0, saw="a c")),
    bad("torn-batch", "tail-inside", append(0, 0, 9, "a b", ack=0), check_tail(1, 2, 3, 1)),
    bad(
        "torn-batch",
        "not-contiguous",
        append(0, 0, None, "a b"),
        append(1, 0, None, "c"),
        read(2, 4, 5, 0, saw="a c b"),
    ),
    near("torn-batch", "read-by-count", append(0, 0, 9, "a b", ack=0), read(1, 2, 3, 0, count=1, saw="a")),
    bad(
        "inconsistent-offsets",
        "two-contents",
        append(0, 0, None, "a"),
        append(1, 0, None, "b"),
        read(2, 2, 3, 0, count=1, saw="a"),
        read(3, 2, 3, 0, count=1, saw="b"),
    ),
    bad(
        "inconsistent-offsets",
        "acknowledged-and-another",
        append(0, 0, 1, "a", ack=0),
        append(1, 0, None, "b"),
        read(2, 2, 3, 0, saw="b"),
    ),
    near(
        "inconsistent-offsets",
        "one-content",
        append(0, 0, None, "a"),
        append(1, 0, None, "b"),
        read(2, 2, 3, 0, count=1, saw="a"),
        read(3, 2, 3, 0, saw="a b"),
    ),
    bad("bad-ack", "length", append(0, 0, 1, "a b", ack=(0, 1))),
    bad("bad-ack", "overlap", append(0, 0, 5, "a b", ack=0), append(1, 0, 5, "c", ack=1)),
    bad("bad-ack", "tail-below-end", append(0, 0, 1, "a b", ack=(0, 2, 1))),
    near("bad-ack", "tail-above-end", append(0, 0, 5, "a b", ack=(0, 2, 3)), append(1, 0, 5, "c", ack=2)),
    bad("append-reorder", "one-after-another", append(0, 0, 1, "a", ack=1), append(1, 2, 3, "b", ack=0)),
    near("append-reorder", "concurrent", append(0, 0, 2, "a", ack=1), append(1, 2, 3, "b", ack=0)),
    bad(
        "nonmonotonic-timestamp",
        "along-the-stream",
        append(0, 0, 1, "a b", ack=0),
        read(1, 2, 3, 0, saw="a@1000 b@999"),
    ),
    near(
        "nonmonotonic-timestamp",
        "equal",
        append(0, 0, 1, "a b", ack=Ack((0, 1000), (2, 1000), (2, 1000))),
        read(1, 2, 3, 0, saw="a@1000 b@1000"),
    ),
)

REFUSALS: Final = (
    bad("fence-regression", "old-token-reported", *X_THEN_Y, append(0, 4, 5, "a", token="w", fence="x")),
    near("fence-regression", "concurrent", *X_THEN_Y, append(0, 1, 5, "a", token="w", fence="x")),
    bad("phantom-fence", "nobody-set-it", append(0, 0, 1, "a", ack=0), append(0, 4, 5, "b", token="w", fence="q")),
    near("phantom-fence", "initial", append(0, 0, 1, "a", ack=0), append(0, 4, 5, "b", token="w", fence="")),
    near(
        "phantom-fence",
        "an-indefinite-fence",
        append(0, 0, 1, "fence=q"),
        append(1, 4, 5, "b", token="w", fence="q"),
        read(1, 6, 7, 0, saw="fence=q"),
    ),
    bad("spurious-rejection", "match-held", append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", match=1, tail=1)),
    bad(
        "spurious-rejection",
        "token-held",
        append(0, 0, 1, "fence=x", ack=0),
        append(0, 2, 3, "b", token="x", fence="x"),
    ),
    near(
        "spurious-rejection",
        "overtaken",
        append(0, 0, 1, "a", ack=0),
        append(0, 2, 9, "b", match=1, tail=2),
        append(1, 2, 9, "c", ack=1),
    ),
    bad("wrong-mismatch", "tail", append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", match=5, tail=7)),
    bad("wrong-mismatch", "no-condition-given", append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", tail=1)),
    near("wrong-mismatch", "tail", append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", match=5, tail=1)),
)

OBSERVATIONS: Final = (
    bad("bad-read", "more-than-its-count", *A_B_C, read(1, 6, 7, 0, count=1, saw="a b")),
    bad("bad-read", "empty-where-a-416-was-due", append(0, 0, 1, "a", ack=0), read(1, 2, 3, 1, saw="")),
    bad("bad-read", "a-record-of-that-time-left-out", *A_B_C, read(1, 6, 7, timestamp=1001, at=2, saw="c")),
    near("bad-read", "as-many-as-its-count", *A_B_C, read(1, 6, 7, 0, count=2, saw="a b")),
    near("bad-read", "a-416-at-the-tail", append(0, 0, 1, "a", ack=0), read(1, 2, 3, 1, tail=1)),
    near("bad-read", "from-the-first-record-of-that-time", *A_B_C, read(1, 6, 7, timestamp=1001, at=1, saw="b c")),
    bad("lost-stream", "after-a-record", append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, failed="stream_not_found")),
    near(
        "lost-stream",
        "before-anything-was-there",
        check_tail(1, 0, 3, failed="stream_not_found"),
        append(0, 2, 4, "a", ack=0),
    ),
    bad("stale-read", "check-tail", append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0)),
    bad("stale-read", "read", append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1), read(1, 4, 5, 0, saw="a")),
    bad("stale-read", "refusal", append(0, 0, 1, "a", ack=0), append(1, 2, 3, "b", match=4, tail=0)),
    bad("stale-read", "nothing-to-read", append(0, 0, 1, "a", ack=0), read(1, 2, 3, 0, tail=0)),
    near("stale-read", "check-tail", append(0, 0, 2, "a", ack=0), check_tail(1, 2, 3, 0)),
    bad("future-read", "read", read(1, 0, 1, 0, saw="a"), append(0, 2, 3, "a", ack=0)),
    bad("future-read", "check-tail", check_tail(1, 0, 1, 1), append(0, 2, 3, "a", ack=0)),
    near("future-read", "concurrent", read(1, 0, 2, 0, saw="a"), append(0, 2, 3, "a", ack=0)),
    bad(
        "nonmonotonic-read", "check-tails", append(0, 0, 9, "a", ack=0), check_tail(1, 1, 2, 1), check_tail(2, 3, 4, 0)
    ),
    bad(
        "nonmonotonic-read", "one-process", append(0, 0, 9, "a", ack=0), check_tail(1, 1, 2, 1), check_tail(1, 2, 4, 0)
    ),
    near(
        "nonmonotonic-read", "concurrent", append(0, 0, 9, "a", ack=0), check_tail(1, 1, 2, 1), check_tail(2, 2, 4, 0)
    ),
    bad(
        "poll-skip",
        "in-an-answer",
        append(0, 0, None, "a b c"),
        read(1, 2, 3, 0, saw="a b c"),
        read(1, 4, 5, 0, saw="a #2 c"),
    ),
    near(
        "poll-skip", "by-count", append(0, 0, None, "a b c"), read(1, 2, 3, 0, saw="a b c"), read(1, 4, 5, 2, saw="c")
    ),
    bad("nonmonotonic-poll", "repeats", append(0, 0, 1, "a b", ack=0), read(1, 2, 3, 0, saw="a b #1 b")),
    bad("nonmonotonic-poll", "below-its-start", append(0, 0, 1, "a b", ack=0), read(1, 2, 3, 1, at=0, saw="a b")),
    near(
        "nonmonotonic-poll",
        "two-reads",
        append(0, 0, 1, "a b", ack=0),
        read(1, 2, 3, 0, saw="a b"),
        read(1, 4, 5, 1, saw="b"),
    ),
    bad(
        "nonmonotonic-poll",
        "below-its-time",
        append(0, 0, 1, "a b", ack=0),
        read(1, 2, 3, timestamp=1001, clamp=True, at=0, saw="a b"),
    ),
    near(
        "nonmonotonic-poll",
        "clamped-by-time-and-waiting",
        append(0, 2, 9, "a", ack=0),
        read(1, 0, 10, timestamp=2000, clamp=True, wait=1, at=0, saw="a"),
    ),
    bad("over-trim", "above-the-point", *TRIMMED, read(1, 4, 5, 0, at=3, saw="trim=2")),
    bad(
        "over-trim",
        "before-the-command",
        append(0, 0, 1, "a b c", ack=0),
        read(1, 2, 3, 0, at=2, saw="c"),
        append(0, 6, 7, "trim=2", ack=3),
    ),
    near(
        "over-trim",
        "while-the-command-lands",
        append(0, 0, 1, "a b c", ack=0),
        read(1, 4, 7, 0, count=1, at=2, saw="c"),
        append(0, 5, 6, "trim=2", ack=3),
    ),
    bad(
        "over-trim",
        "beyond-the-command",
        append(0, 0, 1, "a trim=9", ack=0),
        append(0, 2, 3, "b c", ack=2),
        read(1, 4, 5, 0, at=3, saw="c"),
    ),
    near("over-trim", "at-the-point", *TRIMMED, read(1, 4, 5, 0, at=2, saw="c trim=2")),
    near(
        "over-trim",
        "clamped",
        append(0, 0, 1, "a trim=9", ack=0),
        append(0, 2, 3, "b", ack=2),
        read(1, 4, 5, 0, at=2, saw="b"),
    ),
    bad(
        "resurrected-record",
        "later-read",
        *TRIMMED,
        read(1, 4, 5, 0, at=2, saw="c trim=2"),
        read(1, 6, 7, 0, saw="a b c trim=2"),
    ),
    near(
        "resurrected-record",
        "concurrent-read",
        *TRIMMED,
        read(1, 4, 6, 0, at=2, saw="c trim=2"),
        read(2, 5, 7, 0, saw="a b c trim=2"),
    ),
)

SESSIONS: Final = (
    bad(
        "session-order",
        "acknowledged",
        append(0, 0, 5, "a", session=0, ack=1),
        append(0, 1, 6, "b", session=0, ack=0),
    ),
    bad(
        "session-order",
        "read",
        append(0, 0, None, "a", session=0),
        append(0, 1, None, "b", session=0),
        read(1, 7, 8, 0, saw="b a"),
    ),
    near(
        "session-order",
        "two-sessions",
        append(0, 0, 5, "a", session=0, ack=1),
        append(1, 1, 6, "b", session=1, ack=0),
    ),
    near(
        "session-order",
        "pipelined",
        append(0, 0, 5, "a", session=0, ack=0),
        append(0, 1, 6, "b", session=0, ack=1),
    ),
    bad(
        "session-poison",
        "after-a-refusal",
        append(0, 0, 5, "a", session=0, match=4, tail=0),
        append(0, 1, 6, "b", session=0, ack=0),
    ),
    bad(
        "session-poison",
        "read-after-a-refusal",
        append(0, 0, 5, "a", session=0, failed="rate_limited"),
        append(0, 1, None, "b", session=0),
        read(1, 7, 8, 0, saw="b"),
    ),
    near(
        "session-poison",
        "a-prefix-was-applied",
        append(0, 0, None, "a", session=0),
        append(0, 1, None, "b", session=0),
        read(1, 7, 8, 0, saw="a"),
    ),
    near(
        "session-poison",
        "nothing-after-the-failure",
        append(0, 0, 5, "a", session=0, ack=0),
        append(0, 1, 6, "b", session=0, match=4, tail=1),
        append(0, 2, None, "c", session=0),
        read(1, 7, 8, 0, saw="a"),
    ),
)
