"""The error codes of S2: what the bundled server answers, and what a client may conclude from an answer.

A code counts only if it is known **and** comes with a status of its row. A proxy between client and service may answer
with a status of its own, but is unlikely to get both right. An answer that the table does not list is indefinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .limits import U64_MAX
from .nouns import Append, Call, Position, Read

ABSENT: Final = "absent"
"""What a code claims that says that the stream, or its basin, is not there."""

DELETING: Final = "being deleted"
"""What a code claims that says that the stream, or its basin, is being deleted."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error code: its possible statuses, whether it promises that the request had no effect, and its meaning.

    Most answers have the body ``{"code": …, "message": …}``. A row with a ``member`` describes an answer whose body has
    that member instead, which ``holds`` a value of this type (an int is a seq_num); ``code`` is then the name that
    histories use, and ``refuses`` the only call that can be answered so. ``ours`` marks codes that only the bundled
    server uses. S2 does not have them, and clients treat them like any unknown code. ``claims`` is what the answer says
    of the stream or its basin: that it is :data:`ABSENT`, or :data:`DELETING`. Other codes are evidence of nothing.
    """

    code: str
    statuses: tuple[int, ...]
    definite: bool
    meaning: str
    member: str = ""
    holds: type[int | str | Position] = int
    refuses: type[Call[Any]] | None = None
    ours: bool = False
    claims: str = ""

    @property
    def own_body(self) -> str:
        """The form of the body, for people, if it has a member of its own."""
        return f'{{"{self.member}": {_FORMS[self.holds]}}}' if self.member else ""


_FORMS: Final = {int: "<seq_num>", str: '"<token>"', Position: '{"seq_num": <seq_num>, "timestamp": <ms>}'}


class Malformed(ValueError):
    """Bytes that violate the protocol. ``code`` is the error code with which a server refuses such a request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


NOT_SENT: Final = ErrorCode(
    "not_sent",
    (),
    True,
    "No byte of the request left the client: it had no connection, or gave up before it had one.",
)
SESSION_POISONED: Final = ErrorCode(
    "session_poisoned",
    (),
    True,
    "An earlier batch of the append session was refused, after which the service applies nothing of the session.",
)
SEQ_NUM_MISMATCH: Final = ErrorCode(
    "seq_num_mismatch",
    (412,),
    True,
    "The append's match_seq_num is not the seq_num that its first record would get; the body has the right one.",
    member="seq_num_mismatch",
    refuses=Append,
)
FENCING_TOKEN_MISMATCH: Final = ErrorCode(
    "fencing_token_mismatch",
    (412,),
    True,
    "The append's fencing token is not the one in force; the body has that one.",
    member="fencing_token_mismatch",
    holds=str,
    refuses=Append,
)
RANGE_NOT_SATISFIABLE: Final = ErrorCode(
    "range_not_satisfiable",
    (416,),
    True,
    "The read starts at or beyond the tail, which is in the body, and may not wait for records.",
    member="tail",
    holds=Position,
    refuses=Read,
)

ERROR_CODES: Final[tuple[ErrorCode, ...]] = (
    NOT_SENT,
    SESSION_POISONED,
    SEQ_NUM_MISMATCH,
    FENCING_TOKEN_MISMATCH,
    RANGE_NOT_SATISFIABLE,
    ErrorCode("access_token_not_found", (404,), True, "No such access token."),
    ErrorCode("authn", (401,), True, "The caller could not be authenticated."),
    ErrorCode("authz", (403,), True, "The caller may not do this (an older name of permission_denied)."),
    ErrorCode("bad_frame", (400,), True, "A frame of a session is malformed."),
    ErrorCode("bad_header", (400,), True, "A request header is missing or malformed."),
    ErrorCode("bad_json", (400,), True, "The body is not the JSON that was expected."),
    ErrorCode("bad_path", (400,), True, "The path is malformed; for example, the name in it does not decode."),
    ErrorCode("bad_proto", (400,), True, "The body is not the protobuf message that was expected."),
    ErrorCode("bad_query", (400,), True, "A query parameter is malformed."),
    ErrorCode("basin_deletion_pending", (409,), True, "The basin is being deleted.", claims=DELETING),
    ErrorCode("basin_not_found", (404,), True, "No such basin.", claims=ABSENT),
    ErrorCode("client_hangup", (499,), False, "The service saw its client go away before it had answered."),
    ErrorCode("decryption_failed", (400,), True, "The encryption key does not fit the records."),
    ErrorCode("hot_server", (502,), True, "The server in charge is overloaded and turned the request away."),
    ErrorCode("invalid", (422,), True, "The request can be read, but breaks a rule, such as a limit."),
    ErrorCode("not_implemented", (501,), True, "The service does not offer this."),
    ErrorCode("other", (500,), False, "Something unforeseen went wrong in the service."),
    ErrorCode("permission_denied", (403,), True, "The caller may not do this."),
    ErrorCode("quota_exhausted", (403,), True, "A quota is used up."),
    ErrorCode("rate_limited", (429,), True, "Too many requests."),
    ErrorCode("request_timeout", (408,), False, "The service gave up on the request, perhaps half-way."),
    ErrorCode(
        "resource_already_exists", (409,), True, "There is a basin, stream or access token of that name already."
    ),
    ErrorCode("server_draining", (503,), True, "The server is about to stop and accepts nothing new."),
    ErrorCode("storage", (500,), False, "The storage below failed, perhaps after it had written."),
    ErrorCode("stream_deletion_pending", (409,), True, "The stream is being deleted.", claims=DELETING),
    ErrorCode("stream_not_found", (404,), True, "No such stream.", claims=ABSENT),
    ErrorCode("transaction_conflict", (409,), True, "A concurrent change of the same object won."),
    ErrorCode("unavailable", (503,), False, "The part of the service in charge is out of reach, or lost the request."),
    ErrorCode("upstream_timeout", (504,), False, "A server behind the one that answered did not answer in time."),
    ErrorCode("method_not_allowed", (405,), True, "The path exists, but not with this method.", ours=True),
    ErrorCode("not_found", (404,), True, "No such endpoint.", ours=True),
    ErrorCode("payload_too_large", (413,), True, "The body is larger than any valid request.", ours=True),
    ErrorCode("unsupported_encoding", (415,), True, "The body is compressed in an unknown way.", ours=True),
)
"""Every error code that this package knows. Rows whose answers carry no code come first."""

WITH_MEMBER: Final = tuple(row for row in ERROR_CODES if row.member)
"""The rows whose answers have a body of their own: refusals that say something of the stream."""

_BY_CODE: Final[Mapping[str, ErrorCode]] = {
    row.code: row for row in ERROR_CODES if row.statuses and not row.member and not row.ours
}


def claims_absence(code: str) -> bool:
    """Whether an answer with this code says that a stream is not there, or will soon not be."""
    return code in _BY_CODE and bool(_BY_CODE[code].claims)


def find(code: str, status: int) -> ErrorCode | None:
    """Return the row of a code from a ``{"code", "message"}`` body, or None if code or status do not match."""
    row = _BY_CODE.get(code)
    return row if row is not None and status in row.statuses else None


def recognise(status: int, body: Mapping[str, Any]) -> ErrorCode | None:
    """Return the row that matches the status and JSON body of an error answer, or None if it is not an S2 error.

    An answer with a status of rows with a member must have exactly one of these members, and a proper value in it.
    """
    own = [row for row in WITH_MEMBER if status in row.statuses]
    if own:
        given = [row for row in own if row.member in body]
        return given[0] if len(given) == 1 and _PROPER[given[0].holds](body[given[0].member]) else None
    code, message = body.get("code"), body.get("message")
    if not isinstance(code, str) or not isinstance(message, str):
        return None
    return find(code, status)


def _is_position(value: object) -> bool:
    return isinstance(value, Mapping) and _is_u64(value.get("seq_num")) and _is_u64(value.get("timestamp"))


def _is_u64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U64_MAX


_PROPER: Final[Mapping[type, Callable[[object], bool]]] = {
    int: _is_u64,
    str: lambda value: isinstance(value, str),
    Position: _is_position,
}
