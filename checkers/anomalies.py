"""The anomalies, one row each: what a history can show that a stream promises not to do.

The documentation, the command line and the report's legend are made from this table. The rows stand in the
order in which violations are reported: the most specific names first. A ``promise`` quotes the description
of what a stream promises, word for word.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

_CRITICAL, _SERIOUS, _MINOR = Severity.CRITICAL, Severity.SERIOUS, Severity.MINOR

_TOKEN: Final = "fencing_token given and ≠ current token → 412"
_MATCH: Final = "match_seq_num given and ≠ the seq_num the first record would get → 412"
_DURABLE: Final = "An acknowledged append is durable: it survives a crash of the server."
_ATOMIC: Final = "is appended atomically: consecutive seq_nums, all or nothing"
_DEFINITE: Final = "Which codes promise no side effect (a definite failure)"
_SEQUENCE: Final = "an append-only sequence of records"
_NO_GAPS: Final = "Each record has a seq_num (0, 1, 2, … with no gaps)"
_ACK: Final = "Success returns {start, end, tail} positions: end.seq_num − start.seq_num == len(batch), tail ≥ end"
_STRONG: Final = "returns the tail of durable records: strongly consistent"
_DURABLE_READ: Final = "Only durable records are returned."
_REFUSAL: Final = "a 412 is a linearizable read of the tail or of the token"
_FENCE: Final = "It takes effect at its own position (several in one batch: the last wins)."
_SESSION_ORDER: Final = "Acks come back in submission order, and batch i+1 lands after batch i."
_POISON: Final = (
    "The first failure poisons the session: it is reported, in order, "
    "and no later batch of that session is ever applied"
)
_POLL: Final = "yields consecutive records: no gap, no repeat, no regress"
_ASKED: Final = "An answer keeps to what was asked"
_EXISTS: Final = "A stream that was created and that nobody deleted exists."
_TRIM: Final = "records below it may disappear (and until then may still be read), records at or above it must not"

ANOMALIES: Final[tuple[Anomaly, ...]] = (
    Anomaly(
        "stale-token-write",
        "an append that gave a fencing token was accepted where another token was in force",
        _CRITICAL,
        "the token in force at start = the token given; tr from the append to the fence, ww back",
        _TOKEN,
        "A stale writer got a record in",
    ),
    Anomaly(
        "match-violation",
        "an append that gave match_seq_num was accepted at another position",
        _CRITICAL,
        "start = match_seq_num",
        _MATCH,
        "An append was accepted at another position than it asked for",
    ),
    Anomaly(
        "lost-update",
        "two appends with the same match_seq_num were both accepted",
        _CRITICAL,
        "no two accepted appends have the same match_seq_num",
        _MATCH,
        "Two writers won the same race",
    ),
    Anomaly(
        "lost-write",
        "acknowledged records are missing (a prefix, the middle or a suffix of the stream)",
        _CRITICAL,
        "an acknowledged record is returned by every later read of its position",
        _DURABLE,
        "Acknowledged records are missing",
    ),
    Anomaly(
        "duplicate",
        "one record stands at two positions",
        _CRITICAL,
        "a record that was sent once stands at one position",
        _ATOMIC,
        "A record is in the stream twice",
    ),
    Anomaly(
        "aborted-read",
        "a record of an append that failed for certain is present (G1a)",
        _CRITICAL,
        "wr from a failed append",
        _DEFINITE,
        "An append that failed was applied",
    ),
    Anomaly(
        "garbage-read",
        "a record that nobody sent to this stream, or altered content",
        _CRITICAL,
        "every record read was sent in an append to this stream",
        _SEQUENCE,
        "A read returned what nobody wrote",
    ),
    Anomaly(
        "torn-batch",
        "a batch was applied in part, not contiguously, or a tail was seen inside it",
        _CRITICAL,
        "the record at index i of a batch stands at start + i; no tail t with start < t < end",
        _ATOMIC,
        "A batch was not applied as a whole",
    ),
    Anomaly(
        "lost-stream",
        "a stream that had answered is said not to be there, or to be about to go, and nobody deleted it",
        _CRITICAL,
        "no answer claims that the stream is absent after one that shows it, unless somebody may have deleted it",
        _EXISTS,
        "The stream vanished",
    ),
    Anomaly(
        "bad-read",
        "an answer to a read that no state allows: more than was asked for, another start, a 416 or none in its place",
        _SERIOUS,
        "an answer starts where it was to, keeps its count, bytes and until, and is a 416 where nothing is to be read",
        _ASKED,
        "A read was answered wrongly",
    ),
    Anomaly(
        "over-trim",
        "a record at or above the trim point is gone",
        _CRITICAL,
        "a read skips only what lies below a trim point that may be in force",
        _TRIM,
        "Records that nobody trimmed are gone",
    ),
    Anomaly(
        "resurrected-record",
        "a record that was seen to be gone came back",
        _SERIOUS,
        "wr after rw: skipped by one read, returned by a later one",
        _TRIM,
        "A record that was gone came back",
    ),
    Anomaly(
        "bad-ack",
        "an impossible acknowledgement: wrong length, overlapping another, leaving a gap, or tail < end",
        _SERIOUS,
        "end − start = n, tail ≥ end, and acknowledged ranges tile the stream",
        _ACK,
        "An acknowledgement cannot be true",
    ),
    Anomaly(
        "inconsistent-offsets",
        "one seq_num, two contents (a split brain), or one record acknowledged and read at different positions",
        _CRITICAL,
        "all sources agree on what a position holds",
        _NO_GAPS,
        "Answers disagree about what the stream holds",
    ),
    Anomaly(
        "fence-regression",
        "an old token was reported after a newer fence had been acknowledged or seen",
        _CRITICAL,
        "tr + rt: cycle of the refusal and the newer fence",
        _FENCE,
        "A fence was undone",
    ),
    Anomaly(
        "phantom-fence",
        "a refusal reports a token that no fence set",
        _SERIOUS,
        "the token reported is the initial one, or was set by a fence",
        _REFUSAL,
        "A refusal reports a token that was never set",
    ),
    Anomaly(
        "spurious-rejection",
        "an operation was refused although what it asked for held",
        _SERIOUS,
        "the state that a refusal reports does not satisfy the condition",
        _REFUSAL,
        "An operation was refused without reason",
    ),
    Anomaly(
        "wrong-mismatch",
        "the tail or token that a refusal reports was never there while the operation ran",
        _SERIOUS,
        "the state that a refusal reports is one of the stream's, and the condition named was given",
        _REFUSAL,
        "A refusal reports a state that never was",
    ),
    Anomaly(
        "stale-read",
        "a read, check-tail or refusal missed an append acknowledged before it began (G-single-realtime)",
        _CRITICAL,
        "rw + rt",
        _STRONG,
        "An answer was out of date",
    ),
    Anomaly(
        "future-read",
        "something was observed that nobody had yet begun to append (G1c-realtime)",
        _CRITICAL,
        "wr + rt",
        _DURABLE_READ,
        "An answer shows what nobody had written yet",
    ),
    Anomaly(
        "nonmonotonic-read",
        "two observations, one after the other, go backwards",
        _SERIOUS,
        "rw + wr + rt (or process)",
        _STRONG,
        "The stream seemed to go backwards",
    ),
    Anomaly(
        "append-reorder",
        "an acknowledged append stands after one that was begun later (G0-realtime)",
        _CRITICAL,
        "ww + rt (or process)",
        _SEQUENCE,
        "Appends are in the wrong order",
    ),
    Anomaly(
        "session-order",
        "batches of one append session landed out of order",
        _SERIOUS,
        "ww + session",
        _SESSION_ORDER,
        "The batches of a session are out of order",
    ),
    Anomaly(
        "session-poison",
        "a batch of an append session was applied after the session had failed",
        _CRITICAL,
        "no batch of a session is applied after its first failure",
        _POISON,
        "A session went on after it had failed",
    ),
    Anomaly(
        "poll-skip",
        "a read jumped over records",
        _SERIOUS,
        "the seq_nums of an answer are consecutive, but for what may have vanished",
        _POLL,
        "A read jumped over records",
    ),
    Anomaly(
        "nonmonotonic-poll",
        "a read repeated records, or went back",
        _SERIOUS,
        "the seq_nums of an answer increase, from its start on",
        _POLL,
        "A read went backwards",
    ),
    Anomaly(
        "nonmonotonic-timestamp",
        "a timestamp is below that of the record before",
        _MINOR,
        "timestamps do not decrease along the stream",
        "a timestamp (milliseconds, never decreasing along the stream)",
        "A timestamp goes backwards",
    ),
)

BY_NAME: Final = MappingProxyType({anomaly.name: anomaly for anomaly in ANOMALIES})
"""The rows by name."""

RANK: Final = MappingProxyType({anomaly.name: rank for rank, anomaly in enumerate(ANOMALIES)})
"""Where a name stands in the order of reporting."""
