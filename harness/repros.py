"""Known bugs, each with a run that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Repro:
    """A bug as a story: what happens, and the run and anomaly that show it."""

    name: str
    story: str
    workload: str
    bug: str
    anomaly: str
    faults: tuple[str, ...] = ()
    time_limit: float = 2.0


_ROWS: Final = (
    Repro(
        "stale-writer",
        "A new owner takes the stream over by setting a fencing token. The server keeps the token in a cache that "
        "lags behind, so for a moment it still believes the old owner, and a stale writer gets a record in.",
        "fenced",
        "stale-fence-cache",
        "stale-token-write",
    ),
    Repro(
        "lost-update",
        "Two writers have read the same tail, and both append on the condition that the stream is still there. The "
        "server tests the condition before it takes its lock, so both are let in.",
        "match-seq-num",
        "check-then-append-race",
        "match-violation",
    ),
    Repro(
        "lost-write",
        "A writer is told that its append is durable. The server said so before it handed the records to the file, "
        "then it is killed; after the restart they are gone.",
        "regular",
        "ack-before-durable",
        "lost-write",
        faults=("kill",),
        time_limit=5.0,
    ),
    Repro(
        "stale-tail",
        "A writer's append is acknowledged; whoever asks for the tail after that is answered from a cache that has "
        "not heard of it.",
        "regular",
        "stale-tail-cache",
        "stale-read",
    ),
)

REPROS: Final = {row.name: row for row in _ROWS}
