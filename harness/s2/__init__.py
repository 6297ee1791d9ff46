"""The S2 protocol, once: nouns, command records, limits, error codes. Server, clients, recorder and tests share it.

Nothing in this room does I/O, and nothing in it decides what a stream does: that is written in the server's state
machine, and a second time in the checkers.
"""

from .commands import Command, Fence, MalformedCommand, Trim, command_of
from .errors import ERROR_CODES, ErrorCode
from .nouns import (
    FENCE,
    TRIM,
    Ack,
    Answer,
    Append,
    Batch,
    Call,
    CheckTail,
    Headers,
    Position,
    Read,
    Record,
    SequencedRecord,
    Tail,
    metered_size,
)

__all__ = [
    "ERROR_CODES",
    "FENCE",
    "TRIM",
    "Ack",
    "Answer",
    "Append",
    "Batch",
    "Call",
    "CheckTail",
    "Command",
    "ErrorCode",
    "Fence",
    "Headers",
    "MalformedCommand",
    "Position",
    "Read",
    "Record",
    "SequencedRecord",
    "Tail",
    "Trim",
    "command_of",
    "metered_size",
]
