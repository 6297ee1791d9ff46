"""A stranger's client: it counts what it asks, and leaves the speaking to the bundled one."""

from __future__ import annotations

from typing import Any

import fencepost


class Client(fencepost.WithoutSessions):
    """Speaks through a client of fencepost's."""

    asked = 0

    def __init__(self, options: fencepost.ClientOptions) -> None:
        self._inner = fencepost.HttpStreamClient(
            options.url, options.basin, token=options.token, timeout=options.timeout, network=options.network
        )

    async def perform(self, stream: str, call: Any) -> Any:
        Client.asked += 1
        return await self._inner.perform(stream, call)

    async def create_stream(self, stream: str) -> fencepost.Outcome[None]:
        return await self._inner.create_stream(stream)

    async def delete_stream(self, stream: str) -> fencepost.Outcome[None]:
        return await self._inner.delete_stream(stream)

    async def aclose(self) -> None:
        await self._inner.aclose()
