"""What a file in s2-porcupine's format says about its history as a whole, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from .. import events
from ..history import FOREVER, NONE, History, Kind, Outcome

STREAM: Final = "stream"
"""What the one stream is called: the format does not name it."""

COLLECTOR: Final = 0
"""The client under which the collector writes of itself. Clients are counted from 1."""

UNTOLD: Final = (
    "when anything happened (lines are counted instead)",
    "timestamps",
    "the sizes of records",
    "why an operation failed",
    "the records that a read returned (it tells their number and one hash of all)",
    "the tail in an acknowledgement",
    "trim commands",
)


class Failures(StrEnum):
    """What a definite failure of an append may mean."""

    ANY = "any"
    """Whatever had no effect: a condition that did not hold, a refused connection, a rate limit."""
    CONDITION = "condition"
    """A condition that did not hold, wherever the append gave one."""


def header(fencing_token: str | None = "") -> events.Header:
    """Return the header of a history in this format, given the token before its first operation (None: unknown).

    The collector fills records with random bytes, at least one, so unique records are not promised.
    """
    return events.Header(
        schema=events.SCHEMA,
        version="",
        workload="s2-porcupine",
        seed=0,
        started="",
        streams=[events.StreamState(STREAM, 0, fencing_token)],
        unique_records=False,
        untold=list(UNTOLD),
        times_are_lines=True,
    )


def described(history: History) -> History:
    """Return the same operations with what follows from them.

    The header leaves the first token unknown if it is (:func:`rectified`). The history is whole if every operation has
    finished, because the collector writes a finish for each, even if it does not know the outcome.
    """
    whole = not history.warnings and not bool((history.ended == FOREVER).any())
    return replace(history, header=header(None) if rectified(history) else history.header, whole=whole)


def rectified(history: History) -> bool:
    """Return whether the first operation stands for what the stream held before the first client came.

    The collector writes that as an append without conditions that covers the whole stream, acknowledged before
    anything else. It does not say which token the stream had.
    """
    appends = history.appends
    return bool(
        len(history)
        and history.process[0] == COLLECTOR
        and history.kind[0] == Kind.APPEND
        and history.outcome[0] == Outcome.OK
        and history.invoked[0] + 1 == history.ended[0]
        and appends.match_seq_num[0] == appends.token[0] == appends.last_fence[0] == NONE
        and appends.start[0] == 0
        and appends.end[0] == appends.offset[1] > 0
    )
