"""What a run can be told."""

from __future__ import annotations

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

    ``time_limit`` and ``timeout`` are seconds, ``rate`` operations a second over all clients; None is no limit.
    ``formats`` are the picture formats, none for no pictures; ``budget`` is what a search may cost. Raises UsageFailure
    for values that make no sense.
    """

    workload: str
    seed: int
    results: Path = Path("results")
    clients: int = 10
    time_limit: float | None = DEFAULT_TIME_LIMIT
    operations: int | None = None
    rate: float | None = None
    streams: int = 1
    faults: tuple[str, ...] = ()
    bugs: tuple[str, ...] = ()
    target: str = "reference"
    url: str | None = None
    basin: str | None = None
    token_env: str | None = None
    timeout: float = 5.0
    ca_bundle: str | None = None
    proxy: str | None = None
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
        """The options as they are stored: all but where the results go, and no proxy (it may hold a password)."""
        shown = {name: getattr(self, name) for name in self.__slots__ if name not in ("results", "proxy")}
        return shown | {"proxy": self.proxy is not None, "budget": asdict(self.budget)}
