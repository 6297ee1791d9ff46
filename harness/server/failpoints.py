"""Named places in the server where a test can make something happen: a crash, an error, a pause.

    failpoints.arm("journal.before-sync", Action.CRASH, skip=10)

makes the server kill itself (SIGKILL) when it is about to make the eleventh group of entries durable. Where nothing is
armed, a place costs the server one look at :attr:`Failpoints.armed`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from ..world.control_messages import Action
from .errors import ServiceError

ALL: Final = tuple(Action)


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A row of the table. ``actions`` are those that can happen there."""

    name: str
    meaning: str
    actions: tuple[Action, ...] = ALL


_ROWS: Final = (
    Failpoint("service.before-append", "an append has arrived; its conditions have not been tested"),
    Failpoint(
        "service.fence-applied",
        "an append with a fence command has changed the token in memory; the journal knows nothing of it",
        (Action.CRASH, Action.COUNT),
    ),
    Failpoint("service.sequenced", "an append has its seq_nums and waits for the journal; nothing of it is durable"),
    Failpoint("service.before-answer", "an append is durable; nobody has been told"),
    Failpoint("session.before-ack", "a batch of an append session is durable; its ack has not been sent"),
    Failpoint("session.before-frame", "a read session has its next frame; it has not been sent"),
    Failpoint(
        "journal.before-write",
        "a group of entries is about to be written; nothing of it is in the file",
        (Action.CRASH, Action.DELAY, Action.HOLD, Action.COUNT),
    ),
    Failpoint("journal.before-sync", "what was written to the file is about to be synced"),
    Failpoint("journal.after-sync", "what was written to the file has been synced; the journal does not know it yet"),
)

FAILPOINTS: Final = {row.name: row for row in _ROWS}


def kill_this_process() -> NoReturn:
    """End at once, as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")


class _Armed:
    """What is to happen at one failpoint."""

    def __init__(self, action: Action, skip: int, times: int | None, seconds: float) -> None:
        self.action = action
        self.skip = skip
        self.times = times
        self.seconds = None if action is Action.HOLD else seconds
        self.hits = 0
        self.released = threading.Event()
        self.waiting: list[asyncio.Future[None]] = []

    def next_is_due(self) -> bool:
        """Count a hit; whether the action is due."""
        self.hits += 1
        nth = self.hits - self.skip
        return nth > 0 and (self.times is None or nth <= self.times)

    def release(self) -> None:
        """Let go on what waits here."""
        self.released.set()
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()


@dataclass(slots=True)
class Failpoints:
    """The failpoints of one server. ``reached`` is called, in any thread, with the name and number of a hit that acts.

    ``crash`` ends the server at once, and must not return. ``armed`` is whether any is; ask it before :meth:`hit` or
    :meth:`pass_by`.
    """

    reached: Callable[[str, int], None] = lambda name, hits: None
    crash: Callable[[], NoReturn] = kill_this_process
    armed: bool = False
    _armed: dict[str, _Armed] = field(default_factory=dict)

    def arm(self, name: str, action: Action, *, skip: int = 0, times: int | None = None, seconds: float = 0.0) -> None:
        """Let something happen at a failpoint, instead of what was to happen there before.

        ``skip`` hits pass before it happens, ``times`` is how often it does (None: always), ``seconds`` how long a
        delay lasts. Raises ValueError where there is no such failpoint or that cannot happen there.
        """
        row = FAILPOINTS.get(name)
        if row is None:
            raise ValueError(f"no failpoint is called {name!r}; there are: {', '.join(FAILPOINTS)}")
        if action not in row.actions:
            raise ValueError(f"at {name} only this can happen: {', '.join(row.actions)}")
        self.disarm(name)
        self._armed[name] = _Armed(action, skip, times, seconds)
        self.armed = True

    def disarm(self, name: str) -> None:
        """Let nothing happen there any more, and let go on what is held there."""
        armed = self._armed.pop(name, None)
        if armed is not None:
            armed.release()
        self.armed = bool(self._armed)

    def disarm_all(self) -> None:
        """Disarm whatever is armed: the server must come to its end."""
        for name in list(self._armed):
            self.disarm(name)

    def hits(self) -> dict[str, int]:
        """How often each armed failpoint has been reached since it was armed."""
        return {name: armed.hits for name, armed in self._armed.items()}

    async def hit(self, name: str) -> None:
        """A failpoint in the event loop. Raises ServiceError (``storage``) where an error was asked for."""
        armed = self._due(name)
        if armed is None:
            return
        match armed.action:
            case Action.DELAY:
                await asyncio.sleep(armed.seconds or 0.0)
            case Action.HOLD:
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                armed.waiting.append(future)
                await future
            case Action.ERROR:
                raise ServiceError("storage", f"the failpoint {name} was told to fail")

    def pass_by(self, name: str) -> None:
        """A failpoint in a thread that may block. Raises OSError where an error was asked for."""
        armed = self._due(name)
        if armed is None:
            return
        if armed.action in (Action.DELAY, Action.HOLD):
            armed.released.wait(armed.seconds)
        elif armed.action is Action.ERROR:
            raise OSError(errno.EIO, f"the failpoint {name} was told to fail")

    def _due(self, name: str) -> _Armed | None:
        armed = self._armed.get(name)
        if armed is None or not armed.next_is_due():
            return None
        if armed.action is Action.CRASH:
            self.crash()
        if armed.action is Action.COUNT:
            return None
        self.reached(name, armed.hits)
        return armed
