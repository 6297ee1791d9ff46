"""Reads s2-porcupine's format and says exactly what is wrong with a bad file.

The time of an event is the number of its line, because the format knows only their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec
from msgspec import UNSET

from .. import events
from ..builder import Builder
from ..consistency import doubts
from ..content import Content
from ..contradictions import InconsistentEvent
from ..history import History, Kind
from ..lines import is_cut, lines, placed, refused
from ..progress import Progress
from .described import (
    APPEND_FAILED,
    APPEND_LOST,
    CHECK_TAIL_FAILED,
    COLLECTOR,
    READ_FAILED,
    STREAM,
    TERMS,
    Failures,
    described,
    header,
)
from .lines import LARGEST, Append, Arguments, Line, Success

WORTHWHILE: Final = 1_200_000
"""Bytes from which on the compiled scanner wins, although it has to be loaded first: some 6,000 operations."""

_BEGINNING: Final = b'{"event":{'
_EVERY: Final = 50_000

_OF_KIND: Final = {
    "AppendDefiniteFailure": Kind.APPEND,
    "AppendIndefiniteFailure": Kind.APPEND,
    "AppendSuccess": Kind.APPEND,
    "ReadFailure": Kind.READ,
    "ReadSuccess": Kind.READ,
    "CheckTailFailure": Kind.CHECK_TAIL,
    "CheckTailSuccess": Kind.CHECK_TAIL,
}
"""The finishes, and the kind of the operations that they can be of."""

_CODES: Final = {
    "AppendDefiniteFailure": APPEND_FAILED,
    "ReadFailure": READ_FAILED,
    "CheckTailFailure": CHECK_TAIL_FAILED,
}


def read_s2_porcupine(content: Content, progress: Progress | None = None, failures: Failures = Failures.ANY) -> History:
    """Return the history in a file of this format.

    A last line that was cut short is skipped with a warning in :attr:`~..history.History.warnings`. Anything else that
    is malformed raises :class:`HistoryFailure`. ``failures`` says what definite failures of appends mean.
    """
    history = described(_fast(content, progress) or _ordinary(content, progress), failures)
    history.warnings.extend(doubts(history))
    return history


def _fast(content: Content, progress: Progress | None) -> History | None:
    """Return what the compiled scanner makes of a large file; None where the ordinary reader must look at it."""
    begun = content.part(0, len(_BEGINNING)) == _BEGINNING
    if not begun or content.size < WORTHWHILE:
        return None
    from .scanner import scan

    return scan(content, progress)


def _ordinary(content: Content, progress: Progress | None) -> History:
    data, name = content.whole(), content.name
    lined = _decoded(data, name)
    token, begun = _first_token(lined)
    builder, warnings = Builder(header(token), TERMS), list[str]()
    for number, line, position, parsed in chain(begun, lined):
        try:
            if isinstance(parsed, Line):
                _add(builder, number, position, parsed)
            elif is_cut(parsed, line, position, len(data)):
                warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
            else:
                raise parsed
        except (InconsistentEvent, RecursionError, msgspec.DecodeError, UnicodeDecodeError) as error:
            if (earlier := builder.joined([])[1]) is not None and earlier.place < position:
                raise placed(content, earlier) from error
            raise refused(name, number, line, error) from error
        if progress is not None and number % _EVERY == 0:
            progress(position, len(data))
    history, found = builder.joined(warnings)
    if found is not None:
        raise placed(content, found)
    return history


_Numbered = tuple[int, bytes, int, Line | Exception]
"""Number and bytes of a line, its offset in the file, and what it says, or why it could not be decoded."""


def _decoded(data: bytes, name: str) -> Iterator[_Numbered]:
    decode = msgspec.json.Decoder(Line).decode
    for number, line, position in lines(data, name):
        try:
            yield number, line, position, decode(line)
        except (RecursionError, msgspec.DecodeError, UnicodeDecodeError) as error:
            yield number, line, position, error


def _first_token(lined: Iterator[_Numbered]) -> tuple[str, list[_Numbered]]:
    """Return the token of the stream before the first operation, and the lines read so far that are operations.

    A history may begin with an append of no records by the collector that sets a token, acknowledged at once: in the
    model of s2-porcupine that sets the token of an empty stream, and it is how :mod:`.writer` says which it was.
    """
    begun = [one for _, one in zip(range(2), lined, strict=False)]
    if len(begun) == 2 and isinstance(first := begun[0][3], Line) and isinstance(second := begun[1][3], Line):
        start, finish = first.event.start, second.event.finish
        if (
            isinstance(start, Append)
            and (first.client_id, start.arguments) == (COLLECTOR, Arguments(0, [], start.arguments.set_fencing_token))
            and start.arguments.set_fencing_token is not None
            and isinstance(finish, Success)
            and finish.append is not UNSET
            and (finish.append.tail, second.op_id) == (0, first.op_id)
        ):
            return start.arguments.set_fencing_token, []
    return "", begun


def _add(builder: Builder, number: int, position: int, line: Line) -> None:
    """Add a line to the history. Raises InconsistentEvent."""
    start, finish = line.event.start, line.event.finish
    if start is not UNSET and finish is UNSET:
        builder.add(_start(number, line, start), position)
    elif finish is not UNSET and start is UNSET:
        name, answer = _finish(number, line, finish)
        builder.tables.claims.add(builder.tables.n_answered, line.client_id, _OF_KIND[name])
        builder.add(answer, position)
    else:
        raise InconsistentEvent("event", "it has to hold one of Start and Finish")


def _start(number: int, line: Line, start: Append | str) -> events.Invoked:
    op, client = line.op_id, line.client_id
    if not isinstance(start, Append):
        if start == "Read":
            return events.ReadInvoked(op=op, time=number, process=client, stream=STREAM, seq_num=0)
        return events.CheckTailInvoked(op=op, time=number, process=client, stream=STREAM)
    asked = start.arguments
    _check_arguments(asked)
    return events.AppendInvoked(
        op=op,
        time=number,
        process=client,
        stream=STREAM,
        digests=asked.record_hashes,
        sizes=[0] * asked.num_records,
        match_seq_num=asked.match_seq_num,
        fencing_token=asked.fencing_token,
        fences=None if asked.set_fencing_token is None else {asked.num_records - 1: asked.set_fencing_token},
    )


def _finish(number: int, line: Line, finish: Success | str) -> tuple[str, events.Completed]:
    """Return the name of a finish, and the event that it is."""
    op = line.op_id
    if isinstance(finish, str):
        if finish == "AppendIndefiniteFailure":
            return finish, events.Indefinite(op, number, APPEND_LOST)
        return finish, events.Failed(op, number, _CODES[finish])
    append, read, check_tail = finish.append, finish.read, finish.check_tail
    if (append is UNSET) + (read is UNSET) + (check_tail is UNSET) != 2:
        raise InconsistentEvent("Finish", "it has to hold one of AppendSuccess, ReadSuccess and CheckTailSuccess")
    if append is not UNSET:
        end = (_bounded("tail", append.tail), None)
        return "AppendSuccess", events.Acked(op, number, (0, None), end, end)
    if check_tail is not UNSET:
        return "CheckTailSuccess", events.TailRead(op, number, (_bounded("tail", check_tail.tail), None))
    assert read is not UNSET
    tail, stream_hash = _bounded("tail", read.tail), _bounded("stream_hash", read.stream_hash)
    return "ReadSuccess", events.WholeRead(op, number, (tail, None), stream_hash)


def _check_arguments(asked: Arguments) -> None:
    if len(asked.record_hashes) != asked.num_records:
        hashes = len(asked.record_hashes)
        raise InconsistentEvent(
            "num_records", f"{asked.num_records} records, but {hashes} record_hashes: an old collector's?"
        )
    if asked.set_fencing_token is not None and not asked.num_records:
        raise InconsistentEvent("set_fencing_token", "a batch of no records has no record that could set a token")
    for record_hash in asked.record_hashes:
        _bounded("record_hashes", record_hash)
    if asked.match_seq_num is not None:
        _bounded("match_seq_num", asked.match_seq_num)


def _bounded(field: str, value: int) -> int:
    if value > LARGEST:
        raise InconsistentEvent(field, f"{value} is beyond 2⁶⁴")
    return value
