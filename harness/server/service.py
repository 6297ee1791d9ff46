"""The service: basins and streams, and the promise that answers show only durable state.

The service gets its storage, its clock and its seeded bugs as arguments, and knows nothing of HTTP. It applies every
change and submits it to the journal in one step, and answers once the change is durable. By then everything else that
the answer reveals is durable too. A refusal is also an answer. :mod:`.state` makes the changes, and those that happen
by themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from random import Random
from typing import Any, TypeVar

from ..s2 import Answer, Append, Batch, Call, Read
from ..s2.limits import MAX_LIST
from . import bugs as seeded
from .catalogue import Catalogue, reconfigured
from .commands import check_call
from .durable import DurableStream, Waiting
from .entries import BasinSet, StreamSet
from .errors import ServiceError
from .failpoints import Failpoints
from .gate import Gate
from .sessions import HEARTBEAT, AppendSession, ReadSession
from .state import DELETING, Clock, State
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


class Service:
    """A stream service. Call :meth:`start`, use it, then call :meth:`close`.

    ``clock`` returns milliseconds since the Unix epoch, and may jump. ``bugs`` are names of seeded bugs. ``random``
    spaces the heartbeats of read sessions. ``deleting`` is how long (seconds) basins and streams are being deleted
    before their names are free again. Every operation may raise ServiceError. Operations on records may raise more, as
    their docstrings say. Raise UsageFailure for an unknown bug.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        bugs: Iterable[str] = (),
        failpoints: Failpoints | None = None,
        random: Random | None = None,
        deleting: float = DELETING,
    ) -> None:
        self._clock = clock
        self._storage = storage
        self._state = State(storage, clock, seeded.compose(bugs), failpoints or Failpoints(), deleting)
        self._gate = Gate()
        self._heartbeat = partial((random or Random(0)).uniform, *HEARTBEAT)

    @property
    def failure(self) -> StorageError | None:
        """Why changes fail, for good or until the disk has room again. None if they do not."""
        return self._state.journal.failure or self._state.journal.shortage

    def now(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        return self._clock()

    async def start(self) -> None:
        """Recover the state from the storage. Raise StorageError if the storage is damaged or in use."""
        try:
            self._state.recover()
            self._state.run()
        except BaseException:
            self._storage.close()
            raise

    async def drain(self) -> None:
        """Refuse new requests with ``server_draining``, end waiting reads, and let all other requests finish."""
        self._gate.drain()
        for stream in self._state.live.values():
            stream.end_waits()
        await self._gate.empty()

    async def close(self) -> None:
        """Drain, make everything that was accepted durable, and close the storage."""
        await self.drain()
        self._state.stop()
        await self._state.journal.close()

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
                known = catalogue.usable_basin(name).config
                entry = catalogue.plan_basin_config(name, known if config is None else config)
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
        """Begin to delete a basin and its streams. Do nothing if it is being deleted."""
        async with self._settled():
            self._state.delete_basin(name)

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
                known = catalogue.usable_stream(basin, name).config
                entry = self._set_stream(basin, name, known if config is None else config)
                result = Provision.UPDATED if entry else Provision.NOOP
            return _stream_info(catalogue.stream(basin, name)), result

    async def list_streams(
        self, basin: str, prefix: str = "", start_after: str = "", limit: int = MAX_LIST
    ) -> tuple[list[StreamInfo], bool]:
        """Return rows in the order of their names; the flag tells whether there are more."""
        async with self._settled() as catalogue:
            rows, more = catalogue.streams(basin).page(prefix, start_after, limit)
            return [_stream_info(row, catalogue.basin(basin)) for row in rows], more

    async def get_stream(self, basin: str, name: str) -> StreamConfig:
        """Return the configuration of a stream."""
        async with self._settled() as catalogue:
            return catalogue.usable_stream(basin, name).config

    async def reconfigure_stream(self, basin: str, name: str, change: StreamReconfiguration) -> StreamConfig:
        """Change the configuration of a stream, and return the new one."""
        async with self._settled() as catalogue:
            self._set_stream(basin, name, reconfigured(catalogue.usable_stream(basin, name).config, change))
            return catalogue.stream(basin, name).config

    async def delete_stream(self, basin: str, name: str) -> None:
        """Begin to delete a stream. Do nothing if it is being deleted.

        A stream created later under the same name is a new incarnation.
        """
        async with self._settled() as catalogue:
            row = catalogue.stream(basin, name)
            if catalogue.basin(basin).deleted_at is None:
                self._state.delete_stream(row)

    # -- records

    async def perform(
        self,
        basin: str,
        stream: str,
        call: Call[A],
        waiting: Waiting = nullcontext,
        config: StreamConfig | None = None,
    ) -> A:
        """Return the answer to one call; see :meth:`.DurableStream.perform`.

        If the call makes the stream, it gets ``config``, with the basin's default for unset fields. May also raise
        StateMismatch.
        """
        with self._gate:
            opened = await self._open(basin, stream, config, appending=isinstance(call, Append), call=call)
            return await opened.perform(call, waiting)

    async def append_session(self, basin: str, stream: str, config: StreamConfig | None = None) -> AppendSession:
        """Open an append session on the stream, which has to exist, or is created if the basin's configuration says so.

        The session stays with this incarnation of the stream. See :meth:`perform` for ``config``.
        """
        with self._gate:
            return AppendSession(self._gate, await self._open(basin, stream, config, appending=True))

    async def read_session(
        self, basin: str, stream: str, query: Read, config: StreamConfig | None = None
    ) -> AsyncGenerator[Batch, None]:
        """Open a read session, and return its frames; see :meth:`.ReadSession.frames`.

        See :meth:`perform` for ``config``. May also raise StateMismatch.
        """
        with self._gate:
            opened = await self._open(basin, stream, config, appending=False, call=query)
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
        state = self._state
        with self._gate:
            try:
                yield state.catalogue
            except ServiceError:
                await state.journal.wait(state.catalogued)
                raise
            await state.journal.wait(state.catalogued)

    async def _open(
        self,
        basin: str,
        name: str,
        making: StreamConfig | None,
        *,
        appending: bool,
        call: Call[Any] | None = None,
    ) -> DurableStream:
        """Return the stream. Create it if the basin's configuration says so, but not for an invalid ``call``."""
        state = self._state
        try:
            return state.live[state.catalogue.usable_stream(basin, name).id]
        except ServiceError as refusal:
            if refusal.code == "stream_not_found":
                config = state.catalogue.basin(basin).config
                if config.create_stream_on_append if appending else config.create_stream_on_read:
                    check_call(call)
                    self._make_stream(basin, name, making, None)
                    return state.live[state.catalogue.stream(basin, name).id]
            await state.journal.wait(state.catalogued)
            raise

    def _make_stream(
        self, basin: str, name: str, config: StreamConfig | None, request_token: str | None
    ) -> StreamSet | None:
        plan = self._state.catalogue.plan_stream
        entry = plan(basin, name, config or StreamConfig(), request_token, self._clock())
        self._record(entry)
        return entry

    def _set_stream(self, basin: str, name: str, config: StreamConfig) -> StreamSet | None:
        entry = self._state.catalogue.plan_stream_config(basin, name, config)
        self._record(entry)
        return entry

    def _record(self, change: BasinSet | StreamSet | None) -> None:
        if change is not None:
            self._state.record(change)


def _basin_info(row: BasinSet) -> BasinInfo:
    return BasinInfo(row.name, row.created_at, row.deleted_at)


def _stream_info(row: StreamSet, parent: BasinSet | None = None) -> StreamInfo:
    deleted_at = row.deleted_at if row.deleted_at is not None or parent is None else parent.deleted_at
    return StreamInfo(row.name, row.created_at, deleted_at)
