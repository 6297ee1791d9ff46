"""What an error answer promises: whether the request had no effect, by the table of error codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..error_codes import (
    ERROR_CODES,
    FENCING_TOKEN_MISMATCH,
    RANGE_NOT_SATISFIABLE,
    SEQ_NUM_MISMATCH,
    ErrorCode,
)

U64_MAX: Final = 2**64 - 1


_BY_CODE: Final[Mapping[str, ErrorCode]] = {
    row.code: row for row in ERROR_CODES if row.statuses and not row.own_body and not row.ours
}


def find(code: str, status: int) -> ErrorCode | None:
    """The row of a code that came in a ``{"code", "message"}`` body with this status; None unless both match."""
    row = _BY_CODE.get(code)
    return row if row is not None and status in row.statuses else None


def recognise(status: int, body: Mapping[str, Any]) -> ErrorCode | None:
    """The row that an error answer matches, by its status and its whole JSON body; None if it is no S2 error.

    The bodies of 412 and 416 are checked by their own shape: of a 412 exactly one of the two mismatches.
    """
    if status == 412:
        return _condition(body)
    if status == 416:
        return RANGE_NOT_SATISFIABLE if _is_position(body.get("tail")) else None
    code, message = body.get("code"), body.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    return find(code, status)


def _condition(body: Mapping[str, Any]) -> ErrorCode | None:
    given = [row for row in (SEQ_NUM_MISMATCH, FENCING_TOKEN_MISMATCH) if row.code in body]
    if len(given) != 1:
        return None
    (row,) = given
    value = body[row.code]
    proper = _is_u64(value) if row is SEQ_NUM_MISMATCH else isinstance(value, str)
    return row if proper else None


def _is_position(value: object) -> bool:
    return isinstance(value, Mapping) and _is_u64(value.get("seq_num")) and _is_u64(value.get("timestamp"))


def _is_u64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U64_MAX
