"""Reads s2-porcupine's format fast, with compiled loops over pieces of the file, in threads.

It understands only what the collector writes. At an unusual line it gives up. Then :mod:`.reader`, the reference for
what a file means, reads the whole file and says what is wrong, if anything is.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...check_limits import usable_cores
from ..history import FOREVER, NONE, Appends, History, Kind, Outcome, Reads, UInt8s, UInt64s
from ..progress import Progress
from . import line_scan, row_scan
from .described import described, header

_PIECE: Final = 1 << 22
"""Bytes that are read at a time. What they say fits in a core's cache, more or less."""

Source = Callable[[memoryview, int], int]
"""Fills the room with bytes of the file from a place on; how many there were."""

_SHORTEST_LINE: Final = 48
_SHORTEST_APPEND: Final = 140
_THREADS: Final = 4
_NEWLINE: Final = 10
_STRAY_OPS: Final = 1 << 20
"""How far an operation's number may be beyond what the rows account for."""

_CODES: Final = {
    line_scan.REFUSED: "append_definite_failure",
    line_scan.LOST: "append_indefinite_failure",
    line_scan.TAIL_LOST: "check_tail_failure",
    line_scan.READ_LOST: "read_failure",
}

_FAILURES: Final = np.array(list(_CODES))


def scan(path: Path, progress: Progress | None = None) -> History | None:
    """Return the history in an uncompressed file; None if it is not exactly what the collector writes.

    Raises OSError where the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        descriptor = file.fileno()
        return _scan(lambda room, at: os.preadv(descriptor, [room], at), os.fstat(descriptor).st_size, progress)


def scan_bytes(data: bytes, progress: Progress | None = None) -> History | None:
    """Return the same for the bytes of a file."""
    return _scan(partial(_copied, memoryview(data)), len(data), progress)


def _copied(data: memoryview, room: memoryview, at: int) -> int:
    found = data[at : at + len(room)]
    room[: len(found)] = found
    return len(found)


def _scan(source: Source, size: int, progress: Progress | None) -> History | None:
    rows = _Rows(size)
    for piece in _pieces(source, size):
        if piece.lines < 0 or not rows.add(piece):
            return None
        if progress is not None:
            progress(piece.end, size)
    return described(rows.build())


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
        self._room = size

    def read(self, source: Source, begin: int, size: int) -> _Piece:
        """Read the lines that begin in the piece that begins at ``begin``; the file has ``size`` bytes."""
        self.end = min(begin + _PIECE, size)
        base = max(begin - 1, 0)
        length = self._fill(source, base, size)
        low = 0 if begin == 0 else line_scan.line_after(self.data, 0, length)
        high = line_scan.line_after(self.data, self.end - 1 - base, length)
        if high < 0:  # the last line ends with the file
            self.data[length] = _NEWLINE
            high = length + 1
        self.data[max(high, length) :][: line_scan.PADDING] = 0
        self.lines = 0 if low < 0 else line_scan.parse(self.data, low, high, *self.said)
        return self

    @property
    def said(self) -> tuple[Any, ...]:
        """What the lines say."""
        return self.events, self.hashes, self.appends, self.digests

    def _fill(self, source: Source, base: int, size: int) -> int:
        """Read from ``base`` on to the end of the last line that begins before the piece's end; the bytes read."""
        length = 0
        while True:
            wanted = min(self._room, size - base)
            while length < wanted:
                got = source(self.data.data[length:wanted], base + length)
                if not got:
                    return length
                length += got
            if base + length >= size or line_scan.line_after(self.data, self.end - 1 - base, length) >= 0:
                return length
            begun = self.data
            self._reserve(self._room * 2)
            self.data[:length] = begun[:length]


def _pieces(source: Source, size: int) -> Iterator[_Piece]:
    """Yield the pieces of the file in order. Use each before you ask for the next."""
    threads = min(usable_cores(), _THREADS)
    begins = iter(range(0, size, _PIECE))
    if size <= _PIECE or threads == 1:
        piece = _Piece()
        yield from (piece.read(source, begin, size) for begin in begins)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Piece]] = deque()
        try:
            for begin in itertools.islice(begins, threads + 1):
                waiting.append(pool.submit(_Piece().read, source, begin, size))
            while waiting:
                piece = waiting.popleft().result()
                yield piece
                if (following := next(begins, None)) is not None:
                    waiting.append(pool.submit(piece.read, source, following, size))
        finally:
            for future in waiting:
                future.cancel()


class _Rows:
    """The rows so far, in columns with room for more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tokens = row_scan.token_table()
        self._counters = np.zeros(row_scan.COUNTERS, dtype=np.int64)
        self._counters[row_scan.LINE] = self._counters[row_scan.TOKENS] = 1
        self._endings = np.zeros(line_scan.CODES, dtype=np.int64)
        self._row_of_client = np.zeros(row_scan.MOST_CLIENTS, dtype=np.int64)
        self._row_of_op = np.zeros(0, dtype=np.int32)
        self._digests = np.empty(0, dtype=np.uint64)
        self._longs = np.zeros((row_scan.LONG_COLUMNS, 1), dtype=np.int64)
        self._shorts = np.empty((row_scan.SHORT_COLUMNS, 0), dtype=np.int32)
        self._flags = np.empty((row_scan.FLAG_COLUMNS, 0), dtype=np.uint8)
        self._hashes = np.empty(0, dtype=np.uint64)

    def add(self, piece: _Piece) -> bool:
        """Add the next piece; False if it contradicts those before."""
        rows, records = int(self._counters[row_scan.ROWS]), int(self._counters[row_scan.RECORDS])
        self._make_room(rows + piece.lines, piece)
        self._use(rows, piece)
        failed = row_scan.merge(
            piece.data, piece.events, piece.hashes, piece.appends, piece.lines, *self._tokens, self._counters,
            self._longs, self._shorts, self._flags, self._hashes, self._row_of_op, self._row_of_client, self._endings,
        )  # fmt: skip
        if failed:
            return False
        more = int(self._counters[row_scan.RECORDS]) - records
        if records + more > len(self._digests):
            self._digests = _grown(self._digests, self._estimate(records + more, piece))
        self._digests[records : records + more] = piece.digests[:more]
        return True

    def _use(self, rows: int, piece: _Piece) -> None:
        """Take into use the columns that this piece is the first to need: the rows before it hold nothing there."""
        codes, appends = piece.events[: piece.lines, line_scan.CODE], piece.appends
        if not self._counters[row_scan.ENDINGS] and (codes == _FAILURES[:, np.newaxis]).any():
            self._counters[row_scan.ENDINGS] = 1
            self._shorts[row_scan.ENDING, :rows] = NONE
        if not self._counters[row_scan.CONDITIONS]:
            asked = appends[: np.count_nonzero(codes == line_scan.APPEND)]
            lengths = asked[:, [line_scan.SET_LENGTH, line_scan.GIVEN_LENGTH]]
            if (asked[:, line_scan.MATCH] != NONE).any() or (lengths != NONE).any():
                self._counters[row_scan.CONDITIONS] = 1
                self._longs[row_scan.MATCHES, :rows] = NONE
                self._shorts[[row_scan.TOKEN, row_scan.FENCE], :rows] = NONE

    def _make_room(self, rows: int, piece: _Piece) -> None:
        if rows >= self._longs.shape[1]:
            rows = self._estimate(rows, piece)
            self._longs, self._shorts = _grown(self._longs, rows), _grown(self._shorts, rows)
            self._flags, self._hashes = _grown(self._flags, rows), _grown(self._hashes, rows)
            # Operations are numbered as they begin, more or less.
            self._row_of_op = _grown(self._row_of_op, 2 * rows + _STRAY_OPS, fill=True)

    def _estimate(self, number: int, piece: _Piece) -> int:
        """How many there will be in the whole file, if it goes on like this. What is not touched takes no memory."""
        return int(number * max(self._size / max(piece.end, 1), 1.0) * 1.1) + 1000

    def build(self) -> History:
        """The history of all rows."""
        n, records = int(self._counters[row_scan.ROWS]), int(self._counters[row_scan.RECORDS])
        longs, shorts, flags = self._longs[:, :n], self._shorts[:, :n], self._flags[:, :n]
        ended, kind, outcome = longs[row_scan.ENDED], flags[row_scan.KIND], flags[row_scan.OUTCOME]
        indefinite = outcome == Outcome.INDEFINITE
        returned = ended
        if indefinite.any():
            returned = ended.copy()
            returned[indefinite] = FOREVER
        invoked = longs[row_scan.INVOKED]
        return History(
            header=header(),
            id=longs[row_scan.ID],
            process=shorts[row_scan.PROCESS],
            thread=_same(NONE, n, np.int32),
            stream=_same(0, n, np.int32),
            kind=kind,
            outcome=outcome,
            invoked=invoked,
            intended=invoked,
            ended=ended,
            returned=returned,
            status=_same(NONE, n, np.int32),
            code=shorts[row_scan.ENDING] if self._counters[row_scan.ENDINGS] else _same(NONE, n, np.int32),
            purpose=_same(0, n, np.int32),
            session=_same(NONE, n),
            part_of=_same(NONE, n),
            observed_tail=longs[row_scan.TAILS],
            observed_tail_timestamp=_same(NONE, n),
            seq_num_mismatch=_same(NONE, n),
            token_mismatch=_same(NONE, n, np.int32),
            appends=self._appends(n, records),
            reads=self._reads(n, kind),
            tokens=self._token_texts(),
            codes=[_CODES[code] for code in np.argsort(self._endings).tolist() if self._endings[code]],
            purposes=[""],
            whole=False,
        )

    def _appends(self, n: int, records: int) -> Appends:
        longs, shorts = self._longs[:, :n], self._shorts[:, :n]
        offset = self._longs[row_scan.OFFSET, : n + 1]
        matches, token, fence = _same(NONE, n), _same(NONE, n, np.int32), _same(NONE, n, np.int32)
        if self._counters[row_scan.CONDITIONS]:
            matches, token, fence = longs[row_scan.MATCHES], shorts[row_scan.TOKEN], shorts[row_scan.FENCE]
        setting = np.flatnonzero(fence != NONE)
        last = (offset[setting + 1] - offset[setting] - 1).tolist()
        end = longs[row_scan.END]
        return Appends(
            match_seq_num=_lean(matches),
            token=_lean(token),
            offset=offset,
            digest=self._digests[:records],
            size=_same(0, records, np.int32),
            last_fence=_lean(fence),
            start=longs[row_scan.START],
            end=end,
            tail=end,
            start_timestamp=_same(NONE, n),
            end_timestamp=_same(NONE, n),
            tail_timestamp=_same(NONE, n),
            fences={
                row: {at: token} for row, at, token in zip(setting.tolist(), last, fence[setting].tolist(), strict=True)
            },
            trims={},
            timestamps={},
        )

    def _reads(self, n: int, kind: UInt8s) -> Reads:
        none = _same(NONE, n)
        from_seq_num = np.full(n, NONE, dtype=np.int64)
        from_seq_num[kind == Kind.READ] = 0
        hashed = self._flags[row_scan.HASHED, :n].view(np.bool_)
        self._hashes[:n][~hashed] = 0
        empty = np.zeros(0, dtype=np.int64)
        return Reads(
            from_seq_num=from_seq_num,
            from_timestamp=none,
            tail_offset=none,
            clamp=_same(False, n, np.bool_),
            count=none,
            bytes=none,
            until=none,
            wait=none,
            offset=_same(0, n + 1),
            seq_num=empty,
            timestamp=empty,
            digest=np.zeros(0, dtype=np.uint64),
            size=np.zeros(0, dtype=np.int32),
            tail=none,
            hashed=hashed,
            stream_hash=self._hashes[:n],
            fences={},
            trims={},
            contents={},
        )

    def _token_texts(self) -> list[str]:
        texts = self._tokens[0][: int(self._counters[row_scan.TOKENS])]
        return [bytes(text[: text[line_scan.LONGEST_TOKEN]]).decode() for text in texts]


def _grown(column: Any, rows: int, fill: bool = False) -> Any:
    """The column (or the columns: the last axis counts) with room for so many rows; zeros beyond if ``fill``."""
    shape = (*column.shape[:-1], rows)
    grown = np.zeros(shape, column.dtype) if fill else np.empty(shape, column.dtype)
    grown[..., : column.shape[-1]] = column
    return grown


def _same(value: Any, length: int, dtype: Any = np.int64) -> Any:
    """A column that holds one value everywhere, in the memory of one."""
    return np.broadcast_to(np.array(value, dtype=dtype), length)


def _lean(column: Any) -> Any:
    """The column; in the memory of one value where it holds nothing."""
    return column if (column != NONE).any() else _same(NONE, len(column), column.dtype)
