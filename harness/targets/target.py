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
    """The target could not be set up, reached, or brought back; the text says what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What a target learns about the run, and the values of its own options.

    ``folder`` is the run's folder, for logs and data. ``run_id`` is unique among runs and fit for stream names.
    ``timeout`` is seconds per operation. ``keep`` leaves the streams (or the server's data) in place. ``own`` has a
    value for each row of the target's ``options``: the one given, or the default. ``world`` is where time, randomness,
    connections and processes come from. ``client`` makes the clients: the one that ``--client`` names.
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
    """A service to test. Registered under ``fencepost.targets``; the entry point names a class that takes a
    TargetOptions.

    The class may also have a ``summary`` (one line for ``fencepost targets``) and ``options`` (a tuple of
    :class:`~.options.Option` rows): see :func:`options_of`.
    """

    gentle_rate: float | None
    """Operations per second of a run without ``--rate``; None is as fast as possible."""

    async def set_up(self) -> list[StreamState]:
        """Make the streams of this run; return their state. Raises TargetFailure."""
        ...

    def connect(self) -> StreamClient:
        """A client for one process identity."""
        ...

    def describe(self) -> dict[str, Any]:
        """Describe it for the history's header, without secrets."""
        ...

    async def tear_down(self) -> None:
        """Remove what :meth:`set_up` made. Called exactly once, however the run ended. Raises TargetFailure."""
        ...


@runtime_checkable
class Killable(Protocol):
    """A target whose server process belongs to the run, which may kill and restart it."""

    async def kill(self) -> None:
        """Kill the server so that it cannot clean up (SIGKILL), and wait until it is gone."""
        ...

    async def restart(self) -> None:
        """Start the server again on the data it left behind; return when it serves. Raises TargetFailure."""
        ...


@runtime_checkable
class Controllable(Protocol):
    """A target whose server takes commands: its clock, its disk and its failpoints can be made to go wrong."""

    def control(self) -> ControlClient:
        """Return the channel to the running server. A restarted server has another. Raises TargetFailure."""
        ...


def options_of(target: Callable[..., Target]) -> Sequence[Option]:
    """Return the option rows that a registered target declares, none if it declares none."""
    rows: Sequence[Option] = getattr(target, "options", ())
    return rows


def summary_of(target: Callable[..., Target]) -> str:
    """Return the line that says what a registered target is."""
    return str(getattr(target, "summary", ""))
