"""How the service refuses: one table of error codes, and the three exceptions that carry an answer.

A code's ``definite`` column is a promise: an operation refused with it had no effect and never will.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .values import StreamPosition


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A row of the table: what goes into ``code``, its HTTP status, whether it promises no side effect."""

    code: str
    status: int
    definite: bool
    meaning: str


_ROWS: Final = (
    ErrorCode("bad_frame", 400, True, "a session frame that cannot be decoded"),
    ErrorCode("bad_header", 400, True, "a request header that cannot be used"),
    ErrorCode("bad_json", 400, True, "a body that is not the JSON that was expected"),
    ErrorCode("bad_path", 400, True, "a path that names nothing that can exist"),
    ErrorCode("bad_proto", 400, True, "a body that is not the protobuf message that was expected"),
    ErrorCode("bad_query", 400, True, "a query parameter that cannot be used"),
    ErrorCode("permission_denied", 403, True, "the bearer token is missing or not the right one"),
    ErrorCode("basin_not_found", 404, True, "no such basin"),
    ErrorCode("stream_not_found", 404, True, "no such stream"),
    ErrorCode("not_found", 404, True, "no such endpoint"),
    ErrorCode("method_not_allowed", 405, True, "the endpoint knows other methods only"),
    ErrorCode("request_timeout", 408, False, "the request took too long; it may yet take effect"),
    ErrorCode("resource_already_exists", 409, True, "the name is taken"),
    ErrorCode("basin_deletion_pending", 409, True, "the basin is being deleted"),
    ErrorCode("stream_deletion_pending", 409, True, "the stream is being deleted"),
    ErrorCode("transaction_conflict", 409, True, "another change was made at the same time"),
    ErrorCode("payload_too_large", 413, True, "the body is larger than any valid request"),
    ErrorCode("invalid", 422, True, "understood, and against the rules"),
    ErrorCode("rate_limited", 429, True, "too many requests"),
    ErrorCode("client_hangup", 499, False, "the client went away; the request may yet take effect"),
    ErrorCode("other", 500, False, "something went wrong; the request may have taken effect"),
    ErrorCode("storage", 500, False, "the journal failed; the request may have taken effect"),
    ErrorCode("not_implemented", 501, True, "part of S2 that this server does not have"),
    ErrorCode("hot_server", 502, True, "shed before it was looked at"),
    ErrorCode("unavailable", 503, False, "not now; the request may have taken effect"),
    ErrorCode("server_draining", 503, True, "the server is stopping and takes nothing new"),
    ErrorCode("upstream_timeout", 504, False, "no answer in time; the request may have taken effect"),
)

ERROR_CODES: Final = {row.code: row for row in _ROWS}


class ServiceError(Exception):
    """A refusal with a code of the table. ``status`` and ``definite`` follow from it.

    Raises KeyError where ``code`` is not in the table.
    """

    def __init__(self, code: str, message: str) -> None:
        row = ERROR_CODES[code]
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = row.status
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

    def __init__(self, tail: StreamPosition) -> None:
        super().__init__(f"the tail is {tail.seq_num}")
        self.tail = tail


def invalid(message: str) -> ServiceError:
    """422: understood, and against the rules."""
    return ServiceError("invalid", message)
