"""Reads a journal of events, fencepost's own format, and says exactly what is wrong with a bad one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import msgspec

from . import events
from .builder import Builder
from .consistency import doubts
from .content import Content
from .contradictions import Contradiction, InconsistentEvent
from .failure import HistoryFailure
from .history import BEYOND, History
from .lines import BOM, LONGEST, column_of, is_cut, lines, malformed, placed, refused
from .progress import Progress

COMPILED_FROM: Final = 2_000_000
"""Bytes from which on loading compiled code is worth its while."""

_EVERY: Final = 50_000


def read_journal(content: Content, progress: Progress | None = None) -> History:
    """Return the history in a journal.

    A last line that was cut short (the recorder was killed while it wrote) is skipped with a warning in
    :attr:`History.warnings`. So are oddities that leave the rest its meaning (:func:`.consistency.doubts`). Anything
    else that is malformed raises :class:`HistoryFailure`.
    """
    with _without_collection():
        history, found = _fast(content, progress) or _ordinary(content, progress)
    if found is not None:
        raise placed(content, found)
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


_Read: TypeAlias = tuple[History, Contradiction | None]
"""A history, and the first contradiction in it."""


def _fast(content: Content, progress: Progress | None) -> _Read | None:
    """Return the history as compiled code reads it, or None if the file is small or needs the ordinary reader."""
    if content.size < COMPILED_FROM:
        return None
    from .compiled.load import Unsupported, load

    try:
        begin, header = _beginning(content)
        return load(content, begin, header, _greeting(content), progress)
    except Unsupported:
        return None


def _beginning(content: Content) -> tuple[int, events.Header]:
    """Return where the second line begins, and the header."""
    _, line, position = next(lines(content.first_line(LONGEST), content.name))
    return position + len(line) + 1, _header(content.name, line)


def _greeting(content: Content) -> list[str]:
    """Return the warning about a byte order mark, if there is one."""
    marked = content.part(0, len(BOM)) == BOM
    return ["the file begins with a byte order mark, which is passed over"] if marked else []


def _ordinary(content: Content, progress: Progress | None) -> _Read:
    data, name = content.whole(), content.name
    rest = lines(data, name)
    first = next(rest, None)
    if first is None:
        raise HistoryFailure(f"{name}:1: the file is empty; a history begins with a header line")
    builder = Builder(_header(name, first[1]))
    warnings = _greeting(content)
    decode = msgspec.json.Decoder(events.Event).decode
    for number, line, position in rest:
        try:
            builder.add(decode(line), position)
        except (InconsistentEvent, OverflowError, RecursionError, msgspec.DecodeError, UnicodeDecodeError) as error:
            if is_cut(error, line, position, len(data)):
                warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
                break
            if (earlier := builder.joined(warnings, cut=True)[1]) is not None and earlier.place < position:
                raise placed(content, earlier) from error
            raise refused(name, number, line, error) from error
        if progress is not None and number % _EVERY == 0:
            progress(position, len(data))
    return builder.joined(warnings)


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
