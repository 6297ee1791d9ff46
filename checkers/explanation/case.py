"""A contradiction that the kernel found, as the anomalies see and tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from fencepost.harness.history.history import NONE

from .claims import Claimed, Claims, Said
from .evidence import Evidence, Fence
from .sentences import Link, Witness


class Case(Evidence):
    """What is known of a contradiction, and what several anomalies claim of such."""

    def witness(
        self,
        rows: Iterable[int],
        *said: Claimed | str,
        edges: Iterable[Link] = (),
        clock: Sequence[Link] = (),
        context: Iterable[int] = (),
        more: Iterable[Said] = (),
        accused: Iterable[int] = (),
        position: int = NONE,
        count: int = 1,
    ) -> Witness:
        """A witness of ``rows``: what is said of them, and ``more`` sentences.

        The edges of ``clock`` are told too. ``accused`` are the rows whose answers are wrong, the last of ``rows`` if
        none are given.
        """
        rows = tuple(dict.fromkeys(row for row in rows if row != NONE))
        beside = tuple(dict.fromkeys(row for row in context if row not in (NONE, *rows)))
        more = (*more, *(edge.because for edge in clock))
        about = None if position == NONE else position
        return Witness(rows, said, more, (*edges, *clock), beside, tuple(accused) or rows[-1:], about, count)

    def applied(self, row: int) -> Claimed:
        """That an append was acknowledged, or took effect."""
        place = self.place(row)
        if self.acked(row):
            return Claims.ACKNOWLEDGED(row)
        return Claims.TOOK_EFFECT(row) if place is None else Claims.TOOK_EFFECT_AT(row, places=place)

    def read_at(self, row: int, position: int) -> Claimed:
        """What a read returned at a position."""
        return Claims.RETURNED(row, position=position, digest=self.digest_read(row, position))

    def read_of(self, row: int, position: int, sender: int, index: int) -> Claimed:
        """That a read returned a record of an append at a position."""
        digest = self.digest_sent(sender, index)
        return Claims.RETURNED_OF(row, sender, index=index, digest=digest, position=position)

    def read_another(self, row: int, position: int, sender: int, index: int) -> Claimed:
        """That a read returned something else at a position than a record of an append."""
        digest = self.digest_sent(sender, index)
        return Claims.RETURNED_ANOTHER(row, sender, index=index, digest=digest, position=position)

    def stands_before(self, row: int, other: int) -> Link:
        """That an append stands before another one."""
        claim = Claims.STANDS_BEFORE(row, other, places=self.place(row), others=self.place(other))
        return Link(row, other, "ww", (claim,))

    def inside(self, writer: int, tail: int) -> Claimed:
        """That a tail is inside the batch of an append."""
        place = self.place(writer)
        return (
            Claims.INSIDE_SOME(writer, tail=tail) if place is None else Claims.INSIDE(writer, tail=tail, places=place)
        )

    def in_force(self, tail: int) -> Said:
        """The token in force at a tail, and since when."""
        fence = self.fence_below(tail)
        token = self.initial if fence is None else self.history.tokens[fence.token]
        since = Claims.SET_FIRST(token=token) if fence is None else self.was_set(fence)
        return (Claims.IN_FORCE(token=token, position=tail), ", ", since)

    def was_set(self, fence: Fence) -> Claimed:
        """Which fence set a token."""
        return Claims.SET(fence.row, token=self.history.tokens[fence.token], position=fence.start)

    def replaced(self, fence: Fence, token: int) -> Claimed:
        """Which fence replaced a token (an index)."""
        return Claims.REPLACED(fence.row, token=self.history.tokens[token], position=fence.start)

    @cached_property
    def missed(self) -> Claimed | None:
        """A reported timestamp from which on a read by timestamp left out what cannot be gone; None if none was."""
        m = self.m
        since = NONE if m == NONE or self.columns.after[m] != NONE else int(self.columns.since[m])
        returned = self.returned(self.row)
        end = int(returned[0]) if len(returned) else int(self.columns.at[m])
        position, stamp, rows = self.stamps
        # Timestamps do not decrease: whatever stands between that position and the first record qualifies too.
        first = position if end == NONE else np.maximum(position, self.trimmed)
        wanted = np.flatnonzero((stamp >= since) & (first >= self.trimmed) & ((first < end) | (end == NONE)))
        if since == NONE or not len(wanted):
            return None
        at = wanted[np.argmin(position[wanted])]
        return Claims.STAMPED(int(rows[at]), position=int(position[at]), timestamp=int(stamp[at]))
