"""The service's refusals: two exceptions, each of which carries an answer."""

from __future__ import annotations

from typing import Final

import msgspec

from ..s2 import Position
from ..s2.errors import ERROR_CODES, ErrorCode

_ROWS: Final = {row.code: row for row in ERROR_CODES}


class ServiceError(Exception):
    """A refusal with an error code of the table. ``status`` and ``definite`` follow from the code.

    Raise KeyError if ``code`` is not in the table.
    """

    def __init__(self, code: str, message: str) -> None:
        row = _ROWS[code]
        super().__init__(f"{code}: {message}")
        self.code = code
        (self.status, *_) = row.statuses
        self.definite = row.definite
        self.message = message


class StateMismatch(Exception):
    """A refusal because of the state of the stream, which the answer tells in a body of its own.

    ``value`` is what the member of that body holds.
    """

    def __init__(self, row: ErrorCode, value: int | str | Position) -> None:
        super().__init__(f"{row.code}: {value}")
        self.code = row.code
        (self.status, *_) = row.statuses
        self.value = value
        self.body = {row.member: msgspec.to_builtins(value)}


def invalid(message: str) -> ServiceError:
    """Return a 422: the request was understood but breaks a rule."""
    return ServiceError("invalid", message)


def stream_deletion_pending(name: str) -> ServiceError:
    """Return a 409: the stream of this name is being deleted, and neither it nor its name can be used."""
    return ServiceError("stream_deletion_pending", f"the stream {name!r} is being deleted")
