"""The service: basins and streams, and the promise that an answer comes only from durable state.

Asynchronous, with its journal, its clock and its rules handed in. It knows no HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from .values import (
    AppendAck,
    AppendInput,
    BasinConfig,
    BasinInfo,
    BasinReconfiguration,
    Provision,
    ReadBatch,
    ReadInput,
    StreamConfig,
    StreamInfo,
    StreamPosition,
    StreamReconfiguration,
)

Clock: TypeAlias = Callable[[], int]


def wall_clock() -> int:
    """Milliseconds since the Unix epoch, as this machine believes."""
    return time.time_ns() // 1_000_000


class Service:
    """Signatures first; the body follows."""

    def __init__(self, storage: object, clock: Clock = wall_clock, bugs: Iterable[str] = ()) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Recover the state from the journal. Raises StorageError where the journal is damaged or in use."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Refuse what is new with ``server_draining``, let what is in flight finish, end reads that wait."""
        raise NotImplementedError

    async def close(self) -> None:
        """Drain, then release the journal."""
        raise NotImplementedError

    async def create_basin(
        self, name: str, config: BasinConfig | None = None, request_token: str | None = None
    ) -> tuple[BasinInfo, bool]:
        """Create; the flag is False where the same request had created it before (same token, same configuration)."""
        raise NotImplementedError

    async def ensure_basin(self, name: str, config: BasinConfig | None = None) -> tuple[BasinInfo, Provision]:
        """Create or set the configuration."""
        raise NotImplementedError

    async def list_basins(
        self, prefix: str = "", start_after: str = "", limit: int = 1000
    ) -> tuple[list[BasinInfo], bool]:
        """In order of name; the flag tells whether there are more."""
        raise NotImplementedError

    async def get_basin(self, name: str) -> BasinConfig:
        """The basin's configuration."""
        raise NotImplementedError

    async def reconfigure_basin(self, name: str, change: BasinReconfiguration) -> BasinConfig:
        """Change the configuration; answers the new one."""
        raise NotImplementedError

    async def delete_basin(self, name: str) -> None:
        """Delete the basin with its streams."""
        raise NotImplementedError

    async def create_stream(
        self, basin: str, name: str, config: StreamConfig | None = None, request_token: str | None = None
    ) -> tuple[StreamInfo, bool]:
        """See :meth:`create_basin`."""
        raise NotImplementedError

    async def ensure_stream(
        self, basin: str, name: str, config: StreamConfig | None = None
    ) -> tuple[StreamInfo, Provision]:
        """See :meth:`ensure_basin`."""
        raise NotImplementedError

    async def list_streams(
        self, basin: str, prefix: str = "", start_after: str = "", limit: int = 1000
    ) -> tuple[list[StreamInfo], bool]:
        """See :meth:`list_basins`."""
        raise NotImplementedError

    async def get_stream(self, basin: str, name: str) -> StreamConfig:
        """The stream's configuration."""
        raise NotImplementedError

    async def reconfigure_stream(self, basin: str, name: str, change: StreamReconfiguration) -> StreamConfig:
        """Change the configuration; answers the new one."""
        raise NotImplementedError

    async def delete_stream(self, basin: str, name: str) -> None:
        """Delete the stream. One made later under the name is another stream."""
        raise NotImplementedError

    async def append(self, basin: str, stream: str, batch: AppendInput) -> AppendAck:
        """Append; returns when durable. Raises ServiceError, ConditionFailed."""
        raise NotImplementedError

    async def read(self, basin: str, stream: str, query: ReadInput) -> ReadBatch:
        """A unary read; honours ``wait``. Raises ServiceError, RangeNotSatisfiable."""
        raise NotImplementedError

    async def check_tail(self, basin: str, stream: str) -> StreamPosition:
        """The tail of durable records."""
        raise NotImplementedError
