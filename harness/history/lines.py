"""Splits a journal into lines, and finds the place of a mistake in a line."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from . import events
from .builder import too_large
from .content import Content
from .contradictions import Contradiction, InconsistentEvent
from .failure import HistoryFailure

LONGEST: Final = 2**28
"""Bytes of the longest line that is read: a batch of some ten million records."""

BOM: Final = codecs.BOM_UTF8

_OTHER_ENCODINGS: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines(data: bytes, name: str) -> Iterator[tuple[int, bytes, int]]:
    """Yield each line's number, its bytes without the newline, and its offset; skip a byte order mark.

    Raises :class:`HistoryFailure` for a line that is longer than :data:`LONGEST`, before it is copied.
    """
    if data.startswith(_OTHER_ENCODINGS):
        raise HistoryFailure(f"{name}:1:1: the file is in UTF-16 or UTF-32; a history is UTF-8")
    position, number = len(BOM) if data.startswith(BOM) else 0, 0
    while position < len(data):
        number += 1
        end = data.find(b"\n", position)
        if end < 0:
            end = len(data)
        if end - position > LONGEST:
            raise HistoryFailure(
                f"{name}:{number}:1: the line is of {end - position:,} bytes; the longest that is read is of "
                f"{LONGEST:,}: write large answers in parts (frames)"
            )
        yield number, data[position:end], position
        position = end + 1


def malformed(name: str, number: int, line: bytes, error: Exception) -> HistoryFailure:
    """Return the error for a line that msgspec refused, with its place."""
    text = str(error)
    lone = _lone_surrogate(line) if "surrogate" in text or "truncated" in text else None
    if lone is not None:
        field, escape = lone
        where = f"{name}:{number}:{column_of(line, field)}: {field}"
        return HistoryFailure(f"{where}: {escape} is half of a surrogate pair, which no text holds; write both halves")
    byte = re.search(r"\(byte (\d+)\)", text)
    place = re.search(r" - at `\$\.?(.*)`$", text)
    what = text[: place.start()] if place else text
    field = place.group(1) if place else ""
    if byte:
        column = int(byte.group(1)) + 1
    else:
        column = len(line) + 1 if text == "Input data was truncated" else column_of(line, field)
    return HistoryFailure(f"{name}:{number}:{column}:{f' {field}:' if field else ''} {_advised(what, field, line)}")


def _lone_surrogate(line: bytes) -> tuple[str, str] | None:
    """The field of a text with half of a surrogate pair in it, and that half; None where the line holds none."""
    try:
        whole_line = json.loads(line)
    except (ValueError, RecursionError):
        return None
    for field, text in _texts(whole_line, ""):
        found = re.search("[\ud800-\udfff]", text)
        if found:
            return field, f"\\u{ord(found.group()):x}"
    return None


def _texts(value: object, field: str) -> Iterator[tuple[str, str]]:
    """Every text in a value of JSON, names of fields included, each with the path to it."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            path = f"{field}.{name}".lstrip(".")
            yield path, name
            yield from _texts(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, f"{field}[...]")


def _advised(what: str, field: str, line: bytes) -> str:
    """Return the error text, with advice where there is any."""
    if not line.strip():
        return "the line is empty; every line holds one JSON object: take it out"
    if field == "type" and what == "Invalid value 'history'":
        return "a second header: these are two histories in one file, to be given one by one"
    if "missing required field `type`" in what:
        return f"{what}: this is no line of a journal of fencepost's; was another format mixed in?"
    return what


def column_of(line: bytes, field: str) -> int:
    """Return the column (in bytes, from 1) of the field's value or of what encloses it; 1 if it is absent."""
    name = re.match(r"\w*", field)
    found = re.search(rb'"%s"\s*:\s*' % name.group().encode(), line) if name and name.group() else None
    return found.end() + 1 if found else 1


def whole(line: bytes) -> bool:
    """Return whether the line is complete JSON. A line that was cut short is not."""
    try:
        json.loads(line)  # unlike msgspec's, it does not take half of a surrogate pair for the end of the line
    except (ValueError, RecursionError):
        return False
    return True


def is_cut(error: Exception, line: bytes, position: int, size: int) -> bool:
    """Return whether a line that could not be decoded is the last one of the file, and was cut short."""
    undecoded = isinstance(error, msgspec.DecodeError | UnicodeDecodeError)
    return undecoded and position + len(line) == size and not whole(line)


def refused(name: str, number: int, line: bytes, error: Exception) -> HistoryFailure:
    """Return the error for a line that could not be decoded, or contradicts itself."""
    if isinstance(error, RecursionError):
        return HistoryFailure(f"{name}:{number}:1: a value is nested too deeply")
    if isinstance(error, InconsistentEvent):
        return HistoryFailure(f"{name}:{number}:{column_of(line, error.field)}: {error.field}: {error}")
    if isinstance(error, OverflowError):
        field, limit = too_large(msgspec.json.decode(line, type=events.Event))
        return HistoryFailure(f"{name}:{number}:{column_of(line, field)}: {field}: a number is beyond {limit}")
    return malformed(name, number, line, error)


def placed(content: Content, found: Contradiction) -> HistoryFailure:
    """Return the error for a contradiction whose place is that of a line."""
    number, line = content.line_at(found.place)
    return HistoryFailure(f"{content.name}:{number}:{column_of(line, found.field)}: {found.field}: {found.text}")
