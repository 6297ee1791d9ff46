"""Requests to a server, made from S2's description, and what becomes of them when a client is broken or means harm.

A request is drawn part by part: path, query, headers, body. Each part follows the description or is damaged. Some
damage is certainly against the description; other damage may happen to be legal.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import zstandard
from hypothesis import strategies as st

from fencepost.harness.s2 import Append, Record, protobuf
from fencepost.harness.s2.limits import U64_MAX
from tests.s2 import drawn

from .description import OPERATIONS, Described, Parameter, follows, values
from .http2 import frame_of
from .processes import BASIN
from .victim import MAX_BODY, STREAM

_OFTEN: Final = tuple(one for one in OPERATIONS for _ in range({"append": 6, "read": 4}.get(one.name, 1)))
STREAMING: Final = (b"s2s/proto", b"text/event-stream")


@dataclass
class Sent:
    """One request as it is sent. ``wrong`` says what is certainly against the description, if anything is."""

    operation: Described = field(repr=False)
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    wrong: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """Damage that may be legal."""

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for given, value in self.headers if given == name), None)


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Any request: to follow the description, or damaged in up to three of its parts."""
    operation = draw(st.sampled_from(_OFTEN))
    parts = ["path", "query", "headers", "headers", "method"]
    if operation.body is not None:
        parts += ["body", "body", "body bytes", "body bytes", "body bytes"]
    damaged = set(draw(st.lists(st.sampled_from(parts), max_size=2)))
    if not draw(st.integers(0, 7)):
        damaged.add("body bytes")
    sent = Sent(operation, operation.method, b"", [(b"host", b"test")], b"")
    if "method" in damaged:
        others = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get"}
        sent.method = draw(
            st.sampled_from(sorted(others - {one.method for one in OPERATIONS if one.path == operation.path}))
        )
        sent.wrong.append("method")
    if operation.path.startswith("/v1/streams"):
        sent.headers.append((b"s2-basin", BASIN.encode()))
    _add_body(draw, sent, damaged)
    _add_headers(draw, sent, damaged=bool(damaged & {"headers"}))
    query = _query(draw, sent, damaged="query" in damaged)
    path = _path(draw, sent, damaged="path" in damaged)
    sent.target = path + (b"?" + query if query else b"")
    return sent


# -- paths


_BAD_SEGMENTS: Final = (
    b"%ff",
    b"%",
    b"%4",
    b"%zz",
    b"%c3",
    b".",
    b"..",
    b"%2e%2E",
    b"x" * 513,
    b"%C3%A9" * 257,
    b"x" * 5000,
)
_STRANGE_SEGMENTS: Final = (
    b"%00",
    b"%2F",
    b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    b"..%5c",
    b"%E2%80%AE",
    b"x" * 512,
    b"a;b",
    b"a:b@c",
)


def _path(draw: st.DrawFn, sent: Sent, *, damaged: bool) -> bytes:
    names = sent.operation.at("path")
    path = sent.operation.path.encode()
    bad = draw(st.sampled_from(["name", "strange name", "segment"])) if damaged else ""
    for parameter in names:
        drawn_name = quote(_name(draw, sent, parameter), safe="").encode()
        if bad == "name" and parameter is names[-1]:
            drawn_name = draw(st.sampled_from(_BAD_SEGMENTS))
            (sent.strange if parameter.name == "id" else sent.wrong).append("name")
        elif bad == "strange name":
            drawn_name = draw(st.sampled_from(_STRANGE_SEGMENTS))
            sent.strange.append("name")
        path = path.replace(b"{%s}" % parameter.name.encode(), drawn_name)
    if bad == "segment" or (bad and not names):
        path = draw(
            st.sampled_from(
                [b"/" + path, path + b"/", path + b"//x/y/z", path[:4] + b"x" + path[4:], path.upper(), b"/"]
            )
        )
        sent.wrong.append("path")
    return path


def _name(draw: st.DrawFn, sent: Sent, parameter: Parameter) -> str:
    """A name that exists, unless that would end what the tests are about, or any other."""
    existing = {"basin": BASIN, "stream": STREAM}.get(parameter.name, "id")
    if sent.operation.method != "DELETE" and draw(st.integers(0, 3)):
        return existing
    return str(draw(values(parameter.schema)))


# -- queries


_JUNK: Final = (
    "",
    "x",
    "-1",
    "1.0",
    "1e3",
    "+1",
    " 1",
    "0x1",
    "١",
    str(U64_MAX + 1),
    "9" * 5000,
    "null",
    "True",
    "\x00",
)


def _query(draw: st.DrawFn, sent: Sent, *, damaged: bool) -> bytes:
    pairs = []
    for parameter in sent.operation.at("query"):
        if parameter.name == "wait":
            continue  # it would be waited for
        if draw(st.booleans()) or parameter.name in ("set", "start", "end"):
            value = draw(values(parameter.schema))
            pairs.append((parameter, value if isinstance(value, str) else json.dumps(value)))
    starts = ("seq_num", "timestamp", "tail_offset")
    kept = next((parameter.name for parameter, _ in pairs if parameter.name in starts), None)
    parts = [
        f"{parameter.name}={quote(text)}".encode()
        for parameter, text in pairs
        if parameter.name not in starts or parameter.name == kept
    ]
    if not damaged:
        return b"&".join(parts)
    match draw(st.sampled_from(["unknown", "twice", "value", "bytes", "many"])):
        case "unknown":
            parts.append(draw(st.sampled_from([b"no_such=1", b"SEQ_NUM=0", b"%00=1", b"[]=1"])))
        case "twice" if parts:
            parts.append(parts[0])
        case "value" if any(parameter.schema.get("type") != "string" for parameter, _ in pairs):
            parameter = next(one for one, _ in pairs if one.schema.get("type") != "string")
            parts = [f"{parameter.name}={quote(draw(st.sampled_from(_JUNK)))}".encode()]
        case "many":
            parts += [b"x%d=" % number for number in range(200)]
        case _:
            parts.append(draw(st.sampled_from([b"%", b"prefix=%ff", b"&&", b"=", b"a", b"seq_num=%31%"])))
    sent.wrong.append("query")
    return b"&".join(parts)


# -- headers


_SINGULAR: Final = (b"host", b"s2-basin", b"s2-format", b"s2-request-token", b"s2-stream-config", b"content-type")
_STRANGE_HEADERS: Final = (
    (b"accept", b"text/event-stream"),
    (b"accept", b"application/protobuf"),
    (b"accept", b"\xff, */*;q=2"),
    (b"accept-encoding", b"zstd;q=nan, gzip;q=9, br"),
    (b"content-type", b"application/protobuf"),
    (b"content-type", b"s2s/proto"),
    (b"content-type", b"text/plain"),
    (b"content-type", b"\xff"),
    (b"content-encoding", b"gzip"),
    (b"content-encoding", b"zstd"),
    (b"content-encoding", b"br"),
    (b"content-encoding", b"gzip, gzip"),
    (b"s2-format", b"hex"),
    (b"s2-format", b"\xff"),
    (b"s2-request-token", b"t" * 37),
    (b"s2-request-token", b"\xff"),
    (b"s2-stream-config", b"{"),
    (b"s2-stream-config", b'{"config": {"retention_policy": {"age": 0}}}'),
    (b"s2-stream-config", b"\xff"),
    (b"s2-encryption-key", b""),
    (b"s2-encryption-key", b"x" * 5000),
    (b"s2-encryption-key", b"\xff"),
    (b"last-event-id", b"1,2"),
    (b"last-event-id", b"18446744073709551616,1,1"),
    (b"last-event-id", b"\xff,9" * 500),
    (b"authorization", b"Bearer \xff"),
    (b"expect", b"100-continue"),
    (b"range", b"bytes=0-"),
    (b"if-match", b"*"),
    (b"x-junk", b"y" * 20_000),
    (b"x-http-method-override", b"DELETE"),
    (b"s2-basin", b"other-basin"),
)


def _add_headers(draw: st.DrawFn, sent: Sent, *, damaged: bool) -> None:
    given = {name for name, _ in sent.headers}
    for parameter in sent.operation.at("header"):
        if parameter.name not in given and draw(st.booleans()):
            text = draw(st.sampled_from(["raw"]) if parameter.name == "s2-format" else values(parameter.schema))
            if parameter.name == "s2-encryption-key":
                text = "A" * 43 + "="
            elif not text.isprintable() or text != text.strip():
                continue  # no header can carry it
            sent.headers.append((parameter.name.encode(), text.encode()))
    if not damaged:
        return
    match draw(st.sampled_from(["twice", "basin", "odd", "odd"])):
        case "twice":
            name = draw(st.sampled_from(_SINGULAR))
            value = sent.header(name) or b"x"
            sent.headers = [row for row in sent.headers if row[0] != name] + [(name, value)] * 2
            sent.wrong.append("header twice")
        case "basin" if sent.header(b"s2-basin") is not None:
            sent.headers = [row for row in sent.headers if row[0] != b"s2-basin"]
            bad = draw(
                st.sampled_from([None, b"", b"short", b"-" * 9, b"UPPERCASE", b"..%2f..%2f", b"x" * 49, b"\xff" * 9])
            )
            sent.headers += [] if bad is None else [(b"s2-basin", bad)]
            sent.wrong.append("basin")
        case _:
            name, value = draw(st.sampled_from(_STRANGE_HEADERS))
            sent.headers = [row for row in sent.headers if row[0] != name] + [(name, value)]
            sent.strange.append("header")


# -- bodies


@dataclass(frozen=True)
class _Raw:
    """JSON that no Python value has."""

    text: str


_ODD: Final = (
    *(None, True, -1, 0, 0.5, U64_MAX, U64_MAX + 1, "", "x", "x" * 600, "\x00", [], {}, [[]], [{}] * 1001),
    *map(
        _Raw,
        ("NaN", "1e999", "-0", "9" * 400, '"\\ud800"', "[" * 5000, "{", "'x'", '"\\x"', "1.0", "/**/1", "Infinity"),
    ),
)


def _add_body(draw: st.DrawFn, sent: Sent, damaged: set[str]) -> None:
    operation = sent.operation
    if operation.body is None:
        if damaged & {"body", "body bytes"}:
            sent.body = draw(st.sampled_from([b"x", b"{}", b"\xff" * 100, b" " * 10_000]))
            sent.headers.append(
                (b"content-type", draw(st.sampled_from([b"application/json", b"application/protobuf"])))
            )
            sent.strange.append("body")
        return
    if operation.name == "append" and draw(st.booleans()):
        _add_batch(draw, sent)
    else:
        _add_json(draw, sent, damaged="body" in damaged)
    if "body bytes" in damaged:
        sent.wrong = [part for part in sent.wrong if part != "body"]  # two damages may make a whole
        sent.strange.append("bytes")
        _BYTES[draw(st.sampled_from(sorted(_BYTES)))](draw, sent)


def _add_batch(draw: st.DrawFn, sent: Sent) -> None:
    """Batches in protobuf: one, or those of a session."""
    sent.headers.append((b"content-type", draw(st.sampled_from([b"application/protobuf", b"s2s/proto"]))))
    if sent.headers[-1][1] == b"s2s/proto":
        sent.body = b"".join(
            frame_of(*bodies)
            for bodies in draw(st.lists(st.lists(st.binary(max_size=9), min_size=1, max_size=3), max_size=3))
        )
    else:
        sent.body = protobuf.encode_append(
            Append(tuple(map(Record, draw(st.lists(st.binary(max_size=9), min_size=1, max_size=3)))))
        )


def _add_json(draw: st.DrawFn, sent: Sent, *, damaged: bool) -> None:
    schema = sent.operation.body
    assert schema is not None
    sent.headers.append((b"content-type", b"application/json"))
    if not damaged and not sent.operation.needs_body and draw(st.booleans()):
        return
    value = draw(_values(sent.operation.name))
    if not damaged:
        sent.body = json.dumps(value).encode()
        return
    places = [((), value), *_places(value)]
    place, found = draw(st.sampled_from(places))
    odd = draw(st.sampled_from(_ODD))
    if isinstance(found, dict) and draw(st.booleans()):
        changed = {**found, draw(st.sampled_from(["no_such", "", "__class__", *list(found)[:1]])): odd}
    elif isinstance(found, list) and draw(st.booleans()):
        changed = [*found, odd]
    else:
        changed = odd
    value = _replaced(value, place, changed)
    text = json.dumps(value, default=lambda raw: f"<{raw.text}>")
    if isinstance(odd, _Raw):
        text = text.replace(json.dumps(f"<{odd.text}>"), odd.text)
        sent.strange.append("body")
    elif follows(schema, value, strict=True) or (value is None and not sent.operation.needs_body):
        sent.strange.append("body")  # the description does not say how large some numbers may be
    else:
        sent.wrong.append("body")
    sent.body = text.encode()


@cache
def _values(name: str) -> st.SearchStrategy[Any]:
    body = next(one for one in OPERATIONS if one.name == name).body
    assert body is not None
    return values(body)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, one in rows:
        found += [((*at, key), one), *_places(one, (*at, key))]
    return found


def _replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    changed = value.copy()
    changed[place[0]] = _replaced(value[place[0]], place[1:], by)
    return changed


def _compressed(sent: Sent, coding: bytes, body: bytes) -> None:
    sent.headers = [row for row in sent.headers if row[0] != b"content-encoding"] + [(b"content-encoding", coding)]
    sent.body = body


def _damage(draw: st.DrawFn, sent: Sent) -> None:
    sent.body = draw(drawn.damaged(sent.body))


def _not_text(draw: st.DrawFn, sent: Sent) -> None:
    at = draw(st.integers(0, len(sent.body)))
    bad = draw(st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00"]))
    sent.body = sent.body[:at] + bad + sent.body[at:]


def _legally_compressed(draw: st.DrawFn, sent: Sent) -> None:
    coding = draw(st.sampled_from([b"gzip", b"zstd"]))
    _compressed(sent, coding, gzip.compress(sent.body) if coding == b"gzip" else zstandard.compress(sent.body))


def _badly_compressed(draw: st.DrawFn, sent: Sent) -> None:
    _legally_compressed(draw, sent)
    sent.body = draw(drawn.damaged(sent.body))


def _not_compressed(draw: st.DrawFn, sent: Sent) -> None:
    _compressed(sent, draw(st.sampled_from([b"gzip", b"zstd"])), sent.body)


@cache
def _bomb(coding: bytes) -> bytes:
    return gzip.compress(bytes(4 * MAX_BODY)) if coding == b"gzip" else zstandard.compress(bytes(64 * MAX_BODY))


def _compression_bomb(draw: st.DrawFn, sent: Sent) -> None:
    coding = draw(st.sampled_from([b"gzip", b"zstd"]))
    _compressed(sent, coding, _bomb(coding))


def _nothing(draw: st.DrawFn, sent: Sent) -> None:
    sent.body = b""


_BYTES: Final[dict[str, Callable[[st.DrawFn, Sent], None]]] = {
    "damaged": _damage,
    "not text": _not_text,
    "legally compressed": _legally_compressed,
    "badly compressed": _badly_compressed,
    "not compressed": _not_compressed,
    "bomb": _compression_bomb,
    "empty": _nothing,
}
