"""The options of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from .check_limits import Budget
from .failure import UsageFailure

DEFAULT_TIME_LIMIT: Final = 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of one run.

    ``time_limit`` and ``timeout`` are in seconds. ``rate`` is in operations per second over all clients. None means no
    limit. ``target`` names a registered target, and ``target_options`` are values for the options that this target
    declares (see ``fencepost targets``). ``client`` names a registered client. ``formats`` are the picture formats; if
    it is empty, no pictures are drawn. ``budget`` limits each search. Raise UsageFailure for values out of range.
    """

    workload: str
    seed: int
    results: str | os.PathLike[str] = Path("results")
    clients: int = 10
    time_limit: float | None = DEFAULT_TIME_LIMIT
    operations: int | None = None
    rate: float | None = None
    streams: int = 1
    faults: tuple[str, ...] = ()
    target: str = "reference"
    target_options: Mapping[str, Any] = field(default_factory=dict)
    client: str = "httpx"
    timeout: float = 5.0
    keep: bool = False
    formats: tuple[str, ...] = ("png",)
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        for name in ("clients", "streams"):
            if not 1 <= getattr(self, name) <= 1000:
                raise UsageFailure(f"--{name} {getattr(self, name)}: must be from 1 to 1000")
        for name in ("time_limit", "operations", "rate", "timeout"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e9:
                raise UsageFailure(f"--{name.replace('_', '-')} {value}: must be greater than 0")
        if not 0 <= self.seed < 2**63:
            raise UsageFailure(f"--seed {self.seed}: must be from 0 to 2^63 - 1")

    def public(self) -> dict[str, Any]:
        """Return the options that may be stored: all but the results folder and the target's own options.

        The target's options may be secret, so :func:`.targets.options.without_secrets` handles those.
        """
        shown = {name: getattr(self, name) for name in self.__slots__ if name not in ("results", "target_options")}
        return shown | {"budget": asdict(self.budget)}
