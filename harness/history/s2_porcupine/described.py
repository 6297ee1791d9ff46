"""What a file in s2-porcupine's format says about its history as a whole, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

import numpy as np

from .. import events
from ..contradictions import Terms
from ..history import FOREVER, NONE, History, Kind, Outcome
from ..tables import Ending

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


APPEND_FAILED: Final = "append_definite_failure"
APPEND_LOST: Final = "append_indefinite_failure"
READ_FAILED: Final = "read_failure"
CHECK_TAIL_FAILED: Final = "check_tail_failure"

TERMS: Final = Terms(
    fields={"op": "op_id", "process": "client_id", "digests": "record_hashes", "type": "Finish"},
    answers={
        (Ending.ACK, Kind.APPEND): "AppendSuccess",
        (Ending.FAILURE, Kind.APPEND): "AppendDefiniteFailure",
        (Ending.INDEFINITE, Kind.APPEND): "AppendIndefiniteFailure",
        (Ending.WHOLE, Kind.READ): "ReadSuccess",
        (Ending.FAILURE, Kind.READ): "ReadFailure",
        (Ending.TAIL, Kind.CHECK_TAIL): "CheckTailSuccess",
        (Ending.FAILURE, Kind.CHECK_TAIL): "CheckTailFailure",
    },
    process="client",
    invoked="started",
    returned="finished",
    moment="in line {}",
    sessions=None,
)
"""What the format calls things."""


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


def described(history: History, failures: Failures) -> History:
    """Return the same operations with what follows from them.

    An acknowledged append begins its number of records below its end. If that were below 0, the tail is too short,
    which is the service's mistake and not the file's: the range is then shorter than the batch.

    The header leaves the first token unknown if it is (:func:`rectified`). The history is whole if every operation has
    finished, because the collector writes a finish for each, even if it does not know the outcome. ``failures`` says
    what definite failures of appends mean.
    """
    whole = not history.warnings and not bool((history.ended == FOREVER).any())
    appends = history.appends
    acked = appends.end != NONE
    start = np.where(acked, np.maximum(appends.end - np.diff(appends.offset), 0), NONE)
    history = replace(history, appends=replace(appends, start=start), whole=whole)
    if rectified(history):
        history = replace(history, header=header(None))
    return _conditional(history) if failures is Failures.CONDITION else history


def _conditional(history: History) -> History:
    """Return the history with a condition that did not hold for every definite failure of an append that gave one."""
    appends = history.appends
    failed = (history.kind == Kind.APPEND) & (history.outcome == Outcome.FAILED)
    failed &= (appends.match_seq_num != NONE) | (appends.token != NONE)
    code = np.where(failed, len(history.codes), history.code).astype(np.int32)
    status = np.where(failed, 412, history.status).astype(np.int32)
    return replace(history, code=code, codes=[*history.codes, "condition_failed"], status=status)


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
