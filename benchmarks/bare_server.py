"""An application that does nothing, on the HTTP server of the bundled server: ``python -m benchmarks.bare_server``.

It gives every request the same answer, that of a check-tail. What it costs is the cost of the HTTP server alone.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import uvloop

from fencepost.harness.server.limits import Limits
from fencepost.harness.server.serving import bind, serve
from fencepost.harness.world.world import real_world

_HEAD: Final = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
_BODY: Final = {"type": "http.response.body", "body": b'{"tail":{"seq_num":0,"timestamp":0}}'}


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    await send(_HEAD)
    await send(_BODY)


async def _main() -> None:
    world = real_world(seed=0)
    listener = bind(world.network, "127.0.0.1", 0)

    def ready(url: str) -> None:
        print(url, flush=True)

    async def drain() -> None:
        pass

    await serve(
        _answer, listener, world.network, ready=ready, stop=asyncio.Event(), drain=drain, limits=Limits()
    )  # until the process is ended


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
