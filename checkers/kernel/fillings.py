"""How holes between certain appends can have been filled, and so which tails and tokens there can have been.

A *state* is a tail, a token, a chained hash, and the appends of unknown outcome that were used so far. Within a hole a
state leads to those after any unused append that fits there: what was read agrees with its records, it had been invoked
in time, its conditions held. Between holes, certain appends and whole reads say which states go on. Those that do not
lead to the last certain tail are dropped. Where there would be too many states, a hole becomes a *wildcard*: any tail
in it that sizes allow, any token that may have been set there, any hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fencepost.harness.history.chain_hash import signed_link
from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .answers import reads
from .columns import Requirements, spans
from .contradiction import contradict
from .facts import Bounds, Facts

MOST_CANDIDATES: Final = 10
MOST_STATES: Final = 600
MOST_HASHED: Final = 100_000
"""Of more candidates or states, a hole becomes a wildcard."""


@dataclass(slots=True, eq=False)
class Filling:
    """A state that there may have been; ``chained`` and ``used`` are None where anything is possible.

    ``time`` is when the last append of unknown outcome that led here had been invoked, at the earliest. ``trim`` is the
    highest position to which one of them may have trimmed.
    """

    tail: int
    token: int
    chained: int | None
    used: frozenset[int] | None
    time: int = 0
    trim: int = 0
    before: list[Filling] = field(default_factory=list)
    alive: bool = False


@dataclass(frozen=True, slots=True)
class Fillings:
    """The states that there may have been, by tail (``at``, ascending; a later entry for the same tail replaces it).

    ``wild`` holds the tails ``(first, last)`` of the open end, where any is possible. ``placed`` maps appends of
    unknown outcome that were certainly applied to where.
    """

    at: list[int]
    states: list[list[Filling]]
    wild: tuple[int, int] | None
    placed: dict[int, int] = field(default_factory=dict)

    def drop_dead(self, needed: int) -> dict[int, int]:
        """Drop the states from which a tail of at least ``needed`` cannot be reached.

        Returns the appends that are used in all that are left, at one place, and that place.
        """
        waiting = [state for at, layer in zip(self.at, self.states, strict=True) if at >= needed for state in layer]
        used = [state.used for state in waiting]
        while waiting:
            state = waiting.pop()
            if not state.alive:
                state.alive = True
                waiting += state.before
        for layer in self.states:
            layer[:] = [state for state in layer if state.alive]
        starts: dict[int, set[int]] = {}
        for layer in self.states:
            for state in layer:
                for before in state.before:
                    for m in (state.used or frozenset()) - (before.used or frozenset()):
                        starts.setdefault(m, set()).add(before.tail)
        return {
            m: min(tails)
            for m, tails in starts.items()
            if len(tails) == 1 and all(one is not None and m in one for one in used)
        }


def fillings(
    asked: Requirements, facts: Facts, limits: Bounds, tokens: Iterable[int], chained: dict[int, int]
) -> Fillings:
    """All fillings, if the first token is one of ``tokens``. Raises Contradicted if there is none.

    ``chained`` are the hashes that are certain, at tails from which a hole begins.
    """
    filler = _Filler(asked, facts, limits, chained)
    filler.run([Filling(asked.tail, token, chained.get(asked.tail), frozenset()) for token in tokens])
    made = Fillings(filler.at, filler.states, filler.wild)
    made.placed.update(made.drop_dead(facts.top if filler.reached is None else filler.reached))
    return made


class _Filler:
    def __init__(self, asked: Requirements, facts: Facts, limits: Bounds, chained: dict[int, int]) -> None:
        self.asked, self.facts, self.limits, self.chained = asked, facts, limits, chained
        columns = self.columns = asked.asked
        self.sizes = columns.high - columns.low
        self.chain = facts.chain
        self.starts = facts.place[facts.chain]
        self.ends = self.starts + self.sizes[facts.chain]
        self.fencing = np.flatnonzero(columns.fence[facts.chain] != NONE)
        self.demanding = np.flatnonzero(columns.token[facts.chain] != NONE)
        self.refused = _by_tail(asked, (columns.ask == spec.MATCH_REFUSED) & (columns.token != NONE))
        self.wholes = _by_tail(asked, columns.ask == spec.WHOLE)
        one, other, needed = asked.ahead.T
        mine = (needed > 0) & ~facts.certain[one] & (columns.ask[one] == spec.APPEND)
        self.needs: dict[int, list[int]] = {}
        for a, b in zip(one[mine].tolist(), other[mine].tolist(), strict=True):
            self.needs.setdefault(b, []).append(a)
        self.needing = np.flatnonzero(np.isin(facts.chain, list(self.needs))) if self.needs else self.fencing[:0]
        self.trims = np.zeros(len(columns.row), dtype=np.int64)
        trims = columns.trim_high[facts.free] - columns.trim_low[facts.free]
        to = asked.records.trim_to[spans(columns.trim_low[facts.free], trims)]
        np.maximum.at(self.trims, np.repeat(facts.free, trims), to)
        self.at: list[int] = []
        self.states: list[list[Filling]] = []
        self.wild: tuple[int, int] | None = None
        self.reached: int | None = None

    def run(self, states: list[Filling]) -> None:
        """From the first tail to the open end."""
        tail = self.asked.tail
        for low, high in self.facts.holes(self.asked):
            states = self._stretch(states, tail, low)
            states = self._hole(states, low, high)
            tail = high
        states = self._stretch(states, tail, self.facts.top)
        self._open_end(states, self.facts.top)

    def _checkpoint(self, tail: int, states: list[Filling]) -> None:
        self.at.append(tail)
        self.states.append(states)

    # -- between holes

    def _stretch(self, states: list[Filling], low: int, high: int) -> list[Filling]:
        """From one tail to a later one, over certain appends."""
        self._checkpoint(low, states)
        k, end = int(np.searchsorted(self.starts, low)), int(np.searchsorted(self.ends, high, side="right"))
        fence = _first(self.fencing, k, end)
        demand = _first(self.demanding, k, end if fence == NONE else fence + 1)
        turn = high if fence == NONE else int(self.starts[fence])
        checks: list[tuple[int, int]] = [] if demand == NONE else [(int(self.starts[demand]), int(self.chain[demand]))]
        for moments, last in ((self.refused, turn), (self.wholes, high)):
            m = _first_at(moments, self.columns.at, low, last)
            checks += [] if m == NONE else [(int(self.columns.at[m]), m)]
        needing = self.needing[(self.needing >= k) & (self.needing < end)]
        checks += [(int(self.starts[i]), int(self.chain[i])) for i in needing.tolist()]
        before = states
        for _, m in sorted(checks):
            states = self._checked(states, m, before)
        if end > k or high in self.chained:
            fences = self.fencing[: np.searchsorted(self.fencing, end)]
            token = int(self.columns.fence[self.chain[fences[-1]]]) if fence != NONE else NONE
            states = _merged(
                [
                    Filling(
                        high,
                        state.token if token == NONE else token,
                        self.chained[high] if high in self.chained else self._hash_at(state, high),
                        state.used,
                        state.time,
                        state.trim,
                        [state],
                    )
                    for state in states
                ]
            )
        self._checkpoint(high, states)
        return states

    def _checked(self, states: list[Filling], m: int, all_: list[Filling]) -> list[Filling]:
        """The states that a certain moment allows."""
        columns, ask, token = self.columns, self.columns.ask[m], int(self.columns.token[m])
        needs = self.needs.get(m, []) if ask == spec.APPEND else []
        if ask == spec.WHOLE:
            kept = [s for s in states if self._hash_at(s, int(columns.at[m])) in (None, int(columns.hash[m]))]
            rule, why, others = "hash", spec.REASONS[spec.OTHER_HASH], self.wholes[:0].tolist()
        elif token != NONE and not any(state.token == token for state in states):
            kept, rule, others = [], "token", self._setters(int(max(state.tail for state in all_)))
            why = spec.REASONS[spec.TOKEN if ask == spec.APPEND else spec.TOKEN_FIRST]
        else:
            kept = [s for s in states if token in (NONE, s.token) and (s.used is None or s.used.issuperset(needs))]
            rule, others = "session", needs
            why = "was applied, although the batch before it in its session cannot have been"
        if not kept:
            contradict(self.asked, rule, [m, *others], why)
        return kept

    def _hash_at(self, state: Filling, tail: int) -> int | None:
        """The hash at a later tail, with certain appends between."""
        chained, base, records = state.chained, self.asked.tail, self.asked.records
        if chained is None or tail - state.tail > MOST_HASHED:
            return None
        for content in self.facts.content[state.tail - base : tail - base].tolist():
            chained = signed_link(chained, int(records.sent[content]))
        return chained

    def _setters(self, tail: int) -> list[int]:
        """Who set the token that is in force at a tail."""
        known = self.fencing[self.ends[self.fencing] <= tail]
        return [int(m) for m in self.chain[known[-1:]]]

    # -- holes

    def _hole(self, states: list[Filling], low: int, high: int) -> list[Filling]:
        candidates = self._candidates(low, high)
        layers = self._through(states, candidates, low, high)
        if layers is None:
            return self._wildcard(states, candidates, low, high)
        if high not in layers:
            self._cannot(low, high)
        for tail in sorted(layers):
            if low < tail < high:
                self._checkpoint(tail, layers[tail])
        return layers[high]

    def _candidates(self, low: int, high: int) -> Int64s:
        columns, free, limits = self.columns, self.facts.free, self.limits
        n = self.sizes[free]
        mine = (n > 0) & (np.maximum(limits.first[free], low) + n <= np.minimum(limits.last[free], high))
        mine &= (columns.match[free] == NONE) | ((columns.match[free] >= low) & (columns.match[free] + n <= high))
        mine &= columns.invoked[free] <= limits.deadline(high)
        return np.asarray(free[mine], dtype=np.int64)

    def _through(
        self, states: list[Filling], candidates: Int64s, low: int, high: int
    ) -> dict[int, list[Filling]] | None:
        """All states in a hole, by tail; None if there are too many."""
        if len(candidates) > MOST_CANDIDATES or (len(candidates) > 3 and any(state.used is None for state in states)):
            return None
        layers: dict[int, list[Filling]] = {low: states}
        found, waiting = 0, {low}
        while waiting:
            tail = min(waiting)
            waiting.remove(tail)
            layers[tail] = _merged(layers[tail])
            for state in layers[tail]:
                for m in candidates.tolist():
                    end = tail + int(self.sizes[m])
                    after = self._after(state, m, tail, end) if end <= high else None
                    if after is not None:
                        layers.setdefault(end, []).append(after)
                        waiting.add(end)
                        found += 1
            if found > MOST_STATES:
                return None
        return layers

    def _after(self, state: Filling, m: int, tail: int, end: int) -> Filling | None:
        """The state after one more append of unknown outcome, if it can have been applied there."""
        columns, records, limits, low = self.columns, self.asked.records, self.limits, int(self.columns.low[m])
        if state.used is not None and (m in state.used or not state.used.issuperset(self.needs.get(m, []))):
            return None
        if columns.match[m] not in (NONE, tail) or columns.token[m] not in (NONE, state.token):
            return None
        time = max(state.time, int(columns.invoked[m]))
        if tail < limits.first[m] or end > limits.last[m] or time > limits.deadline(end):
            return None
        seen = self.facts.seen[tail - self.asked.tail : end - self.asked.tail]
        there = np.flatnonzero(seen != NONE)
        if (records.sent[low + there] != records.digest[seen[there]]).any():
            return None
        fence, chained = int(columns.fence[m]), state.chained
        if chained is not None:
            for digest in records.sent[low : columns.high[m]].tolist():
                chained = signed_link(chained, digest)
        return Filling(
            end,
            state.token if fence == NONE else fence,
            chained,
            None if state.used is None else state.used | {m},
            time,
            max(state.trim, self._trim(m, tail)),
            [state],
        )

    def _trim(self, m: int, tail: int) -> int:
        """The highest trim point that an append sets at a tail."""
        mine = slice(int(self.columns.trim_low[m]), int(self.columns.trim_high[m]))
        to, index = self.asked.records.trim_to[mine], self.asked.records.trim_index[mine]
        return int(np.minimum(to, tail + index + 1).max(initial=0))

    def _wildcard(self, states: list[Filling], candidates: Int64s, low: int, high: int) -> list[Filling]:
        sums, most = 1, (1 << (high - low + 1)) - 1
        sizes, copies = np.unique(self.sizes[candidates], return_counts=True)
        for size, number in zip(sizes.tolist(), copies.tolist(), strict=True):
            for _ in range(min(number, (high - low) // size)):
                sums = (sums | sums << size) & most
        if not sums >> (high - low) & 1:
            self._cannot(low, high)
        possible = self._any(states, candidates)
        inside = [tail for tail in range(low + 1, high) if sums >> (tail - low) & 1]
        if not inside:
            return possible(high, states)
        between = possible(low, states)
        for tail in inside:
            self._checkpoint(tail, between)
        return possible(high, [*states, *between])

    def _any(self, states: list[Filling], candidates: Int64s) -> Callable[[int, list[Filling]], list[Filling]]:
        """Whatever may be at a tail, once any of the candidates may have been applied."""
        columns = self.columns
        earliest = min(state.time for state in states)
        trim = max([*(state.trim for state in states), int(self.trims[candidates].max(initial=0))])
        tokens = {state.token: earliest for state in states}
        setting = candidates[columns.fence[candidates] != NONE]
        times = np.maximum(columns.invoked[setting], earliest)
        for fence, time in zip(columns.fence[setting].tolist(), times.tolist(), strict=True):
            tokens[fence] = min(tokens.get(fence, FOREVER), time)

        def possible(tail: int, before: list[Filling]) -> list[Filling]:
            join = Filling(tail, NONE, None, None, before=before)  # many lead to many
            return [Filling(tail, token, None, None, time, trim, [join]) for token, time in tokens.items()]

        return possible

    def _cannot(self, low: int, high: int) -> None:
        columns = self.columns
        k = int(np.searchsorted(self.starts, high))
        after = self.chain[k : k + 1].tolist() if k < len(self.starts) and self.starts[k] == high else []
        told = np.where(columns.ask == spec.PART, columns.told, np.where(columns.ask == spec.APPEND, NONE, columns.at))
        told = np.where(columns.ask == spec.APPEND, np.where(columns.at != NONE, columns.told, NONE), told)
        after += np.flatnonzero(told == high)[:1].tolist()
        before = self.chain[self.ends == low].tolist() + np.flatnonzero(told == low)[:1].tolist()
        why = f"shows {high} as a tail, but nothing of unknown outcome can fill [{low}, {high})"
        contradict(self.asked, "hole", [*after[:1], *before[:1]], why, low)

    def _open_end(self, states: list[Filling], low: int) -> None:
        """Past the last certain tail, appends were applied or not. What was seen there was there."""
        seen = np.flatnonzero(self.facts.seen[low - self.asked.tail :] != NONE)
        needed = low + int(seen[-1]) + 1 if len(seen) else low
        high = low + int(self.sizes[self.facts.free].sum())
        candidates = self._candidates(low, high)
        layers = self._through(states, candidates, low, high)
        if layers is None:
            self.wild = low + 1, low + int(self.sizes[candidates].sum())
            self._checkpoint(low + 1, self._any(states, candidates)(low + 1, states))
            return
        self.reached = needed
        for tail in sorted(layers):
            if tail > low:
                self._checkpoint(tail, layers[tail])
        if max(layers) < needed:
            record = int(self.facts.seen[needed - 1 - self.asked.tail])
            holds = (self.columns.low <= record) & (self.columns.high > record)
            reader = np.flatnonzero(reads(self.asked) & holds)
            why = f"returned a record at {needed - 1} that no append can have put there"
            contradict(self.asked, "hole", reader.tolist(), why, needed - 1)


def _by_tail(asked: Requirements, mask: np.ndarray) -> Int64s:
    moments = np.flatnonzero(mask)
    return moments[np.argsort(asked.asked.at[moments], kind="stable")]


def _first(indices: Int64s, low: int, high: int) -> int:
    """The first of ascending indices within ``[low, high)``; NONE if there is none."""
    at = int(np.searchsorted(indices, low))
    return int(indices[at]) if at < len(indices) and indices[at] < high else NONE


def _first_at(moments: Int64s, tails: Int64s, low: int, high: int) -> int:
    """The first of moments, by their tail, within ``[low, high]``; NONE if there is none."""
    at = int(np.searchsorted(tails[moments], low))
    return int(moments[at]) if at < len(moments) and tails[moments[at]] <= high else NONE


def _merged(states: list[Filling]) -> list[Filling]:
    """Of states that differ in nothing that matters later, one, with all that lead to it."""
    found: dict[tuple[int, int | None, frozenset[int] | None], Filling] = {}
    for state in states:
        one = found.setdefault((state.token, state.chained, state.used), state)
        if one is not state:
            one.before = one.before + state.before
            one.time, one.trim = min(one.time, state.time), max(one.trim, state.trim)
    return list(found.values())
