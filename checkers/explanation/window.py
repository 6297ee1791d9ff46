"""Of a long history, the part that is enough to try what a witness leaves of it.

What is relaxed may be anywhere, or nowhere. So where a witness speaks of a few positions only, most of the relaxed
appends are idle: of those that are alike no more are needed than have room there, and what is before the first of these
positions may be anything. Whatever explains the whole explains the part as well, begun there with any token:

- The part begins where every order has a border of batches: where an acknowledged batch begins, at an exact tail, at
  the beginning of a batch of which a record was read that was sent once. Nothing that binds speaks of anything before.
- An observation that names no position, as the refusal of a token does, could be before that. It counts only if
  something that names one had returned before it was invoked.
- Whose records were read is kept; of the other appends, as many of each kind as fit.

So what contradicts itself in the part does so in the whole, and that is all that is asked of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from fencepost.harness.history.events import StreamState
from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome
from fencepost.harness.s2.limits import MAX_BATCH_BYTES

from ..stream import Stream

MOST_ROWS: Final = 128
"""Operations of a part, and positions that it spans, beyond which it is not worth it."""


_OTHER: Final = -2
"""Stands for every token that is not asked for."""

_Kind: TypeAlias = tuple[int | tuple[int, ...], int, tuple[Any, ...]]
"""Appends that are alike: how many records (or their sizes), the token that they set, and their other commands."""


@dataclass(frozen=True, slots=True)
class Window:
    """The ``rows`` of a part, ascending, and the ``tail`` that the stream has where it begins."""

    rows: Int64s
    tail: int

    def begun(self, history: History, stream: int) -> History:
        """The history with the stream (an index) begun there, its token unknown unless that is the beginning."""
        header = history.header
        state = header.streams[stream]
        if state.tail == self.tail:
            return history
        states = [*header.streams]
        states[stream] = StreamState(state.name, self.tail, None)
        return replace(history, header=msgspec.structs.replace(header, streams=states))


@dataclass(frozen=True, slots=True)
class _Said:
    """The positions that an operation speaks of, and those of them that are borders of batches in every order.

    ``somewhere`` tells that it was at one moment of the stream that none of these tells.
    """

    positions: tuple[int, ...] = ()
    borders: tuple[int, ...] = ()
    somewhere: bool = False


class Windows:
    """The parts of one stream: to make this takes a while that grows with the stream, to find a part hardly any."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._history = stream.history
        history, rows = stream.history, stream.rows
        self._senders: dict[int, list[tuple[int, int]]] = {}
        self._by_length: dict[_Kind, list[int]] = {}
        self._by_sizes: dict[_Kind, list[int]] = {}
        self._largest = 0
        for row in rows[history.kind[rows] == Kind.APPEND].tolist():
            self._note(row)

    def _note(self, row: int) -> None:
        appends = self._history.appends
        low, high = int(appends.offset[row]), int(appends.offset[row + 1])
        for index, digest in enumerate(appends.digest[low:high].tolist()):
            self._senders.setdefault(digest, []).append((row, index))
        sizes = tuple(appends.size[low:high].tolist())
        self._largest = max(self._largest, *sizes, 0)
        fence, trims = int(appends.last_fence[row]), tuple(sorted(appends.trims.get(row, {}).items()))
        others = trims, tuple(appends.timestamps.get(row, ()))
        self._by_length.setdefault((high - low, fence, others), []).append(row)
        self._by_sizes.setdefault((sizes, fence, others), []).append(row)

    def of(self, members: Collection[int], context: Collection[int]) -> Window | None:
        """What is enough for these, some of them (``context``) at any time; None if it is not known, or too much."""
        spoken = {row: said for row in {*members, *context} if (said := self._said(row)) is not None}
        if len(spoken) < len({*members, *context}):
            return None
        positions = [one for said in spoken.values() for one in said.positions]
        borders = [one for said in spoken.values() for one in said.borders]
        first = self._stream.tail
        begin = max(min(borders, default=first), first)
        if min(positions, default=first) < begin or not self._follows(spoken, members):
            begin = first
        span = max(positions, default=first) - begin
        if not 0 <= span <= MOST_ROWS:
            return None
        rows = {*spoken, *self._read_of(spoken), *self._idle(spoken, span)}
        return Window(np.array(sorted(rows), dtype=np.int64), begin) if len(rows) <= MOST_ROWS else None

    def near(self, members: Iterable[int]) -> list[int]:
        """The acknowledged appends at the positions that these speak of."""
        positions = [one for row in members if (said := self._said(row)) is not None for one in said.positions]
        if not positions:
            return []
        appends, rows = self._history.appends, self._stream.rows
        acked = rows[appends.start[rows] != NONE]
        inside = (appends.start[acked] < max(positions)) & (appends.end[acked] > min(positions))
        found: list[int] = acked[inside][:MOST_ROWS].tolist()
        return found

    def around(self, members: Collection[int], number: int) -> list[int]:
        """So many operations that were in progress nearest in time to these, ascending. A part is none of them."""
        history, rows = self._history, self._stream.rows
        rows = rows[history.part_of[rows] == NONE]
        begin = min(int(history.invoked[row]) for row in members)
        end = max(int(history.ended[row] if history.ended[row] != FOREVER else history.invoked[row]) for row in members)
        ahead = np.maximum(history.invoked[rows] - end, 0)
        behind = np.maximum(begin - history.ended[rows], 0)
        found: list[int] = np.sort(rows[np.argsort(ahead + behind, kind="stable")[:number]]).tolist()
        return found

    def _idle(self, spoken: Collection[int], span: int) -> list[int]:
        """Of all appends as many of each kind as fit into ``span`` positions, and some more; MOST_ROWS and one at most.

        Their sizes matter only where an answer may have ended for want of room, and which token they set only where
        that is asked for or told.
        """
        history = self._history
        asked = {int(token) for row in spoken for token in (history.appends.token[row], history.token_mismatch[row])}
        wanted = any(self._wants_room(row) for row in spoken)
        found: list[int] = []
        taken: Counter[_Kind] = Counter()
        for (size, fence, others), rows in (self._by_sizes if wanted else self._by_length).items():
            length = size if isinstance(size, int) else len(size)
            kind = (size, fence if fence == NONE or fence in asked else _OTHER, others)
            room = span // length + len(spoken) - taken[kind] if length else 0
            found += rows[: max(room, 0)]
            taken[kind] += min(len(rows), max(room, 0))
            if len(found) > MOST_ROWS:
                break
        return found

    def _wants_room(self, row: int) -> bool:
        reads = self._history.reads
        if self._history.kind[row] != Kind.READ:
            return False
        most = MAX_BATCH_BYTES if reads.bytes[row] == NONE else min(int(reads.bytes[row]), MAX_BATCH_BYTES)
        return most - int(reads.size[reads.offset[row] : reads.offset[row + 1]].sum()) < self._largest

    def _read_of(self, spoken: Iterable[int]) -> set[int]:
        reads = self._history.reads
        digests = {
            digest for row in spoken for digest in reads.digest[reads.offset[row] : reads.offset[row + 1]].tolist()
        }
        return {row for digest in digests for row, _ in self._senders.get(digest, ())}

    def _follows(self, spoken: dict[int, _Said], members: Collection[int]) -> bool:
        """Was all that names no position invoked after something that names one had returned?"""
        history = self._history
        returns = [int(history.returned[row]) for row in members if spoken[row].borders]
        begun = min(returns, default=FOREVER)
        loose = [row for row, said in spoken.items() if said.somewhere]
        return all(row in members and int(history.invoked[row]) > begun for row in loose)

    def _said(self, row: int) -> _Said | None:
        """What an operation speaks of; None for what may speak of all that is before it.

        Of a batch of unknown outcome a later one of its session may prove that it was applied, wherever that was.
        """
        history = self._history
        outcome = history.outcome[row]
        if history.reads.hashed[row] or (history.session[row] != NONE and outcome == Outcome.INDEFINITE):
            return None
        if outcome == Outcome.INDEFINITE and history.kind[row] != Kind.APPEND:
            return _Said()
        told = int(history.observed_tail[row])
        if told != NONE:
            return _Said((told,), (told,))
        if history.kind[row] == Kind.APPEND:
            return self._said_by_append(row)
        return self._said_by_read(row) if outcome == Outcome.OK else _Said()

    def _said_by_append(self, row: int) -> _Said:
        history, appends = self._history, self._history.appends
        match = int(appends.match_seq_num[row])
        asked = (match,) if match != NONE else ()
        if appends.start[row] != NONE:
            start = int(appends.start[row])
            return _Said((start, int(appends.end[row]), int(appends.tail[row]), *asked), (start,))
        told = int(history.seq_num_mismatch[row])
        if told != NONE:
            return _Said((told, *asked), (told,))
        return _Said(asked, (), somewhere=bool(history.status[row] == 412))

    def _said_by_read(self, row: int) -> _Said:
        reads = self._history.reads
        tail, start = int(reads.tail[row]), int(reads.from_seq_num[row])
        positions = [] if tail == NONE else [tail]
        borders = list(positions)
        if start != NONE and not reads.clamp[row]:
            positions.append(start)
        low, high = int(reads.offset[row]), int(reads.offset[row + 1])
        if low < high:
            first = int(reads.seq_num[low])
            sent = self._senders.get(int(reads.digest[low]), [])
            positions += [first, int(reads.seq_num[high - 1]) + 1]
            if len(sent) == 1:
                positions.append(first - sent[0][1])
                borders.append(first - sent[0][1])
        elif not positions:
            return _Said(somewhere=True)
        return _Said(tuple(positions), tuple(borders))
