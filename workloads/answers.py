"""Reads the outcome of an operation for what it reveals about a stream: the tail and the token in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fencepost.harness.client.outcome import Definite, Ok, Outcome
from fencepost.harness.s2 import Ack, Append, Fence, Tail, command_of


def tail_of(outcome: Outcome[object]) -> int | None:
    """Return the tail (a seq_num) that an ack, a check-tail, a 412 or a 416 reported, or None."""
    if isinstance(outcome, Ok):
        value = outcome.value
        return value.tail.seq_num if isinstance(value, Ack | Tail) else None
    if not isinstance(outcome, Definite):
        return None
    mismatch = outcome.body.get("seq_num_mismatch")
    if isinstance(mismatch, int):
        return mismatch
    tail: Any = outcome.body.get("tail")
    seq_num = tail.get("seq_num") if isinstance(tail, Mapping) else None
    return seq_num if isinstance(seq_num, int) else None


def token_refusal(outcome: Outcome[object]) -> str | None:
    """Return the token in force if the service refused the operation for giving another token, else None."""
    token = outcome.body.get("fencing_token_mismatch") if isinstance(outcome, Definite) else None
    return token if isinstance(token, str) else None


def fences_in(call: Append) -> tuple[str, ...]:
    """Return the tokens that a batch sets, in order. Only the last one is ever in force."""
    return tuple(command.token for record in call.records if isinstance(command := command_of(record), Fence))
