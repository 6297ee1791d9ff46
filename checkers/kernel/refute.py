"""Says why no order explains a history, if that follows from its answers without a search."""

from __future__ import annotations

from typing import Any

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s
from fencepost.harness.s2.limits import MAX_BATCH_BYTES

from . import log as logs
from . import spec
from .accept import polls, listed
from .columns import Requirements, spans
from .contradiction import Contradicted, Contradiction, contradict, described
from .facts import Facts, certain, exacts, lowest, returning
from .fillings import Bounds, Fillings, alive, bounds, fillings
from .least import BEHIND, NOWHERE, TOO_SOON, WORK, Plan, Stops, solve, vanished
from .refuted import Refuted

MOST_ROUNDS = 12
STEPS_PER_MOMENT = 64


def refute(asked: Requirements, rows: Int64s) -> Contradiction | None:
    """Why no order explains the answers of a stream; None if that does not follow from what is certain.

    ``rows`` are the stream's, ascending. Never refutes what some order explains.
    """
    if not len(asked):
        return None
    try:
        _refute(asked, rows)
    except Contradicted as error:
        return error.found
    except Refuted as error:
        return Contradiction("claims", (error.row,), str(error))
    return None


def _refute(asked: Requirements, rows: Int64s) -> None:
    polls(asked)
    facts = certain(asked)
    _Refuting(asked, rows, facts).run()


class _Refuting:
    def __init__(self, asked: Requirements, rows: Int64s, facts: Facts) -> None:
        self.asked, self.rows, self.facts = asked, rows, facts
        self.columns = asked.asked
        self.sizes = self.columns.high - self.columns.low
        self.certain = facts.certain
        self.invoked = self.columns.invoked.copy()
        self.returned = self.columns.returned.copy()
        self.low = lowest(asked, facts)
        self.exact = exacts(asked)

    def run(self) -> None:
        asked, columns, facts = self.asked, self.columns, self.facts
        free_total = int(self.sizes[facts.free].sum())
        self._inside()
        room = max(len(facts.content), free_total)
        self.log, _ = logs.begin(asked, self.rows, room, NONE)
        self.begin_state = _hash(self.log, asked.tail)
        self._fill_log()
        self.early = self._early()
        self.extra = np.zeros(len(self.log.stamp) + 64, dtype=np.int64)
        self.extra[: len(self.early)] = self.early
        self._absent()
        self.least = np.full(len(asked), asked.tail, dtype=np.int64)
        self._program_order()
        for _ in range(MOST_ROUNDS):
            if not self._round():
                break
        else:
            return
        self._cycle()

    # -- what was there

    def _inside(self) -> None:
        """No tail was inside a batch that certainly took effect."""
        columns, chain = self.columns, self.facts.chain
        if not len(chain):
            return
        starts = self.facts.place[chain]
        told = np.where(self.exact, columns.at, np.where(columns.ask == spec.PART, columns.told, NONE))
        late = columns.ask == spec.APPEND
        for values, mask in ((told, ~late), (columns.told, late & (columns.at != NONE))):
            k = np.searchsorted(starts, values, side="left") - 1
            ends = starts[np.maximum(k, 0)] + self.sizes[chain[np.maximum(k, 0)]]
            wrong = mask & (values != NONE) & (k >= 0) & (values < ends)
            if wrong.any():
                m = int(np.argmax(wrong))
                contradict(
                    self.asked,
                    "inside",
                    [m, int(chain[k[m]])],
                    f"told {values[m]} as a tail, inside the batch of {described(self.asked, int(chain[k[m]]))}",
                )
        below = self.exact & (columns.at < self.asked.tail)
        if below.any():
            contradict(self.asked, "below-first", [int(np.argmax(below))], "told a tail below the first one")

    def _fill_log(self) -> None:
        asked, facts, log = self.asked, self.facts, self.log
        records, below = asked.records, len(log.lower)
        here = np.flatnonzero(facts.content != NONE)
        log.digest[below + here] = records.sent[facts.content[here]]
        log.size[below + here] = records.sent_size[facts.content[here]]
        log.known[below + here] = 1
        unknown = np.flatnonzero(facts.content == NONE)
        free = [
            records.sent_size[self.columns.low[m] : self.columns.high[m]].max() for m in facts.free if self.sizes[m]
        ]
        largest = int(max(free, default=0))
        log.size[below + len(facts.content) :] = largest
        log.size[below + unknown] = largest
        read = unknown[facts.seen[unknown] != NONE]
        log.digest[below + read] = records.digest[facts.seen[read]]
        log.size[below + read] = records.size[facts.seen[read]]
        log.known[below + read] = 1

    def _early(self) -> Int64s:
        """The earliest timestamp of each slot."""
        log, base = self.log, self.asked.tail
        position, stamp, _ = logs.reported(self.asked, self.rows)
        found = np.zeros(len(log.stamp), dtype=np.int64)
        at = np.where(
            position < base, np.searchsorted(log.lower, position, side="right") - 1, len(log.lower) + position - base
        )
        mine = at < len(found)
        found[at[mine]] = stamp[mine]
        return np.maximum.accumulate(found)

    def _absent(self) -> None:
        """Nothing showed the stream to exist before an answer that it does not."""
        columns = self.columns
        absent = columns.ask == spec.ABSENT
        if not absent.any():
            return
        m = int(np.flatnonzero(absent)[np.argmax(self.invoked[absent])])
        shows = self.certain & ~absent
        self.invoked = np.where(shows, np.maximum(self.invoked, self.invoked[m]), self.invoked)
        late = shows & (self.invoked > self.returned)
        if late.any():
            contradict(
                self.asked,
                "absent",
                [m, int(np.argmax(late))],
                f"found no stream, although {described(self.asked, int(np.argmax(late)))} had shown it before",
            )
        one, other, _ = self.asked.ahead.T
        wrong = shows[one] & absent[other]
        if wrong.any():
            k = int(np.argmax(wrong))
            contradict(
                self.asked,
                "absent",
                [int(other[k]), int(one[k])],
                "found no stream, although its process had been shown it before",
            )

    # -- order

    def _program_order(self) -> None:
        """Tighten intervals by orders beyond the clock, until nothing changes."""
        one, other, needed = self.asked.ahead.T
        both = self.certain[one] & self.certain[other]
        self._one, self._other = one[both], other[both]
        self._tighten()
        del needed

    def _tighten(self) -> None:
        one, other = self._one, self._other
        if not len(one):
            return
        while True:
            before = self.invoked[other].copy()
            np.maximum.at(self.invoked, other, self.invoked[one])
            ends = self.returned[one].copy()
            np.minimum.at(self.returned, one, self.returned[other])
            if (self.invoked[other] == before).all() and (self.returned[one] == ends).all():
                break
        late = self.certain & (self.invoked > self.returned)
        if late.any():
            m = int(np.argmax(late))
            who = one[(other == m) & (self.invoked[one] > self.returned[m])]
            contradict(self.asked, "order", [m, *who[:1].tolist()], "had returned before what comes before it began")

    def _round(self) -> bool:
        """One pass over everything; whether something is known now that was not before."""
        asked, columns, facts = self.asked, self.columns, self.facts
        high = np.where(facts.place != NONE, facts.place, np.where(self.exact, columns.at, FOREVER))
        low = np.maximum(self.low, self.least)
        limits = bounds(asked, facts, low, high, self.invoked, self.returned)
        made, needed = self._fillings(limits)
        alive(made, needed)
        stops = self._stops(made, limits)
        plan = self._plan(high)
        x, because = self._solve(stops, plan)
        return self._vanished(stops, plan, x, because)

    def _fillings(self, limits: Bounds) -> tuple[Fillings, int]:
        asked, columns, facts, history = self.asked, self.columns, self.facts, self.asked.history
        told = np.where(self.exact, columns.at, np.where((columns.ask == spec.PART), columns.told, NONE))
        acked = (columns.ask == spec.APPEND) & (columns.at != NONE)
        boundaries = np.unique(np.concatenate((told[told > asked.tail], columns.told[acked], [asked.tail])))
        declared = history.header.streams[asked.stream].fencing_token
        token = None if declared is None else logs.number(history, declared)
        made = fillings(asked, facts, limits, boundaries, token, self.begin_state)
        seen = np.flatnonzero(facts.seen != NONE)
        ends = facts.place[facts.chain] + self.sizes[facts.chain]
        needed = max(
            int(boundaries.max()), int(ends.max(initial=0)), int(seen[-1]) + 1 + asked.tail if len(seen) else 0
        )
        return made, needed

    def _stops(self, made: Fillings, limits: Bounds) -> Stops:
        asked, facts = self.asked, self.facts
        chain, base = facts.chain, asked.tail
        ends = facts.place[chain] + self.sizes[chain]
        layers: dict[int, dict[int, int]] = {}
        used: dict[int, frozenset[int] | None] = {}
        for at, states in zip(made.at, made.states, strict=True):
            tokens: dict[int, int] = {}
            who: frozenset[int] | None = frozenset()
            for state in states:
                if state.alive:
                    tokens[state.token] = min(tokens.get(state.token, FOREVER), state.time)
                    who = None if who is None or state.used is None else who | state.used
            if tokens:
                layers[at], used[at] = tokens, who
        at = np.array(sorted(layers), dtype=np.int64)
        wild = [np.arange(low + 1, high + 1) for low, high in made.wild if low + 1 >= at[-1]]
        tails = np.unique(np.concatenate((np.array([base]), ends, facts.place[chain], at, *wild)))
        run = np.searchsorted(at, tails, side="right") - 1
        tokens_of = [layers[int(position)] for position in at]
        low = np.concatenate(([0], np.cumsum([len(tokens) for tokens in tokens_of], dtype=np.int64)))
        floor = self._floors(tails, [used[int(position)] for position in at], run, limits)
        return Stops(
            tail=tails,
            floor=floor,
            run=run,
            low=low,
            token=np.array([token for tokens in tokens_of for token in tokens], dtype=np.int64),
            time=np.array([time for tokens in tokens_of for time in tokens.values()], dtype=np.int64),
        )

    def _floors(self, tails: Int64s, used: list[frozenset[int] | None], run: Int64s, limits: Bounds) -> Int64s:
        """The highest trim point that there may have been at each tail."""
        asked, columns, facts, records = self.asked, self.columns, self.facts, self.asked.records
        if self.log.base[1]:
            return tails.copy()
        floor = np.full(len(tails), asked.tail, dtype=np.int64)
        trimming = np.flatnonzero((columns.trim_high > columns.trim_low) & (columns.ask == spec.APPEND))
        free: list[tuple[int, int, int]] = []
        for m in trimming.tolist():
            for trim in range(int(columns.trim_low[m]), int(columns.trim_high[m])):
                to, index = int(records.trim_to[trim]), int(records.trim_index[trim])
                if facts.place[m] != NONE:
                    start = int(facts.place[m])
                    first = int(np.searchsorted(tails, start + self.sizes[m]))
                    if first < len(tails):
                        floor[first] = max(int(floor[first]), min(to, start + index + 1))
                else:
                    free.append((m, to, int(limits.first[m] + self.sizes[m])))
        floor = np.maximum.accumulate(floor)
        for m, to, first in free:
            for j in range(int(np.searchsorted(tails, first)), len(tails)):
                who = used[int(run[j])]
                if who is None or m in who:
                    floor[j] = max(int(floor[j]), min(to, int(tails[j])))
        return floor

    def _plan(self, high: Int64s) -> Plan:
        mine = np.flatnonzero(self.certain)
        order = mine[np.argsort(self.invoked[mine], kind="stable")]
        leaving = mine[np.argsort(self.returned[mine], kind="stable")]
        known = mine[high[mine] != FOREVER]
        by_time = known[np.argsort(self.invoked[known], kind="stable")]
        least = np.concatenate((np.minimum.accumulate(high[by_time][::-1])[::-1], [FOREVER]))
        most = least[np.searchsorted(self.invoked[by_time], self.returned, side="right")]
        one, other = self._one, self._other
        np.minimum.at(most, one, high[other])
        by_other = np.argsort(other, kind="stable")
        ahead = np.searchsorted(other[by_other], np.arange(len(self.asked) + 1))
        after = np.where(self.columns.ask == spec.APPEND, self.sizes, 0)
        return Plan(
            order,
            leaving,
            self.invoked,
            self.returned,
            self.facts.place,
            self.least,
            most - after,
            self.extra,
            ahead,
            one[by_other],
        )

    def _solve(self, stops: Stops, plan: Plan) -> tuple[Int64s, Int64s]:
        asked = self.asked
        state = np.zeros(WORK, dtype=np.int64)
        state[spec.HASHED] = NONE
        state[-1] = STEPS_PER_MOMENT * len(asked) + 100_000
        x = [NONE] * len(asked)
        because = [NONE] * len(asked)
        log = self.log
        log.boundary[:] = 1
        self.lists: Any = (
            listed(self.columns),
            listed(asked.records),
            listed(log),
            state.tolist(),
            listed(stops),
            listed(plan),
        )
        m = solve(*self.lists, x, because)
        why = self.lists[3][spec.WHY]
        if m != NONE:
            self._no_place(int(m), int(why), x, because, plan)
        return np.array(x, dtype=np.int64), np.array(because, dtype=np.int64)

    def _no_place(self, m: int, why: int, x: list[int], because: list[int], plan: Plan) -> None:
        columns = self.columns
        evidence = [because[m]] if because[m] != NONE else []
        later = np.flatnonzero(self.certain & (self.invoked > self.returned[m]) & (self.facts.place != NONE))
        if len(later):
            evidence.append(int(later[np.argmin(self.facts.place[later])]))
        if why == BEHIND:
            contradict(
                self.asked, "behind", [m, *evidence], "shows an earlier tail than there had been before it began"
            )
        if why == NOWHERE:
            contradict(self.asked, "nowhere", [m, *evidence], "shows a tail that there was not")
        if why == TOO_SOON:
            contradict(self.asked, "too-soon", [m, *evidence], "shows what nobody had begun to write when it returned")
        at = columns.row[m]
        del at
        contradict(self.asked, spec.REASONS[why], [m, *evidence], spec.REASONS[why])

    # -- gone

    def _vanished(self, stops: Stops, plan: Plan, x: Int64s, because: Int64s) -> bool:
        """Whatever shows a record to be gone comes after every answer that returned it."""
        asked, columns, records = self.asked, self.columns, self.asked.records
        if not (self.log.base[1] or asked.tail or len(records.trim_to)):
            self._edges = []
            return False
        lists = self.lists
        gaps: list[tuple[int, int, int]] = []
        for m in np.flatnonzero(self.certain).tolist():
            if columns.ask[m] not in (spec.PART, spec.END, spec.OUT_OF_RANGE):
                continue
            low, high = int(columns.low[m]), int(columns.high[m])
            seen = records.seq_num[low:high]
            some = high > low and columns.ask[m] != spec.OUT_OF_RANGE
            gone = [0, 0, 0, 0, high - low, int(records.size[low:high].sum())]
            vanished(
                lists[0],
                lists[2],
                lists[4],
                lists[5],
                x.tolist(),
                m,
                int(seen[0]) if some else NONE,
                int(seen[-1]) + 1 if some else NONE,
                gone,
            )
            gaps += [(m, gone[k], gone[k + 1]) for k in (0, 2) if gone[k + 1] > gone[k]]
            if some:
                gaps += [(m, int(a) + 1, int(b)) for a, b in zip(seen[:-1], seen[1:], strict=True) if b > a + 1]
        self._edges = []
        changed = False
        shown = [(m, records.seq_num[columns.low[m] : columns.high[m]]) for m in returning(asked).tolist()]
        wholes = np.flatnonzero(columns.ask == spec.WHOLE).tolist()
        for m, low, high in gaps:
            returned = [r for r, seen in shown if r != m and ((seen >= low) & (seen < high)).any()]
            returned += [w for w in wholes if columns.at[w] > low]
            for r in returned:
                self._edges.append((r, m))
                if self.invoked[r] > self.returned[m]:
                    contradict(
                        self.asked,
                        "resurrected",
                        [r, m],
                        f"returned a record that {described(asked, m)} had shown to be gone",
                    )
                if self.invoked[r] > self.invoked[m]:
                    self.invoked[m] = self.invoked[r]
                    changed = True
                if x[r] > self.least[m]:
                    self.least[m] = x[r]
                    changed = changed or x[r] > x[m]
        self._tighten()
        self._x = x
        return changed

    def _cycle(self) -> None:
        """What shows a record to be gone cannot also come before what returned it, at one tail."""
        if not self._edges or len(self.asked) > 300:
            return
        mine = np.flatnonzero(self.certain).tolist()
        after: dict[int, set[int]] = {m: set() for m in mine}
        for a, b in [*self._edges, *zip(self._one.tolist(), self._other.tolist(), strict=True)]:
            after[a].add(b)
        high = np.where(self.facts.place != NONE, self.facts.place, np.where(self.exact, self.columns.at, FOREVER))
        for a in mine:
            for b in mine:
                if a != b and self.returned[a] < self.invoked[b]:
                    after[a].add(b)
                if (
                    a != b
                    and high[a] != FOREVER
                    and high[a] + (self.sizes[a] if self.facts.place[a] != NONE else 0) <= self._x[b]
                    and (high[a] < self._x[b])
                ):
                    after[a].add(b)
        colour: dict[int, int] = {}

        def visit(m: int, path: list[int]) -> None:
            colour[m] = 1
            path.append(m)
            for n in after[m]:
                if colour.get(n) == 1:
                    loop = path[path.index(n) :]
                    contradict(self.asked, "cycle", loop, "cannot stand in one order with the others")
                if n not in colour:
                    visit(n, path)
            path.pop()
            colour[m] = 2

        for m in mine:
            if m not in colour:
                visit(m, [])


def _hash(log: spec.Log, base: int) -> int | None:
    hashed, chained = logs._hash(log, base)
    return None if hashed == NONE else chained


_ = (spans, MAX_BATCH_BYTES)
