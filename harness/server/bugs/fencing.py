"""Bugs in fencing tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...s2 import Append, Fence, command_of
from ..rules import StreamRules
from .registry import bug

if TYPE_CHECKING:
    from ..stream import Stream

TOKEN: Final = "an append whose fencing token is not the current one is refused"


@bug("stale-fence-cache", breaks=TOKEN, anomaly="stale-token-write", workload="fenced", clause="A4")
class StaleFenceCache(StreamRules):
    """Eight front ends take turns. Each caches the token, and refreshes it after 2 s or when an append disagrees."""

    FRONT_ENDS: Final = 8
    LIFETIME: Final = 2000  # ms

    def __init__(self) -> None:
        super().__init__()
        self.__cached = [("", -self.LIFETIME - 1)] * self.FRONT_ENDS
        self.__turn = 0

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        self.__turn = (self.__turn + 1) % self.FRONT_ENDS
        token, since = self.__cached[self.__turn]
        if token != batch.fencing_token or not 0 <= now - since <= self.LIFETIME:
            token = super().token_in_force(stream, batch, now)
            self.__cached[self.__turn] = (token, now)
        return token


@bug("fence-async", breaks=TOKEN, anomaly="stale-token-write", workload="fenced", clause="A4")
class FenceAsync(StreamRules):
    """A fence is acknowledged at once, but enforced only by a sweep that runs every 200 ms."""

    PERIOD: Final = 200  # ms

    def __init__(self) -> None:
        super().__init__()
        self.__enforced: tuple[str, int] | None = None

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        if self.__enforced is None or not 0 <= now - self.__enforced[1] <= self.PERIOD:
            self.__enforced = (super().token_in_force(stream, batch, now), now)
        return self.__enforced[0]


@bug(
    "fence-after-batch",
    breaks="the token before a batch counts",
    anomaly="phantom-fence",
    workload="fenced",
    clause="A6",
)
class FenceAfterBatch(StreamRules):
    """A batch is tested against the token that its own fence sets."""

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        token = super().token_in_force(stream, batch, now)
        for record in batch.records:
            if isinstance(command := command_of(record), Fence):
                token = command.token
        return token


@bug(
    "token-prefix-match",
    breaks="tokens compare by equality",
    anomaly="stale-token-write",
    workload="fenced",
    clause="C2",
)
class TokenPrefixMatch(StreamRules):
    """A token passes when the current one begins with it."""

    def token_matches(self, given: str, current: str) -> bool:
        return super().token_matches(given, current) or current.startswith(given)


@bug(
    "empty-token-matches-any",
    breaks="the empty token is a token",
    anomaly="stale-token-write",
    workload="fenced",
    clause="A4",
)
class EmptyTokenMatchesAny(StreamRules):
    """An append with the empty token is treated as one without a token."""

    def token_matches(self, given: str, current: str) -> bool:
        return super().token_matches(given, current) or given == ""


@bug(
    "wrong-mismatch-token",
    breaks="a refusal names the current token",
    anomaly="phantom-fence",
    workload="fenced",
    clause="A5",
)
class WrongMismatchToken(StreamRules):
    """The last character of the token that a refusal names is wrong."""

    def token_reported(self, current: str) -> str:
        return super().token_reported(current)[:-1] + "~"
