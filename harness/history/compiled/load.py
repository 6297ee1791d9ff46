"""Makes a history of scanned lines, a few megabytes of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from .. import events
from ..history import FOREVER, NONE, History, Int64s, Outcome
from ..lines import LONGEST, whole
from ..parts import FOLLOWING
from ..progress import Progress
from ..tables import InconsistentEvent, Tables
from . import lines as at
from .order import complete, invoke
from .texts import Deferred, Fences, Numbers

_BLOCK: Final = 4_000_000
_SHORTEST: Final = 16
"""No line that is scanned has fewer bytes."""

_SHORTEST_TEXT: Final = 6
"""No text has fewer bytes, with its field's name."""

_KINDS: Final[dict[type[Any], int]] = {
    events.AppendInvoked: at.APPEND,
    events.ReadInvoked: at.READ,
    events.CheckTailInvoked: at.CHECK_TAIL,
    events.Acked: at.ACK,
    events.BatchRead: at.BATCH,
    events.TailRead: at.TAIL,
    events.WholeRead: at.WHOLE,
    events.Failed: at.FAILURE,
    events.Indefinite: at.INDEFINITE,
}


_EMPTY: Final = {
    "places": 0,
    "kinds": 0,
    "invoked": 0,
    "outcomes": int(Outcome.INDEFINITE),
    "ended": FOREVER,
    "returned": FOREVER,
}
"""What is known of each row, and what it holds where nothing is."""


class Unsupported(Exception):
    """The journal is not in the form that our recorder writes, or something is wrong with it."""


def load(data: bytes, begin: int, header: events.Header, warnings: list[str], progress: Progress | None) -> History:
    """The history of the lines from byte ``begin`` on, the same as :class:`..builder.Builder` makes.

    Raises :class:`Unsupported` where another reader must look at it.
    """
    loading = _Loading(header, len(data))
    try:
        for block in _blocks(data, begin, warnings):
            if progress is not None and block.first > begin:
                progress(block.first, len(data))
            loading.take(block)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        OverflowError,
        LookupError,
        InconsistentEvent,
    ) as error:
        raise Unsupported from error
    return loading.build(warnings)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines: ``data`` from ``begin`` to ``end``, behind a newline; they begin at ``first`` in the file."""

    data: bytes
    begin: int
    end: int
    first: int

    @property
    def numbers(self) -> Any:
        """The bytes, as uint8, shape (end - begin,)."""
        return np.frombuffer(self.data, dtype=np.uint8, count=self.end - self.begin, offset=self.begin)

    def text(self, begin: int, end: int) -> str:
        """What stands between two places of the block."""
        return str(self.data[self.begin + begin : self.begin + end], "utf-8")

    def line(self, place: int) -> bytes:
        """The line that begins at a place of the file."""
        begin = self.begin + place - self.first
        return self.data[begin : self.data.find(b"\n", begin)]


def _blocks(data: bytes, begin: int, warnings: list[str]) -> Iterator[_Block]:
    """All lines. A last line that was cut is left out, with a warning."""
    end = data.rfind(b"\n") + 1
    while begin < end:
        after = data.rfind(b"\n", begin, begin + _BLOCK) + 1 or data.find(b"\n", begin) + 1
        if after - begin > LONGEST:
            raise Unsupported
        yield _Block(data, begin, after, begin)
        begin = after
    last = data[begin:]
    if len(last) > LONGEST:
        raise Unsupported
    if whole(last):
        yield _Block(last + b"\n", 0, len(last) + 1, begin)
    elif last:
        _decode(last, warnings, data.count(b"\n") + 1)


def _decode(last: bytes, warnings: list[str], number: int) -> None:
    """See in what way a line that is not whole is malformed: only a shortage of bytes is forgiven."""
    try:
        msgspec.json.decode(last, type=events.Event)
    except (msgspec.DecodeError, UnicodeDecodeError):
        warnings.append(f"line {number} was cut after {len(last)} bytes and is left out")


class _Loading:
    """What has been read so far."""

    def __init__(self, header: events.Header, size: int) -> None:
        self._tables = Tables(header)
        self._decoder = msgspec.json.Decoder(events.Event)
        self._most = size // 8 + 10_000
        self._room = 0
        self._rows = 0
        self._last = 0
        self._whole = False
        self._rows_of = np.zeros(0, dtype=np.int64)
        dtypes = {"kinds": np.uint8, "outcomes": np.uint8}
        self._by_row: dict[str, Any] = {name: np.zeros(0, dtype=dtypes.get(name, np.int64)) for name in _EMPTY}

    def take(self, block: _Block) -> None:
        """The lines of a block."""
        if self._whole:
            raise Unsupported
        self._allocate(block.end - block.begin)
        counts = np.zeros(at.COUNTS, dtype=np.int64)
        if not at.scan(
            block.numbers,
            block.first,
            self._asked,
            self._answered,
            self._others,
            self._slots,
            self._texts,
            self._sent,
            self._seen,
            self._fences,
            counts,
        ):
            raise Unsupported
        self._whole = bool(counts[at.N_ENDED])
        asked, answered = self._asked[: counts[at.N_ASKED]], self._answered[: counts[at.N_ANSWERED]]
        first = self._rows
        rows, found = self._order(asked, answered)
        texts = [block.text(begin, end) for begin, end in self._texts[: counts[at.N_TEXTS], :2].tolist()]
        self._slots[self._texts[: counts[at.N_TEXTS], 3]] = NONE
        fences = Fences(self._fences[: counts[at.N_FENCES]], asked, answered, rows, found)
        deferred = [*self._deferred(block, asked, rows), *self._deferred(block, answered, found)]
        deferred.sort(key=lambda one: one.place)
        asked, rows = _canonical(asked, rows)
        answered, found = _canonical(answered, found)
        numbers = Numbers(self._tables, texts, asked, answered, fences, deferred)
        fences.tell(self._tables, numbers.tokens)
        self._ask(
            asked,
            rows,
            first,
            fences.last(numbers.tokens),
            numbers,
            [column[: counts[at.N_SENT]] for column in self._sent],
        )
        self._answer(answered, found, numbers, [column[: counts[at.N_SEEN]] for column in self._seen])
        for one in deferred:
            self._tell(one)
        for place in self._others[: counts[at.N_OTHERS]].tolist():
            self._tell_other(block.line(place))

    def build(self, warnings: list[str]) -> History:
        """The history of all blocks."""
        outcome, ended, returned = (
            self._by_row[name][: self._rows].copy() for name in ("outcomes", "ended", "returned")
        )
        return self._tables.build(outcome, ended, returned, self._whole, warnings)

    def _allocate(self, size: int) -> None:
        """Room for whatever so many bytes may hold."""
        if size > self._room:
            self._room = size
            number = size // _SHORTEST + 1
            self._asked = np.empty((number, at.ASKED), dtype=np.int64)
            self._answered = np.empty((number, at.ANSWERED), dtype=np.int64)
            self._others = np.empty(number, dtype=np.int64)
            texts = size // _SHORTEST_TEXT + 1
            self._texts = np.empty((texts, 4), dtype=np.int64)
            self._slots = np.full(1 << (texts + texts // 4).bit_length(), NONE, dtype=np.int32)
            self._fences = np.empty((texts, 4), dtype=np.int64)
            numbers = size // 2 + 1  # with its comma or bracket
            positions, sent = (np.int64, np.int64), (np.uint64, np.int64)
            self._sent: Any = tuple(np.empty(numbers, dtype=dtype) for dtype in sent)
            self._seen: Any = tuple(np.empty(numbers, dtype=dtype) for dtype in positions + sent)

    def _order(self, asked: Any, answered: Any) -> tuple[Int64s, Int64s]:
        """The rows of invocations and of answers."""
        ops = int(asked[:, at.OP].max(initial=0)) + 1
        if ops > self._most:
            raise Unsupported
        self._rows_of = _grown(self._rows_of, ops, NONE)
        rows, self._rows = self._rows, self._rows + len(asked)
        for name, empty in _EMPTY.items():
            self._by_row[name] = _grown(self._by_row[name], self._rows, empty)
        by_row = self._by_row
        where = (self._rows_of, by_row["places"], by_row["kinds"], by_row["invoked"])
        if not invoke(asked, rows, *where, self._last):
            raise Unsupported
        if len(asked):
            self._last = int(asked[-1, at.TIME])
        found = np.empty(len(answered), dtype=np.int64)
        if not complete(answered, *where, by_row["outcomes"], by_row["ended"], by_row["returned"], found):
            raise Unsupported
        return np.arange(rows, self._rows), found

    def _deferred(self, block: _Block, table: Any, rows: Int64s) -> Iterator[Deferred]:
        """What the ordinary decoder makes of the lines that are left to it."""
        for i in np.flatnonzero(table[:, at.DEFERRED]).tolist():
            place, op, time, kind = table[i, : at.KIND + 1].tolist()
            event = self._decoder.decode(block.line(place))
            # A field may stand there twice: then the last one counts.
            if _KINDS.get(type(event)) != kind or (event.op, event.time) != (op, time):
                raise Unsupported
            yield Deferred(place, int(rows[i]), event)

    def _tell(self, one: Deferred) -> None:
        """A line that was left to the ordinary decoder."""
        if isinstance(one.event, events.AppendInvoked | events.ReadInvoked | events.CheckTailInvoked):
            self._tables.ask(one.row, one.event)
        else:
            self._tables.answer(one.row, one.event)

    def _tell_other(self, line: bytes) -> None:
        """A line that is of no operation."""
        event = self._decoder.decode(line)
        if event.time >= FOREVER:
            raise Unsupported
        if isinstance(event, events.Fault):
            self._tables.faults.append(event)
        elif isinstance(event, events.Remark):
            self._tables.remarks.append(event)
        else:
            raise Unsupported

    def _ask(self, asked: Any, rows: Int64s, first: int, last: Int64s, numbers: Numbers, sent: list[Any]) -> None:
        """``last`` holds the tokens that the batches from row ``first`` on set in the end."""
        tables, of = self._tables, asked.T
        if self._tables.header.schema < 2 and (of[at.SESSION] != NONE).any():
            raise Unsupported
        intended = np.where(of[at.INTENDED] == NONE, of[at.TIME], of[at.INTENDED])
        tables.operations.extend(
            rows,
            of[at.OP],
            of[at.PROCESS],
            of[at.THREAD],
            numbers.streams[of[at.STREAM]],
            of[at.KIND],
            of[at.TIME],
            intended,
            numbers.purposes[of[at.PURPOSE]],
            of[at.SESSION],
        )
        row, appends = _picked(asked, rows, of[at.KIND] == at.APPEND)
        tables.appends.extend(row, appends(at.MATCH), numbers.tokens[appends(at.TOKEN)], last[row - first])
        tables.appended.extend(row, appends(at.NUMBER), *sent)
        row, reads = _picked(asked, rows, of[at.KIND] == at.READ)
        wait = reads(at.WAIT)
        unbounded = (reads(at.COUNT) == NONE) & (reads(at.BYTES) == NONE) & (reads(at.UNTIL) == NONE)
        wait[(reads(at.SESSION) != NONE) & (wait <= 0) & unbounded] = FOLLOWING
        tables.reads.extend(row, *(reads(column) for column in range(at.FROM_SEQ_NUM, at.WAIT)), wait)

    def _answer(self, answered: Any, rows: Int64s, numbers: Numbers, seen: list[Any]) -> None:
        tables, kind = self._tables, answered[:, at.KIND]
        row, ended = _picked(answered, rows, kind >= at.FAILURE)
        tables.errors.extend(row, ended(at.STATUS), numbers.codes[ended(at.CODE)])
        row, acks = _picked(answered, rows, kind == at.ACK)
        tables.acks.extend(row, *(acks(column) for column in range(at.FIRST, at.FIRST + 6)))
        row, batches = _picked(answered, rows, kind == at.BATCH)
        tables.returned.extend(row, batches(at.NUMBER), *seen)
        tail = batches(at.FIRST)
        tables.batch_tails.extend(row[tail != NONE], tail[tail != NONE])
        failed = kind == at.FAILURE
        row, told = _picked(answered, rows, (kind == at.TAIL) | (failed & (answered[:, at.FIRST] != NONE)))
        tables.observed.extend(row, told(at.FIRST), told(at.FIRST + 1))
        row, told = _picked(answered, rows, failed & (answered[:, at.MISMATCH] != NONE))
        tables.seq_num_mismatches.extend(row, told(at.MISMATCH))
        row, told = _picked(answered, rows, failed & (answered[:, at.TOKEN_MISMATCH] != NONE))
        tables.token_mismatches.extend(row, numbers.tokens[told(at.TOKEN_MISMATCH)])


def _picked(table: Any, rows: Int64s, mask: Any) -> tuple[Int64s, Callable[[int], Any]]:
    """Some of the rows, and their part of any column of the table."""
    places = np.flatnonzero(mask)
    return rows[places], lambda column: table[places, column]


def _canonical(table: Any, rows: Int64s) -> tuple[Any, Int64s]:
    """Without the lines that are left to the ordinary decoder."""
    ours = table[:, at.DEFERRED] == 0
    return (table, rows) if ours.all() else (table[ours], rows[ours])


def _grown(column: Any, length: int, empty: int) -> Any:
    """The column, at least so long, and then with room to spare."""
    if length <= len(column):
        return column
    fresh = np.full(length + length // 2, empty, dtype=column.dtype)
    fresh[: len(column)] = column
    return fresh
