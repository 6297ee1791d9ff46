"""What an answer means, given its status and body: ok, definite or indefinite.

All records travel as JSON with ``s2-format: base64``, because ``raw`` loses bytes that are not UTF-8. The client
reports answers as they are, and the checkers decide whether they make sense. It rejects only what cannot be an answer
of S2: a body that is not JSON, a missing field, a number that does not fit a u64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from ..s2 import Append, Call, CheckTail, Read, json_codec, urls
from ..s2.errors import WITH_MEMBER, Malformed, recognise
from .outcome import Definite, Indefinite, Ok, Outcome
from .redaction import redacted, redacted_json

T = TypeVar("T")

TEXT_KEPT: Final = 4096
"""Characters kept of an answer that is neither an error of the service nor a JSON object."""

OBJECT_KEPT: Final = 65536
"""Largest JSON object, in bytes, that is kept whole although it is not an error of the service."""


class _Named(msgspec.Struct, frozen=True):
    name: str


class ListedStream(msgspec.Struct, frozen=True):
    """One stream of a listing. A stream that is being deleted has a ``deleted_at``."""

    name: str
    deleted_at: str | None = None


class StreamPage(msgspec.Struct, frozen=True):
    """One page of a listing of streams, sorted by name. ``has_more`` means that other pages follow."""

    streams: list[ListedStream]
    has_more: bool


class _Retention(msgspec.Struct, frozen=True):
    age: int | None = None


class _DeleteOnEmpty(msgspec.Struct, frozen=True):
    min_age_secs: int = 0


class StreamConfig(msgspec.Struct, frozen=True):
    """What the configuration of a stream says of the time after which its records, or the stream, vanish."""

    retention_policy: _Retention | None = None
    delete_on_empty: _DeleteOnEmpty | None = None

    @property
    def retention(self) -> int | None:
        """The age (seconds) at which records vanish. None if they do not, or if it is not told."""
        return None if self.retention_policy is None else self.retention_policy.age

    @property
    def vanishes(self) -> int | None:
        """The age (seconds) at which the stream vanishes if it is empty. None if it does not, or if it is not told."""
        return (self.delete_on_empty.min_age_secs or None) if self.delete_on_empty is not None else None


_decode_named: Final = msgspec.json.Decoder(_Named).decode


def create_stream_body(stream: str, config: Mapping[str, Any] | None) -> bytes:
    """Return the JSON body that creates a stream, with the configuration as given."""
    return json_codec.encode({"stream": stream} if config is None else {"stream": stream, "config": config})


def create_basin_body(basin: str) -> bytes:
    """Return the JSON body that creates a basin."""
    return json_codec.encode({"basin": basin})


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """How to interpret the answers to one kind of request.

    ``success`` holds the statuses that mean success. ``decode`` decodes their bodies, and raises ValueError for an
    unexpected form. ``call`` is the noun of a call on records, which only error bodies that refuse it may answer.
    """

    noun: str
    success: tuple[int, ...]
    decode: Callable[[bytes], T]
    call: type[Call[Any]] | None = None


def _named(content: bytes) -> None:
    _decode_named(content)


def _nothing(content: bytes) -> None:
    if content and not content.isspace():
        raise ValueError("there is a body where none belongs")


@dataclass(frozen=True, slots=True)
class Unary:
    """How to make one kind of unary call, and how to interpret its answers.

    ``target`` returns what follows the path of the stream, and ``body`` the JSON of a call that has one. Both raise
    UnicodeEncodeError for a token that is not text.
    """

    operation: Operation[Any]
    method: bytes
    target: Callable[[Any], bytes]
    body: Callable[[Any], bytes] | None = None


APPEND: Final = Operation("append ack", (200,), json_codec.decode_ack, Append)
READ: Final = Operation("batch of records", (200,), json_codec.decode_batch, Read)
CHECK_TAIL: Final = Operation("tail", (200,), json_codec.decode_tail, CheckTail)

UNARY: Final[Mapping[type[Call[Any]], Unary]] = {
    Append: Unary(APPEND, b"POST", lambda call: b"/records", json_codec.encode_append),
    Read: Unary(READ, b"GET", lambda call: b"/records" + urls.encode_read(call)),
    CheckTail: Unary(CHECK_TAIL, b"GET", lambda call: b"/records/tail"),
}
"""The calls on records, by noun."""

CREATE: Final = Operation("description of what was made", (200, 201), _named)
LIST: Final = Operation("page of streams", (200,), msgspec.json.Decoder(StreamPage).decode)
CONFIG: Final = Operation("configuration", (200,), msgspec.json.Decoder(StreamConfig).decode)
DELETE: Final = Operation("acceptance of a deletion", (202,), _nothing)


def conclude(operation: Operation[T], status: int, content: bytes, secret: str | None = None) -> Outcome[T]:
    """Return the outcome that a complete answer means. Errors are kept without ``secret``, the bearer token."""
    if status in operation.success:
        try:
            return Ok(operation.decode(content))
        except (ValueError, RecursionError) as error:  # includes msgspec's errors
            reason = f"answered {status}, but not with the {operation.noun} expected: {redacted(secret, str(error))}"
            return Indefinite(reason, status, _kept(content, secret))
    body = _object(content)
    row = None if body is None else recognise(status, body)
    if body is None or row is None or (row.member and row.refuses is not operation.call):
        return Indefinite(_unrecognised(status, redacted_json(secret, body)), status, _kept(content, secret))
    if row.member:
        return Definite(row.code, status, body)  # these are protocol values, so they are kept as they are
    kept = redacted_json(secret, body)
    if row.definite:
        return Definite(row.code, status, kept)
    return Indefinite(f"answered {status} {row.code}: {kept['message']}", status, kept)


def _unrecognised(status: int, body: Mapping[str, Any] | None) -> str:
    if 300 <= status < 400:
        return f"answered {status}, a redirect; none is followed"
    if any(status in row.statuses for row in WITH_MEMBER):
        return f"answered {status} without the body that belongs to it here"
    if body is None or "code" not in body:
        return f"answered {status} without an error of the service: perhaps something in between"
    return f"answered {status} with the code {body['code']!r}, which is unknown or does not go with that status"


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        return json_codec.decode_error(content)
    except Malformed:
        return None


def _kept(content: bytes, secret: str | None) -> dict[str, Any]:
    body = _object(content) if len(content) <= OBJECT_KEPT else None
    if body is not None:
        kept: dict[str, Any] = redacted_json(secret, body)
        return kept
    text = redacted(secret, content.decode(errors="replace"))
    return {"text": text[:TEXT_KEPT]} if text else {}
