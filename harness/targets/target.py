"""The seam between a run and what it tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..client.http import http_client
from ..client.options import ClientFactory
from ..client.protocol import StreamClient
from ..history.events import StreamState
from ..world.control import ControlClient
from ..world.world import World
from .options import Option


class TargetFailure(Exception):
    """The target could not be set up, reached or restarted. The text says what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What a target knows about the run, and the values of its own options.

    ``folder`` is the run's folder, for logs and data. ``run_id`` is unique among runs and valid in stream names.
    ``timeout`` is seconds per operation. ``keep`` leaves the streams (or the server's data) in place. ``own`` has the
    value of each row of the target's ``options``: the given value, or the default. ``world`` provides time, randomness,
    connections and processes. ``client`` makes clients of the kind that ``--client`` names.
    """

    folder: Path
    run_id: str
    world: World
    streams: int = 1
    timeout: float = 5.0
    keep: bool = False
    own: Mapping[str, Any] = field(default_factory=dict)
    client: ClientFactory = http_client


class Target(Protocol):
    """A service to test. Its entry point under ``fencepost.targets`` names a class that takes a TargetOptions.

    The class may also have a ``summary``, one line for ``fencepost targets``, and ``options``, a tuple of
    :class:`~.options.Option` rows.
    """

    gentle_rate: float | None
    """Operations per second of a run without ``--rate``; None means as fast as possible."""

    async def set_up(self) -> list[StreamState]:
        """Make the streams of this run and return their states. Raise TargetFailure if that fails."""
        ...

    def connect(self) -> StreamClient:
        """Return a client for one process."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return a description for the history's header, without secrets."""
        ...

    async def tear_down(self) -> None:
        """Remove what :meth:`set_up` made. Called exactly once, however the run ended.

        Raise TargetFailure if something may be left.
        """
        ...


@runtime_checkable
class Killable(Protocol):
    """A target whose server process the run may kill and restart."""

    async def kill(self) -> None:
        """Kill the server with SIGKILL, so that it cannot clean up, and return once it is gone."""
        ...

    async def restart(self) -> None:
        """Start the server again on the data that it left, and return once it serves.

        Raise TargetFailure if it does not come up.
        """
        ...


@runtime_checkable
class Controllable(Protocol):
    """A target whose server takes commands that make its clock, its disk or its failpoints go wrong."""

    def control(self) -> ControlClient:
        """Return the channel to the running server. A restarted server has another one.

        Raise TargetFailure if the server does not run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """What may vanish during a run without anybody in its history having asked for it; see the history's header."""

    retention_ms: int | None = None
    others_may_delete: bool = False


@runtime_checkable
class Mortal(Protocol):
    """A target whose records or streams may vanish by themselves during a run."""

    def lifetimes(self) -> Lifetimes:
        """Return what may vanish. Called after :meth:`Target.set_up`."""
        ...


def options_of(target: Callable[..., Target]) -> Sequence[Option]:
    """Return the option rows that a registered target declares, if any."""
    rows: Sequence[Option] = getattr(target, "options", ())
    return rows


def summary_of(target: Callable[..., Target]) -> str:
    """Return the one-line summary of a registered target."""
    return str(getattr(target, "summary", ""))
