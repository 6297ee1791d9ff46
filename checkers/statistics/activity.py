"""What the clients of a run did: the operations that statistics are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome

from ..closing import is_closing

Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Activity:
    """A history with the masks that statistics share. All masks have shape (n,), one entry a row of the history.

    What the harness did itself to close the run is left out of every
    mask: a run whose clients got nothing done has shown nothing, however well it was closed.
    """

    history: History

    @cached_property
    def clients(self) -> Bools:
        """Operations of clients."""
        return _mask(~is_closing(self.history))

    @cached_property
    def appends(self) -> Bools:
        """Appends of clients."""
        return _mask(self.clients & (self.history.kind == Kind.APPEND))

    @cached_property
    def acknowledged(self) -> Bools:
        """Appends of clients that were acknowledged."""
        return _mask(self.appends & (self.history.outcome == Outcome.OK))

    @cached_property
    def answered_reads(self) -> Bools:
        """Reads of clients that were answered with records, or with none."""
        return _mask(self.clients & (self.history.kind == Kind.READ) & (self.history.outcome == Outcome.OK))

    @cached_property
    def refused(self) -> Bools:
        """Operations of clients that were answered with an error that promises no effect."""
        return _mask(self.clients & (self.history.outcome == Outcome.FAILED) & (self.history.status != NONE))

    @cached_property
    def appended(self) -> Int64s:
        """Records of each append, shape (n,)."""
        return np.diff(self.history.appends.offset)

    @cached_property
    def read(self) -> Int64s:
        """Records that each read returned, shape (n,)."""
        return np.diff(self.history.reads.offset)

    @cached_property
    def seconds(self) -> float:
        """From the first invocation of a client to the last end of a client's operation."""
        if not self.clients.any():
            return 0.0
        ended = self.history.ended[self.clients & (self.history.ended != FOREVER)]
        invoked = self.history.invoked[self.clients]
        last = max(int(invoked.max()), int(ended.max()) if len(ended) else 0)
        return (last - int(invoked.min())) / 1e9

    @cached_property
    def sessions(self) -> list[Int64s]:
        """The batches of each append session, as rows in the order of submission."""
        rows = np.flatnonzero(self.appends & (self.history.session != NONE))
        order = rows[np.argsort(self.history.session[rows], kind="stable")]
        return np.split(order, np.flatnonzero(np.diff(self.history.session[order])) + 1) if len(rows) else []

    def by_stream(self, mask: Bools) -> Iterator[tuple[int, Int64s]]:
        """``(stream, rows)`` for every stream that has rows in the mask; rows ascending."""
        rows = np.flatnonzero(mask)
        streams = self.history.stream[rows]
        order = np.argsort(streams, kind="stable")
        ordered = streams[order]
        for group in np.split(order, np.flatnonzero(np.diff(ordered)) + 1):
            if len(group):
                yield int(streams[group[0]]), rows[group]


def _mask(values: Any) -> Bools:
    return np.asarray(values, dtype=np.bool_)
