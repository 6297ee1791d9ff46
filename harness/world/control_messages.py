"""The messages between the harness and its running children, and their encoding. Does no I/O.

Each message is one line of JSON. A command has a number, and its answer is one line with the same number. An event has
no number: the child sends it unasked.
"""

from __future__ import annotations

import enum
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from .faulty_disk import DiskFaults

MAX_LINE: Final = 1 << 16


class Action(enum.StrEnum):
    """What an armed failpoint does when it is hit."""

    CRASH = "crash"  # the process kills itself (SIGKILL)
    ERROR = "error"  # the step fails
    DELAY = "delay"  # the step takes longer, by a given time
    HOLD = "hold"  # the step waits until the failpoint is disarmed
    COUNT = "count"  # nothing but count the hit


class SetClock(msgspec.Struct, frozen=True, tag="set-clock"):
    """Shift the clock by ``offset_ms`` and run it at ``rate`` from now on. The defaults make it correct again."""

    offset_ms: int = 0
    rate: float = 1.0


class SetDisk(msgspec.Struct, frozen=True, tag="set-disk"):
    """Replace all faults of the disk by these."""

    faults: DiskFaults = msgspec.field(default_factory=DiskFaults)


class Arm(msgspec.Struct, frozen=True, tag="arm"):
    """Make an action happen at a failpoint: after ``skip`` hits, then at the next ``times`` hits (None: all)."""

    failpoint: str
    action: Action
    skip: int = 0
    times: int | None = None
    seconds: float = 0.0


class Disarm(msgspec.Struct, frozen=True, tag="disarm"):
    """Make nothing happen at the failpoint any more, and release whatever it holds."""

    failpoint: str


class Count(msgspec.Struct, frozen=True, tag="count"):
    """Ask how often each armed failpoint was hit."""


Command: TypeAlias = SetClock | SetDisk | Arm | Disarm | Count


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A command with its number, ``id``."""

    id: int
    command: Command


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The answer to a command that was carried out. ``counts`` is the answer to :class:`Count`."""

    id: int
    counts: dict[str, int] = {}


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The answer to a command that could not be carried out, and changed nothing."""

    id: int
    message: str


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """An event: the action of an armed failpoint happened, at its hit number ``hits``. A crash sends no event."""

    failpoint: str
    hits: int


FromChild: TypeAlias = Done | Refused | Reached
M = TypeVar("M")


class ControlError(Exception):
    """The channel cannot be used, or it carried something that this protocol does not know."""


class Lines(Generic[M]):
    """A decoder from bytes to messages of one ``type``, which may be a union."""

    def __init__(self, type: type[M]) -> None:  # noqa: A002
        self._decode = msgspec.json.Decoder(type).decode
        self._rest = b""

    def feed(self, data: bytes) -> list[M]:
        """Return the messages that ``data`` completes. Raise ControlError for a line that is not a message."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise ControlError(f"a line on the control channel is longer than {MAX_LINE} bytes")
        try:
            return [self._decode(line) for line in lines]
        except msgspec.MsgspecError as error:
            raise ControlError(f"the control channel carried a line that is not a message: {error}") from error


_encoder: Final = msgspec.json.Encoder()


def line(message: Ask | FromChild) -> bytes:
    """Return a message encoded as one line of the channel."""
    return _encoder.encode(message) + b"\n"
