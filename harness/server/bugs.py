"""The seeded bugs: what the server can be told to do wrongly, so that a check can be shown to fail.

Each is off by default. A row says what it breaks, what must be reported, and which workload and faults bring it to
light. They combine: a server with several has rules that inherit from all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ..failure import UsageFailure
from .misrules import (
    AckBeforeDurable,
    AckWrongRange,
    BodyCorruption,
    CheckThenAppendRace,
    DefiniteErrorButApplied,
    DuplicateOnRetry,
    EmptyTokenMatchesAny,
    FenceAfterBatch,
    FenceAsync,
    FenceNotDurable,
    HeaderDropped,
    LostBatchOnRestart,
    MatchAgainstDurableTail,
    MatchIgnoredUnderLoad,
    MatchOffByOne,
    ReadFromReplica,
    ReadSkipsBatchBoundary,
    Spurious412,
    StaleFenceCache,
    StaleTailCache,
    TimestampRegress,
    TokenPrefixMatch,
    TornBatch,
    WrongMismatchTail,
    WrongMismatchToken,
)
from .rules import Rules, ServiceRules, StorageRules, StreamRules

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bug:
    """A row of the table.

    ``anomaly`` is what a checker must report (others may come with it), ``workload`` what exposes it, ``faults`` what
    must happen besides. ``seam`` is the class of rules that is wrong.
    """

    name: str
    breaks: str
    anomaly: str
    workload: str
    seam: type[StreamRules] | type[ServiceRules] | type[StorageRules]
    faults: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """What the server does, in a sentence."""
        return (self.seam.__doc__ or "").strip()


_TOKEN: Final = "an append whose fencing token is not the current one is refused"
_MATCH: Final = "an append lands where its match_seq_num says, or is refused"
_FRESH: Final = "what was acknowledged before an observation began is seen by it"
_DURABLE: Final = "an acknowledged append survives a crash"

_ROWS: Final = (
    Bug("stale-fence-cache", _TOKEN, "stale-token-write", "fenced", StaleFenceCache),
    Bug("fence-async", _TOKEN, "stale-token-write", "fenced", FenceAsync),
    Bug("fence-after-batch", "the token before a batch counts", "phantom-fence", "fenced", FenceAfterBatch),
    Bug("token-prefix-match", "tokens compare by equality", "stale-token-write", "fenced", TokenPrefixMatch),
    Bug("empty-token-matches-any", "the empty token is a token", "stale-token-write", "fenced", EmptyTokenMatchesAny),
    Bug("fence-not-durable", _DURABLE + ", a fence too", "fence-regression", "fenced", FenceNotDurable, ("kill",)),
    Bug("wrong-mismatch-token", "a refusal names the current token", "phantom-fence", "fenced", WrongMismatchToken),
    Bug(
        "check-then-append-race",
        "conditions are tested against the state that the batch is applied to",
        "match-violation",
        "match-seq-num",
        CheckThenAppendRace,
    ),
    Bug("match-off-by-one", _MATCH, "match-violation", "match-seq-num", MatchOffByOne),
    Bug("match-ignored-under-load", _MATCH, "match-violation", "match-seq-num", MatchIgnoredUnderLoad),
    Bug("match-against-durable-tail", _MATCH, "match-violation", "match-seq-num", MatchAgainstDurableTail),
    Bug("wrong-mismatch-tail", "a refusal names the tail", "wrong-mismatch", "match-seq-num", WrongMismatchTail),
    Bug("spurious-412", "an append whose condition holds is taken", "spurious-rejection", "match-seq-num", Spurious412),
    Bug("stale-tail-cache", _FRESH, "stale-read", "regular", StaleTailCache),
    Bug("read-from-replica", _FRESH, "stale-read", "regular", ReadFromReplica),
    Bug("read-skips-batch-boundary", "a read leaves nothing out", "lost-write", "regular", ReadSkipsBatchBoundary),
    Bug("body-corruption", "records are kept as they were sent", "garbage-read", "regular", BodyCorruption),
    Bug("header-dropped", "records are kept as they were sent", "garbage-read", "regular", HeaderDropped),
    Bug("ack-wrong-range", "an acknowledgement covers the batch", "bad-ack", "regular", AckWrongRange),
    Bug("timestamp-regress", "timestamps never decrease", "nonmonotonic-timestamp", "regular", TimestampRegress),
    Bug("duplicate-on-retry", "a batch is appended once", "duplicate", "regular", DuplicateOnRetry),
    Bug("torn-batch", "a batch is appended atomically", "torn-batch", "regular", TornBatch),
    Bug(
        "definite-error-but-applied",
        "an append refused for certain has no effect",
        "aborted-read",
        "regular",
        DefiniteErrorButApplied,
    ),
    Bug("ack-before-durable", _DURABLE, "lost-write", "regular", AckBeforeDurable, ("kill",)),
    Bug("lost-batch-on-restart", _DURABLE, "lost-write", "regular", LostBatchOnRestart, ("kill",)),
)

BUGS: Final = {row.name: row for row in _ROWS}


def compose(names: Iterable[str]) -> Rules:
    """The rules of a server with these bugs; without any, the correct ones.

    Raises UsageFailure where a name is not in the table.
    """
    seams = []
    for name in dict.fromkeys(names):
        if name not in BUGS:
            raise UsageFailure(f"no seeded bug is called {name!r}; there are: {', '.join(sorted(BUGS))}")
        seams.append(BUGS[name].seam)
    return Rules(_join(StreamRules, seams), _join(ServiceRules, seams), _join(StorageRules, seams))


def _join(base: type[T], seams: Iterable[type[Any]]) -> type[T]:
    wrong = tuple(seam for seam in seams if issubclass(seam, base))
    return type(base.__name__, wrong, {}) if wrong else base
