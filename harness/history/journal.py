"""Reads our own format, a journal of events, and says exactly what is wrong with a bad one."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from . import events
from .builder import Builder, InconsistentEvent
from .failure import HistoryFailure
from .history import History
from .progress import Progress

_EVERY = 50_000


def read_journal(data: bytes, name: str, progress: Progress | None = None) -> History:
    """The history in a journal. ``name`` is what errors call it.

    A last line that was cut (the recorder was killed while writing it) is left out, and
    :attr:`History.warnings` says so. Anything else malformed raises :class:`HistoryFailure`.
    """
    lines = _lines(data)
    first = next(lines, None)
    if first is None:
        raise HistoryFailure(f"{name}:1: the file is empty; a history begins with a header line")
    with _without_collection():
        return _read(name, data, lines, Builder(_header(name, first[1])), progress)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Events are trees: looking for cycles among millions of them is a quarter of the time, and finds none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(
    name: str, data: bytes, lines: Iterator[tuple[int, bytes, int]], builder: Builder, progress: Progress | None
) -> History:
    warnings: list[str] = []
    decode = msgspec.json.Decoder(events.Event).decode
    for number, line, position in lines:
        try:
            builder.add(decode(line))
        except InconsistentEvent as error:
            column = _column(line, error.field)
            raise HistoryFailure(f"{name}:{number}:{column}: {error.field}: {error}") from error
        except OverflowError as error:
            raise HistoryFailure(f"{name}:{number}:1: a number is beyond 2⁶³, or a digest beyond 2⁶⁴") from error
        except RecursionError as error:
            raise HistoryFailure(f"{name}:{number}:1: a value is nested too deeply") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if position + len(line) == len(data):
                warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
                break
            raise _failure(name, number, line, error) from error
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


class _Version(msgspec.Struct):
    schema: int


def _header(name: str, line: bytes) -> events.Header:
    try:
        # The version first: a later one may have changed everything else.
        version = msgspec.json.decode(line, type=_Version).schema
        if version not in events.READABLE:
            raise HistoryFailure(
                f"{name}:1:{_column(line, 'schema')}: schema: this is version {version}; "
                f"this fencepost reads versions {', '.join(map(str, events.READABLE))}"
            )
        header = msgspec.json.decode(line, type=events.Header)
    except RecursionError as error:
        raise HistoryFailure(f"{name}:1:1: a value is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _failure(name, 1, line, error) from error
    names = [stream.name for stream in header.streams]
    if len(set(names)) != len(names):
        raise HistoryFailure(f"{name}:1:{_column(line, 'streams')}: streams: two streams have the same name")
    return header


def _failure(name: str, number: int, line: bytes, error: Exception) -> HistoryFailure:
    text = str(error)
    byte = re.search(r"\(byte (\d+)\)", text)
    place = re.search(r" - at `\$\.?(.*)`$", text)
    what = text[: place.start()] if place else text
    field = place.group(1) if place else ""
    if byte:
        column = int(byte.group(1)) + 1
    else:
        column = len(line) + 1 if text == "Input data was truncated" else _column(line, field)
    return HistoryFailure(f"{name}:{number}:{column}:{f' {field}:' if field else ''} {what}")


def _column(line: bytes, field: str) -> int:
    """Where in the line the field's value, or what that lies in, begins: in bytes from 1; 1 if it is not there."""
    name = re.match(r"\w*", field)
    found = re.search(rb'"%s"\s*:\s*' % name.group().encode(), line) if name and name.group() else None
    return found.end() + 1 if found else 1
