"""A stranger's client: it counts what it asks, and leaves the speaking to the bundled one."""

from __future__ import annotations

import fencepost


class Client(fencepost.WithoutSessions):
    """Speaks through a client of fencepost's."""

    asked = 0

    def __init__(self, options: fencepost.ClientOptions) -> None:
        self._inner = fencepost.HttpStreamClient(
            options.url, options.basin, token=options.token, timeout=options.timeout, network=options.network
        )

    async def append(self, stream: str, call: fencepost.Append) -> fencepost.Outcome[fencepost.Ack]:
        Client.asked += 1
        return await self._inner.append(stream, call)

    async def read(self, stream: str, call: fencepost.Read) -> fencepost.Outcome[fencepost.Batch]:
        Client.asked += 1
        return await self._inner.read(stream, call)

    async def check_tail(self, stream: str, call: fencepost.CheckTail) -> fencepost.Outcome[fencepost.Tail]:
        Client.asked += 1
        return await self._inner.check_tail(stream, call)

    async def create_stream(self, stream: str) -> fencepost.Outcome[None]:
        return await self._inner.create_stream(stream)

    async def delete_stream(self, stream: str) -> fencepost.Outcome[None]:
        return await self._inner.delete_stream(stream)

    async def aclose(self) -> None:
        await self._inner.aclose()
