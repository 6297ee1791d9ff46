"""What a stream promises, word for word as its description says it (docs/semantics.md)."""

from __future__ import annotations

from typing import Final

TOKEN: Final = "fencing_token given and ≠ current token → 412"
MATCH: Final = "match_seq_num given and ≠ the seq_num the first record would get → 412"
DURABLE: Final = "An acknowledged append is durable: it survives a crash of the server."
ATOMIC: Final = "is appended atomically: consecutive seq_nums, all or nothing"
DEFINITE: Final = "Which codes promise no side effect (a definite failure)"
SEQUENCE: Final = "an append-only sequence of records"
NO_GAPS: Final = "Each record has a seq_num (0, 1, 2, … with no gaps)"
ACK: Final = "Success returns {start, end, tail} positions: end.seq_num − start.seq_num == len(batch), tail ≥ end"
STRONG: Final = "returns the tail of durable records: strongly consistent"
DURABLE_READ: Final = "Only durable records are returned."
REFUSAL: Final = "a 412 is a linearizable read of the tail or of the token"
FENCE: Final = "It takes effect at its own position (several in one batch: the last wins)."
SESSION_ORDER: Final = "Acks come back in submission order, and batch i+1 lands after batch i."
POISON: Final = (
    "The first failure poisons the session: it is reported, in order, "
    "and no later batch of that session is ever applied"
)
POLL: Final = "yields consecutive records: no gap, no repeat, no regress"
ASKED: Final = "An answer keeps to what was asked"
EXISTS: Final = "A stream that was created and that nobody deleted exists."
TRIM: Final = "records below it may disappear (and until then may still be read), records at or above it must not"
