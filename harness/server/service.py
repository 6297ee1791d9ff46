"""The service: basins and streams, and the promise that answers show only durable state.

The service gets its storage, its clock and its seeded bugs as arguments, and knows nothing of HTTP. It applies every
change and submits it to the journal in one step, and answers once the change is durable. By then everything else that
the answer reveals is durable too. A refusal is also an answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from random import Random
from typing import TypeAlias, TypeVar

from ..s2 import Answer, Append, Batch, Call, Read
from ..s2.limits import MAX_LIST
from . import bugs as seeded
from .catalogue import Catalogue, merged, reconfigured
from .durable import DurableStream, Waiting
from .entries import (
    Appended,
    BasinDeleted,
    BasinSet,
    Change,
    Checkpoint,
    Entry,
    StreamDeleted,
    StreamSet,
    decode,
    encode,
)
from .errors import ServiceError
from .failpoints import Failpoints
from .gate import Gate
from .journal import DURABLE, Journal
from .sessions import HEARTBEAT, AppendSession, ReadSession
from .storage import Storage, StorageError
from .values import (
    BasinConfig,
    BasinInfo,
    BasinReconfiguration,
    Provision,
    StreamConfig,
    StreamInfo,
    StreamReconfiguration,
)

A = TypeVar("A", bound=Answer)
Clock: TypeAlias = Callable[[], int]


class Service:
    """A stream service. Call :meth:`start`, use it, then call :meth:`close`.

    ``clock`` returns milliseconds since the Unix epoch, and may jump. ``bugs`` are names of seeded bugs. ``random``
    spaces the heartbeats of read sessions. Every operation may raise ServiceError. Operations on records may raise
    more, as their docstrings say. Raise UsageFailure for an unknown bug.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        bugs: Iterable[str] = (),
        failpoints: Failpoints | None = None,
        random: Random | None = None,
    ) -> None:
        self._rules = seeded.compose(bugs)
        self._service_rules = self._rules.service()
        self._clock = clock
        self._failpoints = failpoints or Failpoints()
        self._storage = storage
        self._journal = Journal(storage, self._rules.storage(), self._checkpoint, self._failpoints)
        self._catalogue = Catalogue()
        self._live: dict[int, DurableStream] = {}
        self._catalogued = DURABLE  # the ticket of the last change to the catalogue
        self._gate = Gate()
        self._heartbeat = partial((random or Random(0)).uniform, *HEARTBEAT)

    @property
    def failure(self) -> StorageError | None:
        """Why changes fail, for good or until the disk has room again. None if they do not."""
        return self._journal.failure or self._journal.shortage

    def now(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        return self._clock()

    async def start(self) -> None:
        """Recover the state from the storage. Raise StorageError if the storage is damaged or in use."""
        try:
            for frame in self._journal.recover():
                for data in frame.entries:
                    try:
                        self._replay(decode(data), frame.segment)
                    except (ValueError, ServiceError) as error:
                        raise StorageError(
                            f"{self._storage.place(frame)}: {error}; restore the file from a copy"
                        ) from error
            for row in self._catalogue.all_streams():
                try:
                    self._live[row.id].check_complete()
                except ValueError as error:
                    raise StorageError(
                        f"{self._storage.name}: the stream {row.name!r} of the basin {row.basin!r}: {error}; "
                        "restore the segments of the journal from a copy"
                    ) from error
            self._journal.open()
        except BaseException:
            self._storage.close()
            raise

    async def drain(self) -> None:
        """Refuse new requests with ``server_draining``, end waiting reads, and let all other requests finish."""
        self._gate.drain()
        for stream in self._live.values():
            stream.end_waits()
        await self._gate.empty()

    async def close(self) -> None:
        """Drain, make everything that was accepted durable, and close the storage."""
        await self.drain()
        await self._journal.close()

    # -- basins

    async def create_basin(
        self, name: str, config: BasinConfig | None = None, request_token: str | None = None
    ) -> tuple[BasinInfo, bool]:
        """Create a basin. The flag is False if the same request (token and configuration) created it before."""
        async with self._settled() as catalogue:
            entry = catalogue.plan_basin(name, config or BasinConfig(), request_token, self._clock())
            self._record(entry)
            return _basin_info(catalogue.basin(name)), entry is not None

    async def ensure_basin(self, name: str, config: BasinConfig | None = None) -> tuple[BasinInfo, Provision]:
        """Create a basin, or set its configuration. None keeps the configuration of an existing basin."""
        async with self._settled() as catalogue:
            if name not in catalogue.basins.rows:
                self._record(catalogue.plan_basin(name, config or BasinConfig(), None, self._clock()))
                result = Provision.CREATED
            else:
                entry = catalogue.plan_basin_config(name, config) if config is not None else None
                self._record(entry)
                result = Provision.UPDATED if entry else Provision.NOOP
            return _basin_info(catalogue.basin(name)), result

    async def list_basins(
        self, prefix: str = "", start_after: str = "", limit: int = MAX_LIST
    ) -> tuple[list[BasinInfo], bool]:
        """Return rows in the order of their names; the flag tells whether there are more."""
        async with self._settled() as catalogue:
            rows, more = catalogue.basins.page(prefix, start_after, limit)
            return [_basin_info(row) for row in rows], more

    async def get_basin(self, name: str) -> BasinConfig:
        """Return the configuration of a basin."""
        async with self._settled() as catalogue:
            return catalogue.basin(name).config

    async def reconfigure_basin(self, name: str, change: BasinReconfiguration) -> BasinConfig:
        """Change the configuration of a basin, and return the new one."""
        async with self._settled() as catalogue:
            self._record(catalogue.plan_basin_config(name, catalogue.basin_change(name, change)))
            return catalogue.basin(name).config

    async def delete_basin(self, name: str) -> None:
        """Delete a basin and its streams."""
        async with self._settled() as catalogue:
            rows = list(catalogue.streams(name).rows.values())
            self._record(BasinDeleted(name), rows)

    # -- streams

    async def create_stream(
        self, basin: str, name: str, config: StreamConfig | None = None, request_token: str | None = None
    ) -> tuple[StreamInfo, bool]:
        """Create a stream; see :meth:`create_basin`. Unset fields of ``config`` come from the basin's default."""
        async with self._settled() as catalogue:
            entry = self._make_stream(basin, name, config, request_token)
            return _stream_info(catalogue.stream(basin, name)), entry is not None

    async def ensure_stream(
        self, basin: str, name: str, config: StreamConfig | None = None
    ) -> tuple[StreamInfo, Provision]:
        """Create or configure a stream; see :meth:`ensure_basin`, and :meth:`create_stream` for ``config``."""
        async with self._settled() as catalogue:
            if name not in catalogue.streams(basin).rows:
                self._make_stream(basin, name, config, None)
                result = Provision.CREATED
            else:
                entry = None
                if config is not None:
                    full = merged(config, catalogue.basin(basin).config.default_stream_config)
                    entry = self._set_stream(basin, name, full)
                result = Provision.UPDATED if entry else Provision.NOOP
            return _stream_info(catalogue.stream(basin, name)), result

    async def list_streams(
        self, basin: str, prefix: str = "", start_after: str = "", limit: int = MAX_LIST
    ) -> tuple[list[StreamInfo], bool]:
        """Return rows in the order of their names; the flag tells whether there are more."""
        async with self._settled() as catalogue:
            rows, more = catalogue.streams(basin).page(prefix, start_after, limit)
            return [_stream_info(row) for row in rows], more

    async def get_stream(self, basin: str, name: str) -> StreamConfig:
        """Return the configuration of a stream."""
        async with self._settled() as catalogue:
            return catalogue.stream(basin, name).config

    async def reconfigure_stream(self, basin: str, name: str, change: StreamReconfiguration) -> StreamConfig:
        """Change the configuration of a stream, and return the new one."""
        async with self._settled() as catalogue:
            self._set_stream(basin, name, reconfigured(catalogue.stream(basin, name).config, change))
            return catalogue.stream(basin, name).config

    async def delete_stream(self, basin: str, name: str) -> None:
        """Delete a stream. A stream created later under the same name is a new incarnation."""
        async with self._settled() as catalogue:
            row = catalogue.stream(basin, name)
            self._record(StreamDeleted(basin, name), [row])

    # -- records

    async def perform(self, basin: str, stream: str, call: Call[A], waiting: Waiting = nullcontext) -> A:
        """Return the answer to one call; see :meth:`.DurableStream.perform`.

        May also raise StateMismatch.
        """
        with self._gate:
            opened = await self._open(basin, stream, appending=isinstance(call, Append))
            return await opened.perform(call, waiting)

    async def append_session(self, basin: str, stream: str) -> AppendSession:
        """Open an append session on the stream, which has to exist, or is created if the basin's configuration says so.

        The session stays with this incarnation of the stream.
        """
        with self._gate:
            return AppendSession(self._gate, await self._open(basin, stream, appending=True))

    async def read_session(self, basin: str, stream: str, query: Read) -> AsyncGenerator[Batch, None]:
        """Open a read session, and return its frames; see :meth:`.ReadSession.frames`. May also raise StateMismatch."""
        with self._gate:
            opened = await self._open(basin, stream, appending=False)
            session = ReadSession(self._gate, opened, query, self._heartbeat)
            await session.start()
        return session.frames()

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop."""
        return self._gate.draining

    # -- internals

    @asynccontextmanager
    async def _settled(self) -> AsyncIterator[Catalogue]:
        """Yield the catalogue to one request. On exit, everything that the request saw or changed is durable."""
        with self._gate:
            try:
                yield self._catalogue
            except ServiceError:
                await self._journal.wait(self._catalogued)
                raise
            await self._journal.wait(self._catalogued)

    async def _open(self, basin: str, name: str, appending: bool) -> DurableStream:
        """Return the stream. Create it if the basin's configuration says so."""
        try:
            return self._live[self._catalogue.stream(basin, name).id]
        except ServiceError as refusal:
            if refusal.code == "stream_not_found":
                config = self._catalogue.basin(basin).config
                if config.create_stream_on_append if appending else config.create_stream_on_read:
                    self._make_stream(basin, name, None, None)
                    return self._live[self._catalogue.stream(basin, name).id]
            await self._journal.wait(self._catalogued)
            raise

    def _make_stream(
        self, basin: str, name: str, config: StreamConfig | None, request_token: str | None
    ) -> StreamSet | None:
        entry = self._catalogue.plan_stream(basin, name, config or StreamConfig(), request_token, self._clock())
        self._record(entry)
        if entry is not None:
            self._live[entry.id].created(self._catalogued)
        return entry

    def _set_stream(self, basin: str, name: str, config: StreamConfig) -> StreamSet | None:
        entry = self._catalogue.plan_stream_config(basin, name, config)
        self._record(entry)
        return entry

    def _record(self, change: Change | None, ends: Iterable[StreamSet] = ()) -> None:
        """Apply a change, if any, and submit it to the journal, in one step. ``ends`` are streams that it deletes."""
        if change is None:
            return
        self._journal.admit()
        undo = self._apply(change)
        ended = [self._live[row.id] for row in ends]
        for stream in ended:
            stream.deleted = True

        def take_back(error: StorageError) -> None:
            undo(error)
            self._catalogued = DURABLE
            for stream in ended:
                stream.undelete()

        self._catalogued = self._journal.submit(encode(change), partial(self._end, ended), take_back)
        for stream in ended:
            stream.delete(self._catalogued)

    def _apply(self, change: Change) -> Callable[[StorageError], None]:
        """Apply a change, and return a function that undoes it and takes the reason."""
        undo_row = self._catalogue.apply(change)
        if not isinstance(change, StreamSet):
            return lambda _: undo_row()
        stream = self._live.get(change.id)
        if stream is None:
            stream = self._live[change.id] = self._stream_of(change)

            def undo(error: StorageError) -> None:
                undo_row()
                del self._live[change.id]
                stream.delete(DURABLE)
                stream.end_waits(error)
        else:
            before = stream.configure(change.config)

            def undo(error: StorageError) -> None:
                undo_row()
                stream.configure(before)

        return undo

    def _end(self, streams: Iterable[DurableStream]) -> None:
        """End the waits on streams whose deletion is durable."""
        for stream in streams:
            del self._live[stream.id]
            stream.end_waits(ServiceError("stream_not_found", f"the stream {stream.name!r} was deleted"))
            stream.release_segments()
        self._journal.tidy()

    # -- recovery

    def _stream_of(self, row: StreamSet) -> DurableStream:
        return DurableStream(row, self._journal, self._rules, self._service_rules, self._clock, self._failpoints)

    def _replay(self, entry: Entry, segment: int) -> None:
        """Replay an entry. Raise ValueError or ServiceError if it does not fit the earlier entries."""
        match entry:
            case Appended(stream, records):
                if stream not in self._live:
                    raise ValueError(f"a batch for stream {stream}, which does not exist")
                self._live[stream].recover(records, segment)
            case Checkpoint():
                self._restore(entry)
            case BasinDeleted(name):
                self._end([self._live[row.id] for row in self._catalogue.streams(name).rows.values()])
                self._catalogue.apply(entry)
            case StreamDeleted(basin, name):
                self._end([self._live[self._catalogue.stream(basin, name).id]])
                self._catalogue.apply(entry)
            case _:
                self._apply(entry)

    def _checkpoint(self) -> bytes:
        """Return the current state but records, with which a segment of the journal begins."""
        catalogue = self._catalogue
        streams = tuple((row, self._live[row.id].state()) for row in catalogue.all_streams())
        return encode(Checkpoint(catalogue.last_id, tuple(catalogue.basins.rows.values()), streams))

    def _restore(self, checkpoint: Checkpoint) -> None:
        rows = [row for row, _ in checkpoint.streams]
        self._catalogue = Catalogue(checkpoint.basins, rows, checkpoint.last_id)
        kept = {row.id for row in rows}
        self._end([stream for id_, stream in self._live.items() if id_ not in kept])
        for row, state in checkpoint.streams:
            if row.id not in self._live:
                self._live[row.id] = self._stream_of(row)
            self._live[row.id].configure(row.config)
            self._live[row.id].restore(state)


def _basin_info(row: BasinSet) -> BasinInfo:
    return BasinInfo(row.name, row.created_at)


def _stream_info(row: StreamSet) -> StreamInfo:
    return StreamInfo(row.name, row.created_at)
