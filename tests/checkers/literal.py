"""The search without shortcuts: every order of moments, each first token and timestamp, by the specification alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from fencepost.checkers.kernel import log as logs
from fencepost.checkers.kernel import spec
from fencepost.checkers.kernel.accept import polls
from fencepost.checkers.kernel.columns import Requirements, listed
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.harness.history.history import NONE, Int64s


def has_order(asked: Requirements, rows: Int64s) -> bool:
    """Whether an order explains every answer of a small stream."""
    try:
        polls(asked)
    except Refuted:
        return False
    return any(_Orders(asked, log, state).any() for log, state in _beginnings(asked, rows))


def _beginnings(asked: Requirements, rows: Int64s) -> Iterator[tuple[spec.Log, list[int]]]:
    history, sent = asked.history, len(asked.records.sent)
    declared = history.header.streams[asked.stream].fencing_token
    tokens = [logs.number(history, declared)] if declared is not None else [*range(len(history.tokens)), logs.ANOTHER]
    times = sorted({time for time in asked.asked.since.tolist() if time != NONE})
    for token in tokens:
        for cuts in product(range(asked.tail + sent + 1), repeat=len(times)):
            latest = [(cut - 1, time - 1) for cut, time in zip(cuts, times, strict=True) if cut]
            try:
                log, state = logs.begin(asked, rows, sent, token, latest)
            except Refuted:
                continue
            yield listed(log), state.tolist()


class _Orders:
    def __init__(self, asked: Requirements, log: spec.Log, state: list[int]) -> None:
        self._asked, self._records = listed(asked.asked), listed(asked.records)
        self._log, self._state = log, state
        self._ahead = asked.ahead.tolist()
        self._seen: set[object] = set()

    def any(self) -> bool:
        return self._from(frozenset(), self._log, self._state)

    def _from(self, placed: frozenset[int], log: spec.Log, state: list[int]) -> bool:
        if all(m in placed or self._asked.optional[m] for m in range(len(self._asked.row))):
            return True
        situation = placed, tuple(map(tuple, log)), tuple(state)
        if situation in self._seen:
            return False
        self._seen.add(situation)
        for m in range(len(self._asked.row)):
            if m in placed or not self._is_due(m, placed):
                continue
            after, then = spec.Log(*(column[:] for column in log)), state[:]
            right = spec.step(self._asked, self._records, after, then, m, True) == spec.RIGHT
            if right and self._from(placed | {m}, after, then):
                return True
        return False

    def _is_due(self, m: int, placed: frozenset[int]) -> bool:
        asked = self._asked
        for other in range(len(asked.row)):
            if other not in placed and not asked.optional[other] and asked.returned[other] < asked.invoked[m]:
                return False
        for one, other, needed in self._ahead:
            if (other == m and one not in placed and (needed or not asked.optional[one])) or (
                one == m and other in placed
            ):
                return False
        return True
