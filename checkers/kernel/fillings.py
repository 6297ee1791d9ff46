"""How holes between certain appends can have been filled, and so which tails, tokens and trim points there can be.

A *state* is a tail, a token, a chained hash, and the appends of unknown outcome that were used so far. From the first
tail on, every state leads to those after the next certain append, or after any unused append that fits into the hole:
what it holds agrees with what was read there, it had been invoked in time, its conditions held. States from which the
last certain tail cannot be reached are dropped. Where there would be too many, a hole becomes a *wildcard*: every tail
in it, every token that some append may have set there, any hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.chain_hash import signed_link
from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .columns import Requirements
from .contradiction import contradict
from .facts import Facts, latest_before, least_from

MOST_CANDIDATES = 10
MOST_STATES = 600
"""From more candidates or states in one hole on, it becomes a wildcard."""


@dataclass(slots=True, eq=False)
class State:
    """A state that there may have been. ``used`` is None, ``chained`` is None where anything is possible.

    ``time`` is when the last of the appends that led to it was invoked, at the earliest.
    """

    tail: int
    token: int
    chained: int | None
    used: frozenset[int] | None
    time: int
    before: list[State] = field(default_factory=list)
    alive: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Within which tails an append of unknown outcome took effect, if it did, and by when a tail was surpassed.

    ``first`` and ``last`` are the least start and the greatest end, by moment. ``deadline`` maps positions to when
    there had been a tail at or beyond them, at the latest.
    """

    first: Int64s
    last: Int64s
    tails: Int64s
    times: Int64s

    def deadline(self, position: int) -> int:
        """When the tail had come to a position at the latest."""
        at = int(np.searchsorted(self.tails, position, side="left"))
        return int(self.times[at]) if at < len(self.times) else FOREVER


def bounds(asked: Requirements, facts: Facts, low: Int64s, high: Int64s, invoked: Int64s, returned: Int64s) -> Bounds:
    """``low`` and ``high`` bound the tail after, and before, each moment that is certain."""
    columns, certain = asked.asked, facts.certain
    first = latest_before(returned[certain], low[certain], invoked, asked.tail)
    last = np.full(len(asked), FOREVER, dtype=np.int64)
    one, other, needed = asked.ahead.T
    ahead = certain[one] & ~certain[other]
    np.maximum.at(first, other[ahead], low[one[ahead]])
    behind = ~certain[one] & certain[other]
    np.minimum.at(last, one[behind], high[other[behind]])
    order = np.argsort(low[certain], kind="stable")
    times = np.minimum.accumulate(returned[certain][order][::-1])[::-1]
    del columns, needed
    return Bounds(first, last, low[certain][order], times)


@dataclass(slots=True)
class Fillings:
    """The possible states, by checkpoint: ``at`` are their tails, ascending, ``states`` those that there may be.

    ``wild`` are holes ``[low, high)`` that became wildcards; high is the greatest tail for the open end.
    """

    at: list[int]
    states: list[list[State]]
    wild: list[tuple[int, int]]


def fillings(
    asked: Requirements, facts: Facts, limits: Bounds, boundaries: Int64s, token: int | None, chained: int | None
) -> Fillings:
    """Find the states. ``boundaries`` are tails that there certainly were (ascending, the first one included).

    ``token`` is the first one, None if any of the history's may be. Raises Contradicted if nothing fits.
    """
    return _Filling(asked, facts, limits, boundaries, chained).run(token)


class _Filling:
    def __init__(
        self, asked: Requirements, facts: Facts, limits: Bounds, boundaries: Int64s, chained: int | None
    ) -> None:
        self.asked, self.facts, self.limits, self.first_hash = asked, facts, limits, chained
        columns = asked.asked
        self.sizes = columns.high - columns.low
        self.free = facts.free
        wholes = np.flatnonzero(columns.ask == spec.WHOLE)
        self.wholes: dict[int, list[int]] = {}
        for m in wholes.tolist():
            self.wholes.setdefault(int(columns.at[m]), []).append(m)
        self.boundaries = boundaries
        one, other, needed = asked.ahead.T
        mine = (needed > 0) & np.isin(one, self.free) & (columns.ask[one] == spec.APPEND)
        self.needs: dict[int, list[int]] = {}
        for a, b in zip(one[mine].tolist(), other[mine].tolist(), strict=True):
            self.needs.setdefault(b, []).append(a)
        self.at: list[int] = []
        self.states: list[list[State]] = []
        self.wild: list[tuple[int, int]] = []
        self.demands = self._demands()

    def _demands(self) -> dict[int, list[tuple[int, int]]]:
        """Tokens that were in force at exact tails, as refusals for a ``match_seq_num`` show: by tail, with the moment."""
        columns, found = self.asked.asked, {}
        for m in np.flatnonzero((columns.ask == spec.MATCH_REFUSED) & (columns.token != NONE)).tolist():
            found.setdefault(int(columns.at[m]), []).append((int(columns.token[m]), m))
        return found

    def run(self, token: int | None) -> Fillings:
        columns, base = self.asked.asked, self.asked.tail
        firsts = [token] if token is not None else [*range(len(self.asked.history.tokens)), -2]
        states = [State(base, first, self.first_hash, frozenset(), 0) for first in firsts]
        chain, place = self.facts.chain, self.facts.place
        starts = place[chain]
        ends = starts + self.sizes[chain]
        # What happens to the states: certain appends that matter, tails that were exact within holes, whole reads.
        events = self._events(starts, ends)
        states = self._observed(states, base, [])
        self._checkpoint(base, states)
        tail = base
        for position, k in events:
            if position > tail:
                states = self._advance(states, tail, position, starts, ends)
                tail = position
            if k == NONE:
                states = self._observed(states, position, self._evidence(position))
            else:
                states = self._appended(states, int(chain[k]), int(ends[k]))
                tail = int(ends[k])
                states = self._observed(states, tail, [int(chain[k])])
            self._checkpoint(tail, states)
        self._open_end(states, tail)
        return Fillings(self.at, self.states, self.wild)

    def _events(self, starts: Int64s, ends: Int64s) -> list[tuple[int, int]]:
        """Positions at which something is to be done, ascending: with an index into the chain, or NONE for a tail."""
        columns, chain, base = self.asked.asked, self.facts.chain, self.asked.tail
        found: list[tuple[int, int]] = []
        matters = columns.fence[chain] != NONE
        matters |= (columns.token[chain] != NONE) & self._unsure(starts)
        if self.needs:
            matters |= np.isin(chain, list(self.needs))
        gap = np.concatenate(([base], ends[:-1])) < starts
        found += [(int(starts[k]), int(k)) for k in np.flatnonzero(matters | gap)]
        covered = np.searchsorted(starts, self.boundaries, side="right") - 1
        inside = (
            (covered >= 0) & (self.boundaries <= ends[np.maximum(covered, 0)])
            if len(starts)
            else np.zeros(len(self.boundaries), np.bool_)
        )
        extra = set(self.boundaries[~inside].tolist()) | set(self.wholes) | set(self.demands)
        last = int(ends[-1]) if len(ends) else base
        found += [(position, NONE) for position in {*extra, last} if position >= base]
        # At one position, tails come before the append that starts there.
        return sorted(set(found), key=lambda pair: (pair[0], pair[1] != NONE))

    def _unsure(self, starts: Int64s) -> np.ndarray:
        """Whether the token may not be certain at these positions: before the first fence, or after a hole."""
        if self.asked.history.header.streams[self.asked.stream].fencing_token is None or len(self.free):
            return np.ones(len(starts), dtype=np.bool_)
        return np.zeros(len(starts), dtype=np.bool_)

    def _evidence(self, position: int) -> list[int]:
        columns = self.asked.asked
        told = np.where(columns.ask == spec.PART, columns.told, np.where(columns.ask == spec.APPEND, NONE, columns.at))
        return np.flatnonzero(told == position)[:2].tolist()

    def _checkpoint(self, position: int, states: list[State]) -> None:
        self.at.append(position)
        self.states.append(states)

    # -- steps

    def _appended(self, states: list[State], m: int, end: int) -> list[State]:
        columns = self.asked.asked
        token, fence = int(columns.token[m]), int(columns.fence[m])
        needs = self.needs.get(m, [])
        after: list[State] = []
        before = states
        if token != NONE:
            states = [state for state in states if state.token == token]
            if not states:
                contradict(self.asked, "token", [m, *self._setters(before)], spec.REASONS[spec.TOKEN])
        ok = [state for state in states if state.used is None or all(n in state.used for n in needs)]
        if not ok:
            contradict(
                self.asked, "session", [m, *needs], "took effect, although an earlier batch of its session cannot have"
            )
        for state in ok:
            chained = self._folded(state, end)
            after.append(State(end, state.token if fence == NONE else fence, chained, state.used, state.time, [state]))
        return _merged(after)

    def _setters(self, states: list[State]) -> list[int]:
        columns, chain = self.asked.asked, self.facts.chain
        tails = max((state.tail for state in states), default=0)
        known = chain[(columns.fence[chain] != NONE) & (self.facts.place[chain] < max(tails, 1))]
        return [int(known[-1])] if len(known) else []

    def _folded(self, state: State, end: int) -> int | None:
        """The hash after what is certainly there up to ``end``."""
        if state.chained is None or not self.wholes:
            return None
        chained, base = state.chained, self.asked.tail
        records = self.asked.records
        for position in range(state.tail, end):
            content = int(self.facts.content[position - base])
            if content == NONE:
                return None
            chained = signed_link(chained, int(records.sent[content]))
        return chained

    def _observed(self, states: list[State], tail: int, evidence: list[int]) -> list[State]:
        """Keep the states that agree with what was told of a tail: the hash, and the token."""
        columns = self.asked.asked
        for token, m in self.demands.get(tail, []):
            kept = [state for state in states if state.token == token]
            if not kept:
                contradict(self.asked, "token", [m, *self._setters(states)], spec.REASONS[spec.TOKEN_FIRST])
            states = kept
        for m in self.wholes.get(tail, []):
            told = int(columns.hash[m])
            kept = [state for state in states if state.chained is None or state.chained == told]
            if not kept:
                contradict(self.asked, "hash", [m, *evidence], spec.REASONS[spec.OTHER_HASH])
            states = [
                state if state.chained == told else State(tail, state.token, told, state.used, state.time, [state])
                for state in kept
            ]
        return states

    def _advance(self, states: list[State], low: int, high: int, starts: Int64s, ends: Int64s) -> list[State]:
        """From one tail to a later one: over certain appends that matter to nothing, or through a hole."""
        k = int(np.searchsorted(starts, low, side="right")) - 1
        covered = (k + 1 < len(starts) and starts[k + 1] == low) or (k >= 0 and ends[k] > low)
        # Certain appends first, then the hole that follows them.
        first = int(np.searchsorted(starts, low, side="left"))
        last = int(np.searchsorted(ends, high, side="right"))
        del k, covered
        tail = int(ends[last - 1]) if last > first else low
        if tail > low:
            states = [State(tail, s.token, self._folded(s, tail), s.used, s.time, [s]) for s in states]
            self._checkpoint(tail, states)
        return self._hole(states, tail, high) if tail < high else states

    def _hole(self, states: list[State], low: int, high: int) -> list[State]:
        found = self._through(states, low, high, high)
        if found is None:
            return self._wildcard(states, low, high)
        layers = found
        if high not in layers:
            self._cannot(states, low, high)
        for position in sorted(layers):
            if position > low:
                self._checkpoint(position, layers[position])
        return layers[high]

    def _through(self, states: list[State], low: int, high: int, needed: int) -> dict[int, list[State]] | None:
        """All states in a hole, by tail; None if there are too many."""
        candidates = self._candidates(low, high)
        if len(candidates) > MOST_CANDIDATES or (any(state.used is None for state in states) and len(candidates) > 3):
            return None
        columns, base = self.asked.asked, self.asked.tail
        layers: dict[int, dict[tuple[int, int | None, frozenset[int] | None], State]] = {
            low: {(s.token, s.chained, s.used): s for s in states}
        }
        count = 0
        waiting = [low]
        while waiting:
            tail = min(waiting)
            waiting.remove(tail)
            if tail == high:
                continue
            for state in list(layers[tail].values()):
                for m in candidates:
                    end = tail + int(self.sizes[m])
                    if end > high or not self._fits(m, tail, state):
                        continue
                    time = max(state.time, int(columns.invoked[m]))
                    if time > self.limits.deadline(end):
                        continue
                    fence = int(columns.fence[m])
                    chained = state.chained
                    if chained is not None and self.wholes:
                        for digest in self.asked.records.sent[columns.low[m] : columns.high[m]].tolist():
                            chained = signed_link(chained, digest)
                    after = State(
                        end,
                        state.token if fence == NONE else fence,
                        chained,
                        None if state.used is None else state.used | {m},
                        time,
                        [state],
                    )
                    key = after.token, after.chained, after.used
                    layer = layers.setdefault(end, {})
                    if key in layer:
                        layer[key].before.append(state)
                        layer[key].time = min(layer[key].time, time)
                    else:
                        layer[key] = after
                        count += 1
                        if count > MOST_STATES:
                            return None
                        if end not in waiting:
                            waiting.append(end)
        del base, needed
        return {position: list(layer.values()) for position, layer in layers.items()}

    def _candidates(self, low: int, high: int) -> list[int]:
        columns, free = self.asked.asked, self.free
        n = self.sizes[free]
        mine = (n > 0) & (self.limits.first[free] <= high - n) & (self.limits.last[free] >= low + n) & (low + n <= high)
        mine &= columns.invoked[free] <= self.limits.deadline(low + 1) if False else mine
        mine &= (columns.match[free] == NONE) | ((columns.match[free] >= low) & (columns.match[free] <= high - n))
        mine &= columns.invoked[free] <= self.limits.deadline(high)
        return [int(m) for m in free[mine]]

    def _fits(self, m: int, tail: int, state: State) -> bool:
        columns, base = self.asked.asked, self.asked.tail
        if state.used is not None and (m in state.used or any(n not in state.used for n in self.needs.get(m, []))):
            return False
        if columns.match[m] not in (NONE, tail) or columns.token[m] not in (NONE, state.token):
            return False
        n = int(self.sizes[m])
        if tail < self.limits.first[m] or tail + n > self.limits.last[m]:
            return False
        return self.agrees(m, tail - base, n)

    def agrees(self, m: int, at: int, n: int) -> bool:
        """Whether what was read at a place is what an append would have put there."""
        records, low = self.asked.records, int(self.asked.asked.low[m])
        seen = self.facts.seen[at : at + n]
        there = np.flatnonzero(seen != NONE)
        return bool((records.sent[low + there] == records.digest[seen[there]]).all())

    def _wildcard(self, states: list[State], low: int, high: int) -> list[State]:
        columns = self.asked.asked
        candidates = self._candidates(low, high)
        sums = 1
        for m in candidates:
            sums |= sums << int(self.sizes[m])
            sums &= (1 << (high - low + 1)) - 1
        if not sums >> (high - low) & 1:
            self._cannot(states, low, high)
        self.wild.append((low, high))
        tokens = self._tokens(states, candidates)
        for tail in range(low + 1, high):
            if sums >> (tail - low) & 1:
                self._checkpoint(tail, [State(tail, token, None, None, time, states) for token, time in tokens.items()])
        del columns
        return [State(high, token, None, None, time, states) for token, time in tokens.items()]

    def _tokens(self, states: Iterable[State], candidates: Iterable[int]) -> dict[int, int]:
        """The tokens that may be in force, and from when on."""
        columns = self.asked.asked
        tokens: dict[int, int] = {}
        for state in states:
            tokens[state.token] = min(tokens.get(state.token, FOREVER), state.time)
        earliest = min(tokens.values(), default=0)
        for m in candidates:
            if columns.fence[m] != NONE:
                fence, time = int(columns.fence[m]), max(earliest, int(columns.invoked[m]))
                tokens[fence] = min(tokens.get(fence, FOREVER), time)
        return tokens

    def _cannot(self, states: list[State], low: int, high: int) -> None:
        chain = self.facts.chain
        after = chain[self.facts.place[chain] == high].tolist()
        before = chain[self.facts.place[chain] + self.sizes[chain] == low].tolist()
        witnesses = [*after, *self._evidence(high), *before, *self._evidence(low)][:4]
        contradict(
            self.asked,
            "hole",
            witnesses or [0],
            f"shows {high} as a tail, and no appends of unknown outcome can fill [{low}, {high})",
        )

    def _open_end(self, states: list[State], low: int) -> None:
        """Past the last certain tail, appends may have taken effect or not; what was seen there was there."""
        base = self.asked.tail
        seen = np.flatnonzero(self.facts.seen != NONE)
        needed = int(seen[-1]) + 1 + base if len(seen) else low
        high = low + int(self.sizes[self.free].sum())
        if high > low:
            layers = self._through(states, low, high, needed)
            if layers is None:
                self._wild_end(states, low, high)
                return
            for position in sorted(layers):
                if position > low:
                    self._checkpoint(position, layers[position])
        if needed > low:
            reach = [state for at, layer in zip(self.at, self.states, strict=True) for state in layer if at >= needed]
            if not reach:
                readers = self._readers(needed - 1)
                contradict(
                    self.asked, "hole", readers, f"returned a record at {needed - 1} that no append can have put there"
                )

    def _readers(self, position: int) -> list[int]:
        columns, records = self.asked.asked, self.asked.records
        record = int(self.facts.seen[position - self.asked.tail])
        reads = np.flatnonzero(
            ((columns.ask == spec.PART) | (columns.ask == spec.END)) & (columns.low <= record) & (columns.high > record)
        )
        del records
        return reads[:1].tolist() or [0]

    def _wild_end(self, states: list[State], low: int, high: int) -> None:
        columns = self.asked.asked
        candidates = self._candidates(low, high)
        tokens = self._tokens(states, candidates)
        total = sum(int(self.sizes[m]) for m in candidates)
        self.wild.append((low, low + total))
        self._checkpoint(low + 1, [State(low + 1, token, None, None, time, states) for token, time in tokens.items()])
        del columns


def _merged(states: list[State]) -> list[State]:
    found: dict[tuple[int, int | None, frozenset[int] | None], State] = {}
    for state in states:
        key = state.token, state.chained, state.used
        if key in found:
            found[key].before += state.before
            found[key].time = min(found[key].time, state.time)
        else:
            found[key] = state
    return list(found.values())


def alive(made: Fillings, needed: int) -> None:
    """Mark the states from which a tail of at least ``needed`` (the last that is certain) can be reached."""
    waiting = [state for at, layer in zip(made.at, made.states, strict=True) if at >= needed for state in layer]
    while waiting:
        state = waiting.pop()
        if not state.alive:
            state.alive = True
            waiting += state.before


_ = least_from
