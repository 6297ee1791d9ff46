"""How the service refuses: three exceptions that carry an answer."""

from __future__ import annotations

from typing import Final

from ..s2 import Position
from ..s2.errors import ERROR_CODES

_ROWS: Final = {row.code: row for row in ERROR_CODES}


class ServiceError(Exception):
    """A refusal with a code of the table. ``status`` and ``definite`` follow from it.

    Raises KeyError where ``code`` is not in the table.
    """

    def __init__(self, code: str, message: str) -> None:
        row = _ROWS[code]
        super().__init__(f"{code}: {message}")
        self.code = code
        (self.status, *_) = row.statuses
        self.definite = row.definite
        self.message = message


class ConditionFailed(Exception):
    """412: a condition of an append did not hold. Exactly one of the two fields is not None."""

    def __init__(self, *, fencing_token: str | None = None, seq_num: int | None = None) -> None:
        super().__init__(f"fencing_token_mismatch={fencing_token!r} seq_num_mismatch={seq_num}")
        self.fencing_token = fencing_token
        self.seq_num = seq_num

    @property
    def body(self) -> dict[str, str | int]:
        """The whole JSON body of the answer."""
        if self.fencing_token is not None:
            return {"fencing_token_mismatch": self.fencing_token}
        assert self.seq_num is not None
        return {"seq_num_mismatch": self.seq_num}


class RangeNotSatisfiable(Exception):
    """416: the read starts where there is nothing yet, and may not wait for it. ``tail`` is exact."""

    def __init__(self, tail: Position) -> None:
        super().__init__(f"the tail is {tail.seq_num}")
        self.tail = tail


def invalid(message: str) -> ServiceError:
    """422: understood, and against the rules."""
    return ServiceError("invalid", message)
