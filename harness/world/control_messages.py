"""What the harness tells its children while they run, and how that stands in bytes. Without I/O.

Each message is a line of JSON. A command has a number, and is answered by one line with the same number; an event has
none and comes by itself.
"""

from __future__ import annotations

import enum
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from .faulty_disk import DiskFaults

MAX_LINE: Final = 1 << 16


class Action(enum.StrEnum):
    """What can happen at a failpoint."""

    CRASH = "crash"  # the process kills itself (SIGKILL)
    ERROR = "error"  # the step fails
    DELAY = "delay"  # it takes so much longer
    HOLD = "hold"  # it waits until the failpoint is disarmed
    COUNT = "count"  # nothing; hits are counted


class SetClock(msgspec.Struct, frozen=True, tag="set-clock"):
    """Make the clock wrong by ``offset_ms`` from now on, and let it run at ``rate``; without values, right."""

    offset_ms: int = 0
    rate: float = 1.0


class SetDisk(msgspec.Struct, frozen=True, tag="set-disk"):
    """Put these faults of the disk in the place of those before."""

    faults: DiskFaults = msgspec.field(default_factory=DiskFaults)


class Arm(msgspec.Struct, frozen=True, tag="arm"):
    """Let an action happen at a failpoint: after ``skip`` hits, and ``times`` times (None: always)."""

    failpoint: str
    action: Action
    skip: int = 0
    times: int | None = None
    seconds: float = 0.0


class Disarm(msgspec.Struct, frozen=True, tag="disarm"):
    """Let nothing happen there any more; what is held there goes on."""

    failpoint: str


class Count(msgspec.Struct, frozen=True, tag="count"):
    """Ask how often each armed failpoint was reached."""


Command: TypeAlias = SetClock | SetDisk | Arm | Disarm | Count


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A command on its way. ``id`` is its number."""

    id: int
    command: Command


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A command was carried out; ``counts`` answers :class:`Count`."""

    id: int
    counts: dict[str, int] = {}


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """A command could not be carried out, and changed nothing."""

    id: int
    message: str


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """An event: something happened at an armed failpoint, for the so-manieth hit of it. (A crash is not told.)"""

    failpoint: str
    hits: int


FromChild: TypeAlias = Done | Refused | Reached
M = TypeVar("M")


class ControlError(Exception):
    """The channel cannot be used, or carried something that is not of this protocol."""


class Lines(Generic[M]):
    """Turns bytes into messages. ``type`` is what may come."""

    def __init__(self, type: type[M]) -> None:  # noqa: A002
        self._decode = msgspec.json.Decoder(type).decode
        self._rest = b""

    def feed(self, data: bytes) -> list[M]:
        """Return the messages that are complete now. Raises ControlError for what is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise ControlError(f"a line on the control channel is longer than {MAX_LINE} bytes")
        try:
            return [self._decode(line) for line in lines]
        except msgspec.MsgspecError as error:
            raise ControlError(f"the control channel carried no message of this protocol: {error}") from error


_encoder: Final = msgspec.json.Encoder()


def line(message: Ask | FromChild) -> bytes:
    """Return a message as it stands on the channel."""
    return _encoder.encode(message) + b"\n"
