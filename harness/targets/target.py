"""The seam between a run and what it tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..client.protocol import StreamClient
from ..history.events import StreamState


class TargetFailure(Exception):
    """The target could not be set up, reached, or brought back; the text says what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What a target is told about the run.

    ``folder`` is the run's folder, for logs and data. ``run_id`` is unique among runs and fit for stream names.
    ``timeout`` is seconds an operation. ``token_env`` names the environment variable that holds the bearer
    token; the token itself is never stored. ``keep`` leaves the streams (or the server's data) in place.
    """

    folder: Path
    run_id: str
    streams: int = 1
    timeout: float = 5.0
    url: str | None = None
    basin: str | None = None
    token_env: str | None = None
    ca_bundle: str | None = None
    proxy: str | None = None
    bugs: tuple[str, ...] = ()
    keep: bool = False


class Target(Protocol):
    """What can be tested. Registered under ``fencepost.targets``; the entry point takes a TargetOptions."""

    gentle_rate: float | None
    """Operations a second that a run keeps to unless it is told otherwise; None is as fast as possible."""

    async def set_up(self) -> list[StreamState]:
        """Make the streams of this run, and tell their state. Raises TargetFailure."""
        ...

    def connect(self) -> StreamClient:
        """A client for one process identity."""
        ...

    def describe(self) -> dict[str, Any]:
        """What it is, for the history's header. Holds no secret."""
        ...

    async def tear_down(self) -> None:
        """Remove what :meth:`set_up` made. Called exactly once, however the run ended. Raises TargetFailure."""
        ...


@runtime_checkable
class Killable(Protocol):
    """A target whose server is ours to kill and to bring back."""

    async def kill(self) -> None:
        """Kill it so that it cannot clean up (SIGKILL), and wait until it is gone."""
        ...

    async def restart(self) -> None:
        """Start it again on what it left behind; returns when it serves. Raises TargetFailure."""
        ...
