"""The state of a service: the catalogue and the live streams, changed together with the journal.

Every change is applied and submitted to the journal in one step. A deletion takes two entries. The first makes the
stream or basin unusable, and the second, which follows by itself a little later, frees its name. A server that is
killed in between goes on from there when it starts again.

What happens by itself needs no task: timers of the event loop look for it and submit entries, as requests do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

from .access.tokens import Tokens
from .catalogue import Catalogue
from .durable import DurableStream
from .entries import (
    AccessTokenRevoked,
    AccessTokenSet,
    Appended,
    BasinDeleted,
    BasinDeleting,
    BasinSet,
    Change,
    Checkpoint,
    Entry,
    Expired,
    StreamDeleted,
    StreamDeleting,
    StreamSet,
    TokenChange,
    decode,
    encode,
)
from .errors import ServiceError
from .failpoints import Failpoints
from .journal import DURABLE, Journal
from .rules import Rules
from .storage import Storage, StorageError

Clock: TypeAlias = Callable[[], int]

DELETING: Final = 0.2
"""Seconds from the moment when a deletion is durable until the name is free again."""

SWEEP: Final = 1.0
"""Seconds between two searches for records that have expired, and for empty streams that are due for deletion."""

_SWEPT_AT_ONCE: Final = 500
_PAUSE: Final = 0.02
"""Seconds between two parts of such a search, each of which looks at so many streams."""

_RETRY: Final = 1.0
"""Seconds until a deletion that found no room on the disk is tried again."""


class State:
    """What a service knows, in memory and in its journal.

    ``catalogued`` is the ticket of the last change to the catalogue: an answer about it must wait for that.
    ``deleting`` is how long (seconds) basins and streams are being deleted.
    """

    def __init__(
        self, storage: Storage, clock: Clock, rules: Rules, failpoints: Failpoints, deleting: float = DELETING
    ) -> None:
        self.journal = Journal(storage, rules.storage(), self._checkpoint, failpoints)
        self.catalogue = Catalogue()
        self.tokens = Tokens(clock)
        self.catalogued = DURABLE
        self.live: dict[int, DurableStream] = {}
        self._storage = storage
        self._clock = clock
        self._rules = rules
        self._service_rules = rules.service()
        self._failpoints = failpoints
        self._deleting = deleting
        self._timers: dict[asyncio.TimerHandle, None] = {}
        self._unswept: list[int] = []
        self._running = False

    # -- requests

    def record(self, change: BasinSet | StreamSet) -> None:
        """Apply a change and submit it to the journal, in one step. Raise StorageError if the journal has stopped."""
        self.journal.admit()
        makes_stream = isinstance(change, StreamSet) and change.id not in self.live
        undo = self._apply(change)
        self.catalogued = self.journal.submit(encode(change), undo=partial(self._take_back, undo))
        if isinstance(change, StreamSet) and makes_stream:
            self.live[change.id].created(self.catalogued)

    def record_token(self, change: TokenChange) -> None:
        """Apply a change of the access tokens, which takes effect once it is durable. Raise as :meth:`record` does."""
        self.journal.admit()
        undo = self.tokens.apply(change)
        settle = partial(self.tokens.settle, change)
        self.catalogued = self.journal.submit(
            encode(change), settle, lambda error: self._take_back(lambda _: undo(), error)
        )

    def delete_stream(self, row: StreamSet) -> None:
        """Begin to delete a stream, unless it is being deleted. Raise as :meth:`record` does."""
        if row.deleted_at is None:
            self._begin(StreamDeleting(row.id, self._clock()), StreamDeleted(row.id), [row])

    def delete_basin(self, name: str) -> None:
        """Begin to delete a basin and its streams, unless it is being deleted. Raise as :meth:`record` does."""
        if self.catalogue.basin(name).deleted_at is None:
            rows = self.catalogue.streams(name).rows.values()
            self._begin(BasinDeleting(name, self._clock()), BasinDeleted(name), rows)

    def _begin(
        self,
        change: StreamDeleting | BasinDeleting,
        end: StreamDeleted | BasinDeleted,
        rows: Iterable[StreamSet],
    ) -> None:
        self.journal.admit()
        undo = self._apply(change)
        streams = [self.live[row.id] for row in rows if not self.live[row.id].deleted]
        ends = [stream.delete() for stream in streams]

        def settle() -> None:
            for stream, position in zip(streams, ends, strict=True):
                stream.deletion_durable(position)
            self.journal.tidy()
            self._later(self._deleting, partial(self._end, end))

        def take_back(error: StorageError) -> None:
            for stream in streams:
                stream.undelete()
            self._take_back(undo, error)

        self.catalogued = self.journal.submit(encode(change), settle, take_back)
        for stream in streams:
            stream.deletion_submitted(self.catalogued)

    def _end(self, change: StreamDeleted | BasinDeleted) -> None:
        """Free the name of what is being deleted, unless it is gone already with its basin."""
        if self.journal.failure is not None or (
            isinstance(change, StreamDeleted) and self.catalogue.find(change.id) is None
        ):
            return
        ended = self._ended_by(change)
        undo = self._apply(change)

        def take_back(error: StorageError) -> None:
            self._take_back(undo, error)
            self._later(_RETRY, partial(self._end, change))

        self.catalogued = self.journal.submit(encode(change), partial(self._forget, ended), take_back)

    def _ended_by(self, change: StreamDeleted | BasinDeleted) -> list[int]:
        """Return the ids of the streams that a change removes."""
        if isinstance(change, StreamDeleted):
            return [change.id]
        return [row.id for row in self.catalogue.streams(change.name).rows.values()]

    def _forget(self, ids: Iterable[int]) -> None:
        for id_ in ids:
            stream = self.live.pop(id_)
            stream.vanish(ServiceError("stream_not_found", f"the stream {stream.name!r} was deleted"))
        self.journal.tidy()

    def _take_back(self, undo: Callable[[StorageError], object], error: StorageError) -> None:
        undo(error)
        self.catalogued = DURABLE

    def _apply(self, change: Change) -> Callable[[StorageError], object]:
        """Apply a change, and return a function that undoes it and takes the reason."""
        undo_row = self.catalogue.apply(change)
        if not isinstance(change, StreamSet):
            return lambda _: undo_row()
        stream = self.live.get(change.id)
        if stream is None:
            stream = self.live[change.id] = self._stream_of(change)

            def undo(error: StorageError) -> None:
                undo_row()
                del self.live[change.id]
                stream.vanish(ServiceError("stream_not_found", f"the stream {change.name!r} was not made"))
                stream.end_waits(error)
        else:
            before = stream.configure(change.config)

            def undo(error: StorageError) -> None:
                undo_row()
                stream.configure(before)

        return undo

    def _stream_of(self, row: StreamSet) -> DurableStream:
        return DurableStream(row, self.journal, self._rules, self._service_rules, self._clock, self._failpoints)

    # -- what happens by itself

    def run(self) -> None:
        """Open the journal, go on with the deletions that had begun, and look for what has expired from now on."""
        self.journal.open()
        self._running = True
        for basin in self.catalogue.basins.rows.values():
            if basin.deleted_at is not None:
                self._later(self._deleting, partial(self._end, BasinDeleted(basin.name)))
        for row in self.catalogue.all_streams():
            if row.deleted_at is not None:
                self._later(self._deleting, partial(self._end, StreamDeleted(row.id)))
        self._later(SWEEP, self._sweep)

    def stop(self) -> None:
        """Let nothing happen by itself any more."""
        self._running = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        if not self._running:
            return

        def act() -> None:
            del self._timers[timer]
            work()

        timer = asyncio.get_running_loop().call_later(seconds, act)
        self._timers[timer] = None

    def _sweep(self) -> None:
        """Look at some streams, and soon at the next ones, so that no request waits for long."""
        if not self._unswept:
            self._unswept = list(self.live)
            self._forget_tokens()
        now = self._clock()
        for id_ in self._unswept[-_SWEPT_AT_ONCE:] if self.journal.failure is None else ():
            stream = self.live.get(id_)
            if stream is None:
                continue
            stream.expire(now)
            if stream.is_abandoned(now):
                row = self.catalogue.find(id_)
                assert row is not None, "a stream that is not being deleted is in the catalogue"
                self.delete_stream(row)
        del self._unswept[-_SWEPT_AT_ONCE:]
        self._later(_PAUSE if self._unswept else SWEEP, self._sweep)

    def _forget_tokens(self) -> None:
        if self.journal.failure is None:
            for change in self.tokens.expired():
                self.record_token(change)

    # -- recovery

    def recover(self) -> None:
        """Recover the state from the storage. Raise StorageError if the storage is damaged or in use."""
        for frame in self.journal.recover():
            for data in frame.entries:
                try:
                    self._replay(decode(data), frame.segment)
                except (ValueError, ServiceError) as error:
                    raise StorageError(
                        f"{self._storage.place(frame)}: {error}; restore the file from a copy"
                    ) from error
        for row in self.catalogue.all_streams():
            try:
                self.live[row.id].check_complete()
            except ValueError as error:
                raise StorageError(
                    f"{self._storage.name}: the stream {row.name!r} of the basin {row.basin!r}: {error}; "
                    "restore the segments of the journal from a copy"
                ) from error

    def _replay(self, entry: Entry, segment: int) -> None:
        """Replay an entry. Raise ValueError or ServiceError if it does not fit the earlier entries."""
        match entry:
            case Appended():  # by far the most frequent
                self._living(entry.stream).recover(entry.records, entry.arrival, segment)
            case Expired(stream, below):
                self._living(stream).recover_expiry(below)
            case Checkpoint():
                self._restore(entry)
            case AccessTokenSet() | AccessTokenRevoked():
                self.tokens.apply(entry)
                self.tokens.settle(entry)
            case StreamDeleting(id_):
                self.catalogue.apply(entry)
                self.live[id_].recover_deletion()
            case BasinDeleting(name):
                self.catalogue.apply(entry)
                for row in self.catalogue.streams(name).rows.values():
                    self.live[row.id].recover_deletion()
            case StreamDeleted() | BasinDeleted():
                ended = self._ended_by(entry)
                self.catalogue.apply(entry)
                self._forget(ended)
            case _:
                self._apply(entry)

    def _living(self, id_: int) -> DurableStream:
        if id_ not in self.live:
            raise ValueError(f"it is about stream {id_}, which does not exist")
        return self.live[id_]

    def _checkpoint(self) -> bytes:
        """Return the current state but records, with which a segment of the journal begins."""
        catalogue = self.catalogue
        streams = tuple((row, self.live[row.id].state()) for row in catalogue.all_streams())
        basins, tokens = tuple(catalogue.basins.rows.values()), tuple(self.tokens.rows.rows.values())
        return encode(Checkpoint(catalogue.last_id, basins, streams, tokens))

    def _restore(self, checkpoint: Checkpoint) -> None:
        rows = [row for row, _ in checkpoint.streams]
        self.catalogue = Catalogue(checkpoint.basins, rows, checkpoint.last_id)
        self.tokens = Tokens(self._clock, checkpoint.tokens)
        kept = {row.id for row in rows}
        self._forget([id_ for id_ in self.live if id_ not in kept])
        for row, state in checkpoint.streams:
            if row.id not in self.live:
                self.live[row.id] = self._stream_of(row)
            self.live[row.id].configure(row.config)
            self.live[row.id].restore(state)
            self._recover_deletion(row)

    def _recover_deletion(self, row: StreamSet) -> None:
        if row.deleted_at is not None or self.catalogue.basin(row.basin).deleted_at is not None:
            self.live[row.id].recover_deletion()
