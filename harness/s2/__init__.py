"""The S2 protocol: nouns, command records, limits, error codes. Server, clients, recorder and tests share this package.

The package does no I/O and does not decide what a stream does. The server's state machine decides that, and the
checkers decide it independently.
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
