"""The parts of a request that travel in its URL, in both directions: names in the path, and queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from .errors import Malformed
from .limits import MAX_LIST, U64_MAX
from .nouns import Read

READ_PARAMETERS: Final = ("seq_num", "timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait")
LIST_PARAMETERS: Final = ("prefix", "start_after", "limit")

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DIGITS: Final = re.compile(r"[0-9]{1,20}")


def encode_name(name: str) -> bytes:
    """Return a name as one segment of a path. Raises UnicodeEncodeError if the name is not Unicode text.

    Percent-encodes all but unreserved characters, and names such as ``..`` that would change the path.
    """
    if name in (".", ".."):
        return name.replace(".", "%2E").encode()
    return quote(name, safe="", errors="strict").encode()


def decode_name(segment: bytes) -> str:
    """Return the name in a segment of a path. Raises Malformed ``bad_path``."""
    if _BROKEN_ESCAPE.search(segment):
        raise Malformed("bad_path", "a '%' in the path is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise Malformed("bad_path", "the name in the path is not UTF-8 once percent-decoded") from error


def encode_read(call: Read) -> bytes:
    """Return the query of a read with its question mark, or nothing if the read has no parameters."""
    parameters = [
        f"{name}={value}"
        for name, value in (
            ("seq_num", call.seq_num),
            ("timestamp", call.timestamp),
            ("tail_offset", call.tail_offset),
            ("clamp", "true" if call.clamp else None),
            ("count", call.count),
            ("bytes", call.bytes),
            ("until", call.until),
            ("wait", call.wait),
        )
        if value is not None
    ]
    return ("?" + "&".join(parameters)).encode() if parameters else b""


def decode_read(raw: bytes) -> Read:
    """Return the read that a query requests. Raises Malformed ``bad_query``."""
    if not raw:
        return Read()
    query = decode_query(raw, READ_PARAMETERS)
    return Read(
        seq_num=number(query, "seq_num"),
        timestamp=number(query, "timestamp"),
        tail_offset=number(query, "tail_offset"),
        clamp=_flag(query, "clamp"),
        count=number(query, "count"),
        bytes=number(query, "bytes"),
        until=number(query, "until"),
        wait=number(query, "wait"),
    )


def encode_list(prefix: str, start_after: str, limit: int = MAX_LIST) -> bytes:
    """Return the query of a list, with its question mark. Raises UnicodeEncodeError if a name is not Unicode text."""
    given = {"prefix": prefix, "start_after": start_after, "limit": str(limit)}
    # Omit an empty start_after, because a service may refuse one that sorts before the prefix.
    return b"?" + urlencode({name: value for name, value in given.items() if value}, errors="strict").encode()


def decode_list(raw: bytes) -> tuple[str, str, int]:
    """Return the prefix, start_after and limit in the query of a list. Raises Malformed ``bad_query``."""
    query = decode_query(raw, LIST_PARAMETERS)
    limit = number(query, "limit")
    return query.get("prefix", ""), query.get("start_after", ""), MAX_LIST if limit is None else limit


def decode_query(raw: bytes, allowed: Iterable[str]) -> dict[str, str]:
    """Return a query as a dictionary. Raises Malformed ``bad_query`` for malformed, unknown or repeated parameters."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=32
        )
    except ValueError as error:
        raise Malformed("bad_query", f"the query string cannot be parsed: {error}") from error
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise Malformed("bad_query", f"there is no parameter {name[:40]!r} here; there are: {', '.join(allowed)}")
        if name in query:
            raise Malformed("bad_query", f"the parameter {name!r} is given twice")
        query[name] = value
    return query


def number(query: dict[str, str], name: str) -> int | None:
    """Return a number of a decoded query, or None if it is not there. Raises Malformed ``bad_query``."""
    text = query.get(name)
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or (value := int(text)) > U64_MAX:
        raise Malformed("bad_query", f"{name} must be an unsigned 64-bit integer, not {text[:40]!r}")
    return value


def _flag(query: dict[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise Malformed("bad_query", f"{name} must be true or false, not {text[:40]!r}")
    return text == "true"
