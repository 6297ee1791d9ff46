"""Reads a journal of events, fencepost's own format, and says exactly what is wrong with a bad one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from . import events
from .builder import Builder, InconsistentEvent, too_large
from .consistency import Contradiction, doubts, overlap
from .failure import HistoryFailure
from .history import BEYOND, History
from .lines import BOM, column_of, line_of, lines, malformed, whole
from .progress import Progress

COMPILED_FROM: Final = 2_000_000
"""Bytes from which on loading compiled code is worth its while."""

_EVERY: Final = 50_000


def read_journal(data: bytes, name: str, progress: Progress | None = None) -> History:
    """Return the history in a journal; errors refer to it as ``name``.

    A last line that was cut short (the recorder was killed while it wrote) is skipped with a warning in
    :attr:`History.warnings`. So are oddities that leave the rest its meaning (:func:`.consistency.doubts`). Anything
    else that is malformed raises :class:`HistoryFailure`.
    """
    with _without_collection():
        history = _fast(data, name, progress)
        if history is None:
            history = _read(data, name, progress)
    found = overlap(history)
    if found is not None:
        raise _placed(data, name, found)
    history.warnings.extend(doubts(history))
    return history


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the garbage collector: events are trees, so looking for cycles among millions of them is wasted time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _fast(data: bytes, name: str, progress: Progress | None) -> History | None:
    """Return the history as compiled code reads it, or None if the file is small or needs the ordinary reader."""
    if len(data) < COMPILED_FROM:
        return None
    from .compiled.load import Unsupported, load

    _, line, _ = next(lines(data, name))
    begin = data.find(line) + len(line) + 1
    warnings = _greeting(data)
    try:
        return load(data, begin, _header(name, line), warnings, progress)
    except Unsupported:
        return None


def _greeting(data: bytes) -> list[str]:
    """Return the warning about a byte order mark, if there is one."""
    return ["the file begins with a byte order mark, which is passed over"] if data.startswith(BOM) else []


def _read(data: bytes, name: str, progress: Progress | None) -> History:
    rest = lines(data, name)
    first = next(rest, None)
    if first is None:
        raise HistoryFailure(f"{name}:1: the file is empty; a history begins with a header line")
    builder = Builder(_header(name, first[1]))
    warnings = _greeting(data)
    decode = msgspec.json.Decoder(events.Event).decode
    for number, line, position in rest:
        try:
            event = decode(line)
        except RecursionError as error:
            raise HistoryFailure(f"{name}:{number}:1: a value is nested too deeply") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if position + len(line) == len(data) and not whole(line):
                warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
                break
            raise malformed(name, number, line, error) from error
        try:
            builder.add(event)
        except InconsistentEvent as error:
            raise HistoryFailure(f"{name}:{number}:{column_of(line, error.field)}: {error.field}: {error}") from error
        except OverflowError as error:
            field, limit = too_large(event)
            where = f"{name}:{number}:{column_of(line, field)}"
            raise HistoryFailure(f"{where}: {field}: a number is beyond {limit}") from error
        if progress is not None and number % _EVERY == 0:
            progress(position, len(data))
    return builder.build(warnings)


class _Version(msgspec.Struct):
    schema: int


def _header(name: str, line: bytes) -> events.Header:
    try:
        # The version first: a later one may have changed everything else.
        version = msgspec.json.decode(line, type=_Version).schema
        if version not in events.READABLE:
            raise HistoryFailure(
                f"{name}:1:{column_of(line, 'schema')}: schema: this is version {version}; "
                f"this fencepost reads versions {', '.join(map(str, events.READABLE))}"
            )
        header = msgspec.json.decode(line, type=events.Header)
    except RecursionError as error:
        raise HistoryFailure(f"{name}:1:1: a value is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HistoryFailure(f"{malformed(name, 1, line, error)}; a history begins with a header line") from error
    names = [stream.name for stream in header.streams]
    if len(set(names)) != len(names):
        raise HistoryFailure(f"{name}:1:{column_of(line, 'streams')}: streams: two streams have the same name")
    for stream in header.streams:
        if stream.tail > BEYOND:
            where = f"{name}:1:{column_of(line, 'streams')}: streams"
            raise HistoryFailure(f"{where}: the tail of {stream.name!r} is beyond 2⁶³: no stream gets there")
    return header


def _placed(data: bytes, name: str, found: Contradiction) -> HistoryFailure:
    number, line = line_of(data, name, found.op, events.INVOCATIONS)
    return HistoryFailure(f"{name}:{number}:{column_of(line, found.field)}: {found.field}: {found.text}")
