"""Reads a history journal back, and says exactly what is wrong with a bad one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from ..failure import UsageFailure
from . import events
from .builder import Builder, InconsistentEvent
from .history import History

Progress = Callable[[int, int], None]
"""Told of the bytes read so far and the bytes in all."""

_EVERY = 50_000


class HistoryFailure(UsageFailure):
    """A history cannot be used: ``file:line:column: field: what``."""


def read_history(path: Path, progress: Progress | None = None) -> History:
    """The history in a journal.

    A last line that was cut (the recorder was killed while writing it) is left out, and
    :attr:`History.warnings` says so. Anything else malformed raises :class:`HistoryFailure`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HistoryFailure(f"{path}: cannot be read: {error.strerror}") from error
    lines = _lines(data)
    warnings: list[str] = []
    first = next(lines, None)
    if first is None:
        raise HistoryFailure(f"{path}:1: the file is empty; a history begins with a header line")
    builder = Builder(_header(path, first[1]))
    decode = msgspec.json.Decoder(events.Event).decode
    for number, line, position in lines:
        try:
            builder.add(decode(line))
        except InconsistentEvent as error:
            raise HistoryFailure(f"{path}:{number}:1: {error.field}: {error}") from error
        except OverflowError as error:
            raise HistoryFailure(f"{path}:{number}:1: a number is beyond 2⁶⁴") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if position + len(line) == len(data):
                warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
                break
            raise _failure(path, number, error) from error
        if progress is not None and number % _EVERY == 0:
            progress(position, len(data))
    return builder.build(warnings)


def _lines(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Line number, line without its newline, and its offset in the file."""
    position = number = 0
    while position < len(data):
        number += 1
        end = data.find(b"\n", position)
        if end < 0:
            end = len(data)
        yield number, data[position:end], position
        position = end + 1


def _header(path: Path, line: bytes) -> events.Header:
    try:
        header = msgspec.json.decode(line, type=events.Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _failure(path, 1, error) from error
    if header.schema != events.SCHEMA:
        raise HistoryFailure(
            f"{path}:1:1: schema: this is version {header.schema}; this fencepost reads version {events.SCHEMA}"
        )
    names = [stream.name for stream in header.streams]
    if len(set(names)) != len(names):
        raise HistoryFailure(f"{path}:1:1: streams: two streams have the same name")
    return header


def _failure(path: Path, number: int, error: Exception) -> HistoryFailure:
    text = str(error)
    column = re.search(r"\(byte (\d+)\)", text)
    place = re.search(r" - at `\$\.?(.*)`$", text)
    what = text[: place.start()] if place else text
    field = f" {place.group(1)}:" if place and place.group(1) else ""
    return HistoryFailure(f"{path}:{number}:{int(column.group(1)) + 1 if column else 1}:{field} {what}")
