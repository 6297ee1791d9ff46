"""Request bodies on their way in, and the limits on them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any, TypeAlias

from .errors import ServiceError
from .limits import SESSION_BYTES, Limits

Message: TypeAlias = MutableMapping[str, Any]


class Patience:
    """A cheap time-out for very many blocks, hardly any of which ever takes longer than ``seconds``.

    Each task may be in one such block at a time. A single timer checks all blocks four times per ``seconds``, so a
    block may take a quarter longer. (``asyncio.timeout`` makes one timer per block, which was an eighth of the cost of
    an append.)
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._inside: dict[asyncio.Task[Any], float] = {}  # when each task entered, oldest first
        self._late: dict[asyncio.Task[Any], None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._inside[current_task()] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds / 4, self._look)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = current_task()
        del self._inside[task]
        if task in self._late:
            del self._late[task]
            if task.uncancel() == 0 and kind is asyncio.CancelledError:
                raise ServiceError("request_timeout", f"the body did not arrive within {self.seconds:g} s")

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.seconds / 4, self._look) if self._inside else None
        now = loop.time()
        for task, since in self._inside.items():
            if now - since < self.seconds:
                break
            if task not in self._late:
                self._late[task] = None
                task.cancel()


def current_task() -> asyncio.Task[Any]:
    """Return the task that is running."""
    task = asyncio.current_task()
    assert task is not None, "a request must be handled in a task"
    return task


class Bodies:
    """The request bodies that are arriving. ``held`` is the number of bytes in incomplete bodies."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.patience = Patience(limits.body_seconds)
        self.held = 0

    def hold(self, size: int) -> None:
        """Count more bytes of an incomplete body. Raise ``hot_server`` if there are too many in all."""
        if self.held + size > self.limits.arriving_bytes:
            raise ServiceError(
                "hot_server",
                f"incomplete bodies hold {self.held} bytes, and the limit is {self.limits.arriving_bytes}; "
                "try again later",
            )
        self.held += size


class Pieces:
    """A request body that arrives while it is being answered. ``ended`` says that no more of it waits to be taken.

    What arrives is kept until it is taken, up to :data:`~.limits.SESSION_BYTES`, so that the end of the request and a
    disconnect are seen early.
    """

    def __init__(self, bodies: Bodies) -> None:
        self.ended = False
        self._bodies = bodies
        self._arrived: deque[Message] = deque()
        self._size = 0
        self._held = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, message: Message) -> None:
        """Keep a piece that has arrived. Return once there is room for another."""
        self._arrived.append(message)
        self._size += len(message.get("body", b""))
        self._news.set()
        while self._size >= SESSION_BYTES:
            self._room.clear()
            await self._room.wait()

    async def next(self) -> bytes:
        """Return the next piece, perhaps an empty one."""
        while not self._arrived:
            self._news.clear()
            await self._news.wait()
        message = self._arrived.popleft()
        self.ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        self._size -= len(piece)
        self._room.set()
        return piece

    def patience(self) -> Patience:
        """Return a context with the time-out for what has to arrive together, such as one frame."""
        return self._bodies.patience

    def hold(self, size: int) -> None:
        """Count ``size`` as the number of bytes that wait for the rest. Raise ``hot_server`` if all have too many."""
        if size > self._held:
            self._bodies.hold(size - self._held)
        else:
            self._bodies.held -= self._held - size
        self._held = size
