"""Named places in the server where a test can inject a crash, an error or a pause.

    failpoints.arm("journal.before-sync", Action.CRASH, skip=10)

makes the server kill itself (SIGKILL) just before it syncs the eleventh group of entries. While nothing is armed, a
failpoint only costs a look at :attr:`Failpoints.armed`.
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
    """One failpoint. ``meaning`` says when the server hits it, ``actions`` are the actions that it supports."""

    name: str
    meaning: str
    actions: tuple[Action, ...] = ALL


_ROWS: Final = (
    Failpoint("service.before-append", "an append has arrived, but its conditions have not been tested yet"),
    Failpoint(
        "service.fence-applied",
        "an append with a fence command has changed the token in memory, but is not in the journal yet",
        (Action.CRASH, Action.COUNT),
    ),
    Failpoint("service.sequenced", "an append has its seq_nums and waits for the journal, but is not durable yet"),
    Failpoint("service.before-answer", "an append is durable, but has not been acknowledged yet"),
    Failpoint("session.before-ack", "a batch of an append session is durable, but its ack has not been sent yet"),
    Failpoint("session.before-frame", "a read session has its next frame, but has not sent it yet"),
    Failpoint(
        "journal.before-write",
        "a group of entries is about to be written to the file",
        (Action.CRASH, Action.DELAY, Action.HOLD, Action.COUNT),
    ),
    Failpoint("journal.before-sync", "a written group is about to be synced"),
    Failpoint("journal.after-sync", "a written group has been synced, but the journal does not know it yet"),
)

FAILPOINTS: Final = {row.name: row for row in _ROWS}


def kill_this_process() -> NoReturn:
    """End at once, as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process survived SIGKILL")


class _Armed:
    """The state of one armed failpoint."""

    def __init__(self, action: Action, skip: int, times: int | None, seconds: float) -> None:
        self.action = action
        self.skip = skip
        self.times = times
        self.seconds = None if action is Action.HOLD else seconds
        self.hits = 0
        self.released = threading.Event()
        self.waiting: list[asyncio.Future[None]] = []

    def next_is_due(self) -> bool:
        """Count a hit, and return whether the action is due."""
        self.hits += 1
        nth = self.hits - self.skip
        return nth > 0 and (self.times is None or nth <= self.times)

    def release(self) -> None:
        """Release everything that waits here."""
        self.released.set()
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()


@dataclass(slots=True)
class Failpoints:
    """The failpoints of one server.

    ``reached`` is called, on any thread, with the name of a failpoint whose action happens and the number of the hit.
    ``crash`` ends the server at once and must not return. ``armed`` says whether any failpoint is armed; look at it
    before calling :meth:`hit` or :meth:`pass_by`.
    """

    reached: Callable[[str, int], None] = lambda name, hits: None
    crash: Callable[[], NoReturn] = kill_this_process
    armed: bool = False
    _armed: dict[str, _Armed] = field(default_factory=dict)

    def arm(self, name: str, action: Action, *, skip: int = 0, times: int | None = None, seconds: float = 0.0) -> None:
        """Arm a failpoint with an action, which replaces its earlier one.

        The action happens after ``skip`` hits, at the next ``times`` hits (None: all). ``seconds`` is the length of a
        delay. Raise ValueError for an unknown failpoint, or an action that it does not support.
        """
        row = FAILPOINTS.get(name)
        if row is None:
            raise ValueError(f"no failpoint is called {name!r}; there are: {', '.join(FAILPOINTS)}")
        if action not in row.actions:
            raise ValueError(f"the failpoint {name} supports only these actions: {', '.join(row.actions)}")
        self.disarm(name)
        self._armed[name] = _Armed(action, skip, times, seconds)
        self.armed = True

    def disarm(self, name: str) -> None:
        """Disarm a failpoint, and release whatever it holds."""
        armed = self._armed.pop(name, None)
        if armed is not None:
            armed.release()
        self.armed = bool(self._armed)

    def disarm_all(self) -> None:
        """Disarm all failpoints, so that the server can stop."""
        for name in list(self._armed):
            self.disarm(name)

    def hits(self) -> dict[str, int]:
        """Return how often each armed failpoint was hit since it was armed."""
        return {name: armed.hits for name, armed in self._armed.items()}

    async def hit(self, name: str) -> None:
        """Hit a failpoint on the event loop. Raise ServiceError ``storage`` if its action is an error."""
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
        """Hit a failpoint on a thread that may block. Raise OSError if its action is an error."""
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
