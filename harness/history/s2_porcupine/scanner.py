"""Reads s2-porcupine's format fast, with compiled loops over pieces of the file, in threads.

It understands only what the collector and our own :mod:`.writer` write. At an unusual line, or if anything is wrong, it
gives up. Then :mod:`.reader` reads the whole file and says what is wrong, if anything is.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ...check_limits import usable_cores
from ..content import Content
from ..history import NONE, History, Int32s, Int64s, Kind, UInt8s, UInt64s
from ..joining import joined
from ..lines import whole
from ..progress import Progress
from ..tables import Ending, Tables
from . import line_scan
from .described import APPEND_FAILED, APPEND_LOST, CHECK_TAIL_FAILED, COLLECTOR, READ_FAILED, TERMS, header

_PIECE: Final = 1 << 22
"""Bytes that are read at a time. What they say fits in a core's cache, more or less."""

_SHORTEST_LINE: Final = 48
_SHORTEST_APPEND: Final = 140
_THREADS: Final = 4
_NEWLINE: Final = 10
_SHORTEST_TOKEN: Final = 20

_NO_CODE: Final = ""
_ENDING: Final = np.zeros(line_scan.CODES, dtype=np.uint8)
_OF_KIND: Final = np.zeros(line_scan.CODES, dtype=np.int8)
_CODE: Final = [_NO_CODE] * line_scan.CODES
for _code, _ending, _kind, _text in (
    (line_scan.ACKED, Ending.ACK, Kind.APPEND, _NO_CODE),
    (line_scan.REFUSED, Ending.FAILURE, Kind.APPEND, APPEND_FAILED),
    (line_scan.LOST, Ending.INDEFINITE, Kind.APPEND, APPEND_LOST),
    (line_scan.TAIL, Ending.TAIL, Kind.CHECK_TAIL, _NO_CODE),
    (line_scan.TAIL_LOST, Ending.FAILURE, Kind.CHECK_TAIL, CHECK_TAIL_FAILED),
    (line_scan.WHOLE, Ending.WHOLE, Kind.READ, _NO_CODE),
    (line_scan.READ_LOST, Ending.FAILURE, Kind.READ, READ_FAILED),
):
    _ENDING[_code], _OF_KIND[_code], _CODE[_code] = _ending, _kind, _text


def scan(content: Content, progress: Progress | None = None) -> History | None:
    """Return the history in a file; None if the ordinary reader must look at it. Raises OSError."""
    size, warnings = content.size, list[str]()
    last = _unfinished(content)
    cut = b"" if whole(last) else last
    rows = _Rows()
    for piece in _pieces(content, size - len(cut)):
        rows.tables.expected.share = piece.end / size
        if piece.lines < 0 or not rows.add(piece):
            return None
        if progress is not None:
            progress(piece.end, size)
    if cut:
        warnings.append(f"line {rows.line} was cut after {len(cut)} bytes and is left out")
    history, found = joined(rows.tables, warnings, TERMS)
    return history if found is None else None


def _unfinished(content: Content) -> bytes:
    """Return the last line if it has no newline."""
    last, begin = b"", content.size
    while begin > 0 and b"\n" not in last:
        begin = max(begin - _PIECE, 0)
        last = content.part(begin, content.size - len(last)) + last
    return last.rpartition(b"\n")[2]


class _Piece:
    """Buffers for one piece of the file and for what its lines say, reused for the next piece."""

    def __init__(self) -> None:
        self.end = self.lines = 0
        self._reserve(_PIECE + (1 << 16))

    def _reserve(self, size: int) -> None:
        self.data: UInt8s = np.empty(size + line_scan.PADDING, dtype=np.uint8)
        lines, appends = size // _SHORTEST_LINE + 2, size // _SHORTEST_APPEND + 2
        self.events: NDArray[np.int64] = np.empty((lines, line_scan.EVENT_COLUMNS), dtype=np.int64)
        self.hashes: UInt64s = np.empty(lines, dtype=np.uint64)
        self.appends: NDArray[np.int64] = np.empty((appends, line_scan.APPEND_COLUMNS), dtype=np.int64)
        self.digests: UInt64s = np.empty(size // 2 + 1, dtype=np.uint64)
        texts = size // _SHORTEST_TOKEN + 2
        self._texts: NDArray[np.int64] = np.empty((texts, 4), dtype=np.int64)
        self._slots: Int32s = np.full(1 << (texts + texts // 4).bit_length(), NONE, dtype=np.int32)
        self._counts: Int64s = np.zeros(1, dtype=np.int64)
        self._room = size

    def read(self, content: Content, begin: int, size: int) -> _Piece:
        """Read the lines that begin in the piece that begins at ``begin``; the file has ``size`` bytes."""
        self.end = min(begin + _PIECE, size)
        base = max(begin - 1, 0)
        length = self._fill(content, base, size)
        low = 0 if begin == 0 else line_scan.line_after(self.data, 0, length)
        high = line_scan.line_after(self.data, self.end - 1 - base, length)
        if high < 0:  # the last line ends with the file
            self.data[length] = _NEWLINE
            high = length + 1
        self.data[max(high, length) :][: line_scan.PADDING] = 0
        self._slots[self._texts[: self._counts[0], 3]] = NONE
        self._counts[0] = 0
        said = (self.events, self.hashes, self.appends, self.digests, self._slots, self._texts, self._counts)
        self.lines = 0 if low < 0 else line_scan.parse(self.data, low, high, *said)
        return self

    @property
    def tokens(self) -> list[str]:
        """The tokens that the lines name, by number. Raises DecodeError and UnicodeDecodeError."""
        spans = self._texts[: self._counts[0], :2].tolist()
        return [msgspec.json.decode(self.data[begin:end].tobytes(), type=str) for begin, end in spans]

    def _fill(self, content: Content, base: int, size: int) -> int:
        """Read from ``base`` on to the end of the last line that begins before the piece's end; the bytes read."""
        length = 0
        while True:
            wanted = min(self._room, size - base)
            while length < wanted:
                got = content.fill(self.data.data[length:wanted], base + length)
                if not got:
                    return length
                length += got
            if base + length >= size or line_scan.line_after(self.data, self.end - 1 - base, length) >= 0:
                return length
            begun = self.data
            self._reserve(self._room * 2)
            self.data[:length] = begun[:length]


def _pieces(content: Content, size: int) -> Iterator[_Piece]:
    """Yield the pieces of the file in order. Use each before you ask for the next."""
    threads = min(usable_cores(), _THREADS)
    begins = iter(range(0, size, _PIECE))
    if size <= _PIECE or threads == 1:
        piece = _Piece()
        yield from (piece.read(content, begin, size) for begin in begins)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Piece]] = deque()
        try:
            for begin in itertools.islice(begins, threads + 1):
                waiting.append(pool.submit(_Piece().read, content, begin, size))
            while waiting:
                piece = waiting.popleft().result()
                yield piece
                if (following := next(begins, None)) is not None:
                    waiting.append(pool.submit(piece.read, content, following, size))
        finally:
            for future in waiting:
                future.cancel()


class _Rows:
    """What the lines say, in tables. ``line`` is the number of the next line."""

    def __init__(self) -> None:
        self.tables = Tables(header())
        self.line = 1

    def add(self, piece: _Piece) -> bool:
        """Add the next piece; False if the ordinary reader must look at it."""
        events, appends = piece.events[: piece.lines], piece.appends
        code = events[:, line_scan.CODE]
        appends = appends[: np.count_nonzero(code == line_scan.APPEND)]
        try:
            texts = piece.tokens
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        begun = self._begins(events, appends, texts) if self.line == 1 else 0
        line = self.line + np.arange(begun, piece.lines)
        self.line += piece.lines
        events, code, hashes, appends = events[begun:], code[begun:], piece.hashes[begun:], appends[begun // 2 :]
        if (appends[appends[:, line_scan.COUNT] == 0, line_scan.SET] != NONE).any():
            return False  # no record could set it
        starts, ends = np.flatnonzero(code <= line_scan.CHECK_TAIL), np.flatnonzero(code > line_scan.CHECK_TAIL)
        self._start(line[starts], events[starts], appends, piece.digests, texts)
        self._finish(line[ends], events[ends], hashes[ends])
        return True

    def _begins(self, events: Any, appends: Any, texts: list[str]) -> int:
        """Return how many lines say only which token the stream had (:func:`.reader._first_token`)."""
        if len(events) < 2 or not len(appends):
            return 0
        first, second = events[0].tolist(), events[1].tolist()
        asked = appends[0].tolist()
        if (
            (first[line_scan.CODE], first[line_scan.CLIENT]) != (line_scan.APPEND, COLLECTOR)
            or (asked[line_scan.COUNT], asked[line_scan.MATCH], asked[line_scan.GIVEN]) != (0, NONE, NONE)
            or asked[line_scan.SET] == NONE
            or (second[line_scan.CODE], second[line_scan.VALUE]) != (line_scan.ACKED, 0)
            or second[line_scan.OP] != first[line_scan.OP]
        ):
            return 0
        self.tables.header = header(texts[asked[line_scan.SET]])
        return 2

    def _start(self, line: Int64s, events: Any, appends: Any, digests: UInt64s, texts: list[str]) -> None:
        tables, n = self.tables, len(line)
        number = tables.n_asked + np.arange(n)
        tables.n_asked += n
        none, zero, kind = _same(NONE, n), _same(0, n), events[:, line_scan.CODE]
        op, client = events[:, line_scan.OP], events[:, line_scan.CLIENT]
        tables.operations.extend(number, line, op, client, none, zero, kind, line, none, zero, none)
        rows, counts = number[kind == line_scan.APPEND], appends[:, line_scan.COUNT]
        setting, given = (tables.tokens.numbers(texts, appends[:, one]) for one in (line_scan.SET, line_scan.GIVEN))
        tables.appends.extend(rows, appends[:, line_scan.MATCH], given, setting)
        records = int(counts.sum())
        tables.appended.extend(rows, counts, digests[:records], _same(0, records))
        places = np.flatnonzero(setting != NONE)
        for row, count, token in zip(
            rows[places].tolist(), counts[places].tolist(), setting[places].tolist(), strict=True
        ):
            tables.fences[row] = {count - 1: token}
        rows = number[kind == line_scan.READ]
        none, zero = _same(NONE, len(rows)), _same(0, len(rows))
        tables.reads.extend(rows, zero, none, none, zero, none, none, none, none)

    def _finish(self, line: Int64s, events: Any, hashes: UInt64s) -> None:
        tables, n, code = self.tables, len(line), events[:, line_scan.CODE]
        number = tables.n_answered + np.arange(n)
        tables.n_answered += n
        tables.answers.extend(number, line, events[:, line_scan.OP], line, _ENDING[code])
        tables.claims.extend(number, events[:, line_scan.CLIENT], _OF_KIND[code])
        for failure, text in enumerate(_CODE):
            if text and len(rows := number[code == failure]):
                tables.errors.extend(rows, _same(NONE, len(rows)), _same(tables.codes(text), len(rows)))
        value = events[:, line_scan.VALUE]
        acked = code == line_scan.ACKED
        none, zero, end = _same(NONE, int(acked.sum())), _same(0, int(acked.sum())), value[acked]
        tables.acks.extend(number[acked], zero, none, end, none, end, none)
        observed = (code == line_scan.TAIL) | (code == line_scan.WHOLE)
        tables.observed.extend(number[observed], value[observed], _same(NONE, int(observed.sum())))
        rows = number[code == line_scan.WHOLE]
        tables.hashes.extend(rows, hashes[code == line_scan.WHOLE], _same(1, len(rows)))


def _same(value: int, length: int) -> Any:
    """A column that holds one value everywhere, in the memory of one."""
    return np.broadcast_to(np.int64(value), length)
