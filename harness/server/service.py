"""The service: basins and streams, and the promise that answers show only durable state.

The service gets its storage, its clock and its seeded bugs as arguments, and knows nothing of HTTP. It applies every
change and submits it to the journal in one step, and answers once the change is durable. By then everything else that
the answer reveals is durable too. A refusal is also an answer. :mod:`.state` makes the changes, and those that happen
by themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final, TypeVar

from ..s2 import Answer, Append, Batch, Call, Read
from ..s2.limits import MAX_LIST
from ..world.randomness import Randomness, SystemRandomness
from . import bugs as seeded
from .access.issuing import AccessTokens
from .access.scopes import ANYTHING, Names
from .catalogue import Catalogue, reconfigured
from .commands import check_call
from .durable import DurableStream, Waiting
from .encryption import EncryptionKey, Sealer
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

_KEYED: Final = Append | Read | None  # the calls with records, and an append session


class Service:
    """A stream service. Call :meth:`start`, use it, then call :meth:`close`.

    ``clock`` returns milliseconds since the Unix epoch, and may jump. ``bugs`` are names of seeded bugs. ``random``
    spaces the heartbeats of read sessions, and makes the nonces of encrypted records and the secrets of access tokens.
    ``deleting`` is how long (seconds) basins and streams are being deleted before their names are free again. Every
    operation may raise ServiceError. Operations on records may raise more, as their docstrings say. Raise UsageFailure
    for an unknown bug.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        bugs: Iterable[str] = (),
        failpoints: Failpoints | None = None,
        random: Randomness | None = None,
        deleting: float = DELETING,
    ) -> None:
        self._clock = clock
        self._storage = storage
        self._state = State(storage, clock, seeded.compose(bugs), failpoints or Failpoints(), deleting)
        self._gate = Gate()
        random = random or SystemRandomness(0)
        self._fresh = random.fresh
        self.tokens = AccessTokens(self._state, self._settled, random.fresh)
        self._heartbeat = partial(random.stream("heartbeats").uniform, *HEARTBEAT)

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
        self, prefix: str = "", start_after: str = "", limit: int = MAX_LIST, visible: Names = ANYTHING
    ) -> tuple[list[BasinInfo], bool]:
        """Return visible rows in the order of their names; the flag tells whether there are more."""
        async with self._settled() as catalogue:
            rows, more = catalogue.basins.page(prefix, start_after, limit, visible)
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
        self,
        basin: str,
        prefix: str = "",
        start_after: str = "",
        limit: int = MAX_LIST,
        visible: Names = ANYTHING,
    ) -> tuple[list[StreamInfo], bool]:
        """Return visible rows in the order of their names; the flag tells whether there are more."""
        async with self._settled() as catalogue:
            rows, more = catalogue.streams(basin).page(prefix, start_after, limit, visible)
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
        key: EncryptionKey | None = None,
    ) -> A:
        """Return the answer to one call; see :meth:`.DurableStream.perform`.

        If the call makes the stream, it gets ``config``, with the basin's default for unset fields. Records of an
        encrypted stream are under ``key``, which any other stream ignores. May also raise StateMismatch.
        """
        with self._gate:
            opened, sealer = await self._open(basin, stream, config, key, isinstance(call, Append), call)
            if sealer is None:
                return await opened.perform(call, waiting)
            return sealer.opened(await opened.perform(sealer.sealed(call), waiting))

    async def append_session(
        self, basin: str, stream: str, config: StreamConfig | None = None, key: EncryptionKey | None = None
    ) -> AppendSession:
        """Open an append session on the stream, which has to exist, or is created if the basin's configuration says so.

        The session stays with this incarnation of the stream. See :meth:`perform` for ``config`` and ``key``.
        """
        with self._gate:
            opened, sealer = await self._open(basin, stream, config, key, True)
            return AppendSession(self._gate, opened, None if sealer is None else sealer.sealed)

    async def read_session(
        self,
        basin: str,
        stream: str,
        query: Read,
        config: StreamConfig | None = None,
        key: EncryptionKey | None = None,
    ) -> AsyncGenerator[Batch, None]:
        """Open a read session, and return its frames; see :meth:`.ReadSession.frames`.

        See :meth:`perform` for ``config`` and ``key``. May also raise StateMismatch.
        """
        with self._gate:
            opened, sealer = await self._open(basin, stream, config, key, False, query)
            session = ReadSession(self._gate, opened, query, self._heartbeat)
            await session.start()
        return session.frames() if sealer is None else _opened(session.frames(), sealer)

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
        key: EncryptionKey | None,
        appending: bool,
        call: Call[Any] | None = None,
    ) -> tuple[DurableStream, Sealer | None]:
        """Return the stream, and what seals its records if it has a cipher and the call is about records.

        Create it if the basin's configuration says so, but not for an invalid ``call`` or ``key``.
        """
        state = self._state
        try:
            row = state.catalogue.usable_stream(basin, name)
            if row.cipher is None or not isinstance(call, _KEYED):
                return state.live[row.id], None
            return state.live[row.id], Sealer(row.cipher, key, row.id, self._fresh)
        except ServiceError as refusal:
            if refusal.code == "stream_not_found":
                config = state.catalogue.basin(basin).config
                if config.create_stream_on_append if appending else config.create_stream_on_read:
                    check_call(call)
                    if config.stream_cipher is not None and isinstance(call, _KEYED):
                        Sealer(config.stream_cipher, key, 0, self._fresh)
                    self._make_stream(basin, name, making, None)
                    return await self._open(basin, name, making, key, appending, call)
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


async def _opened(frames: AsyncGenerator[Batch, None], sealer: Sealer) -> AsyncGenerator[Batch, None]:
    async with aclosing(frames):
        async for frame in frames:
            yield sealer.opened(frame)


def _basin_info(row: BasinSet) -> BasinInfo:
    return BasinInfo(row.name, row.created_at, row.deleted_at)


def _stream_info(row: StreamSet, parent: BasinSet | None = None) -> StreamInfo:
    deleted_at = row.deleted_at if row.deleted_at is not None or parent is None else parent.deleted_at
    return StreamInfo(row.name, row.created_at, deleted_at, row.cipher)
