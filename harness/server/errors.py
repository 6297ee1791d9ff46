"""The service's refusals: three exceptions, each of which carries an answer."""

from __future__ import annotations

from typing import Final

from ..s2 import Position
from ..s2.errors import ERROR_CODES

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


class ConditionFailed(Exception):
    """A 412: a condition of an append did not hold. Exactly one of the two fields is set."""

    def __init__(self, *, fencing_token: str | None = None, seq_num: int | None = None) -> None:
        super().__init__(f"fencing_token_mismatch={fencing_token!r} seq_num_mismatch={seq_num}")
        self.fencing_token = fencing_token
        self.seq_num = seq_num

    @property
    def body(self) -> dict[str, str | int]:
        """The JSON body of the answer."""
        if self.fencing_token is not None:
            return {"fencing_token_mismatch": self.fencing_token}
        assert self.seq_num is not None
        return {"seq_num_mismatch": self.seq_num}


class RangeNotSatisfiable(Exception):
    """A 416: a read starts where no record is yet, and does not wait. ``tail`` is exact."""

    def __init__(self, tail: Position) -> None:
        super().__init__(f"the tail is {tail.seq_num}")
        self.tail = tail


def invalid(message: str) -> ServiceError:
    """Return a 422: the request was understood but breaks a rule."""
    return ServiceError("invalid", message)
