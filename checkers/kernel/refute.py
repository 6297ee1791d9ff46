"""Says why no order explains the answers of a stream, where that follows without a search.

First come facts that depend on no order (:mod:`.facts`, :mod:`.fillings`). Then every certain moment is put to the
least tail at which it can have been (:mod:`.least`). What that shows to be gone must come after every answer that
returned it, which may tighten times and tails: that goes on until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import least, spec
from . import log as logs
from .accept import MANY, listed, polls
from .answers import exacts, returning
from .columns import Requirements, spans
from .contradiction import RULES, Contradicted, Contradiction, contradict, described
from .facts import Bounds, Facts, bounds, certain, lowest
from .fillings import fillings
from .least import BEHIND, MOST_STAMPS, NOWHERE, STEPS, TOO_SOON, WORK, Schedule, Stops
from .refuted import Refuted
from .stops import all_stops

MOST_ROUNDS: Final = 12
MOST_LINKS: Final = 100
"""How many moments, each of which kept the next from an earlier tail, are followed back."""
MOST_TOKENS: Final = 8
"""How many tokens with which the stream may have begun are tried one by one."""
MOST_IN_CYCLES: Final = 300
"""Among how many moments cycles are looked for."""
STEPS_PER_MOMENT: Final = 64


def refute(asked: Requirements, rows: Int64s) -> Contradiction | None:
    """Why no order explains the answers of a stream; None if that does not follow from what is certain.

    ``rows`` are the stream's, ascending. What some order explains is never refuted. O(n log n) of moments and records.
    """
    if not len(asked):
        return None
    try:
        polls(asked)
    except Refuted as error:
        return Contradiction("polls", (error.row,), str(error))
    known: dict[int, int] = {}
    try:
        while placed := _Refutation(asked, rows, certain(asked, known)).run():
            known |= placed
    except Contradicted as error:
        return error.found
    except Refuted as error:
        return Contradiction("claims", (error.row,), str(error))
    return None


class _Refutation:
    """Everything that is known of a stream, which becomes more from round to round."""

    def __init__(self, asked: Requirements, rows: Int64s, facts: Facts) -> None:
        self.asked, self.rows, self.facts, self.columns = asked, rows, facts, asked.asked
        self.many = len(asked) >= MANY
        self.sizes = np.where(self.columns.ask == spec.APPEND, self.columns.high - self.columns.low, 0)
        self.certain = facts.certain
        self.invoked, self.returned = self.columns.invoked.copy(), self.columns.returned.copy()
        self.low = lowest(asked, facts)
        self.high = np.where(facts.place != NONE, facts.place, np.where(exacts(asked), self.columns.at, FOREVER))
        one, other, _ = asked.ahead.T
        both = self.certain[one] & self.certain[other]
        self.one, self.other = one[both], other[both]
        by_other = np.argsort(self.other, kind="stable")
        self.before = self.one[by_other]
        self.ahead = np.searchsorted(self.other[by_other], np.arange(len(asked) + 1))
        self.gone: list[tuple[int, int]] = []
        self.placed: dict[int, int] = {}
        self.alone = False
        self.x = np.full(len(asked), NONE, dtype=np.int64)

    def run(self) -> dict[int, int]:
        """Raises Contradicted, or returns where appends of unknown outcome were applied, if that is certain now."""
        history = self.asked.history
        self._set_up_log()
        self._absent()
        self._tighten()
        declared = history.header.streams[self.asked.stream].fencing_token
        tokens = [*range(len(history.tokens)), logs.ANOTHER] if declared is None else [logs.number(history, declared)]
        left = self._with_tokens(tokens)
        if not self.placed and 1 < len(left) <= MOST_TOKENS:
            self._each_token(left)
            return {}
        return self.placed

    def _each_token(self, tokens: list[int]) -> None:
        """One of the tokens was the first: contradicted if each of them is."""
        self.alone = True
        found: list[Contradiction] = []
        known = self.invoked.copy(), self.returned.copy(), self.x.copy()
        for token in tokens:
            self.invoked, self.returned, self.x = (column.copy() for column in known)
            try:
                self._with_tokens([token])
                return
            except Contradicted as error:
                found.append(error.found)
        rows = tuple(dict.fromkeys(row for one in found for row in one.rows))
        raise Contradicted(Contradiction(found[0].rule, rows, found[0].why))

    def _with_tokens(self, tokens: list[int]) -> list[int]:
        """Contradict all of these first tokens, or return those that may be the first."""
        within = self._limits()
        for _ in range(MOST_ROUNDS):
            made = fillings(self.asked, self.facts, within, tokens, self.chained)
            tokens = [state.token for state in made.states[0]]
            self.placed = {} if self.many else made.placed
            if self.placed and not self.alone:
                return tokens
            stops = all_stops(self.asked, self.facts, made, bool(self.log.base[1]))
            plan = stops, self._schedule()
            self._solve(plan)
            again = self._after_returned(plan) or (self.x[self.other] < (self.x + self.sizes)[self.one]).any()
            before, within = within, self._limits()
            if not again and within.same(before, self.facts.free, self.many):
                break
        self._cycle()
        return tokens

    def _limits(self) -> Bounds:
        low = np.maximum(self.low, np.where(self.x == NONE, NONE, self.x + self.sizes))
        return bounds(self.asked, self.facts, low, self.high, self.invoked, self.returned)

    def _loop(self, function: Callable[..., Any], *arguments: Any) -> int:
        """Call a function of :mod:`.least`, compiled if that pays; it changes columns in place."""
        if self.many:
            from . import compiled_least

            return int(getattr(compiled_least, function.__name__)(*arguments) or 0)
        lists = [listed(one) if isinstance(one, tuple) else one.tolist() for one in arguments]
        found = function(*lists)
        for column, changed in zip(arguments, lists, strict=True):
            if not isinstance(column, tuple):
                column[:] = changed
        return int(found or 0)

    # -- what was there

    def _set_up_log(self) -> None:
        """The log as it is at the end, as far as it is certain; sizes that are not are the largest possible."""
        asked, facts, columns, records = self.asked, self.facts, self.columns, self.asked.records
        log, state = logs.begin(asked, self.rows, len(facts.content), NONE)
        below = len(log.lower)
        own, seen = facts.content != NONE, facts.seen
        log.digest[below:][own] = records.sent[facts.content[own]]
        log.size[below:][own] = records.sent_size[facts.content[own]]
        read = ~own & (seen != NONE)
        sizes = self.sizes[facts.free]
        free = spans(columns.low[facts.free], sizes)
        log.size[below:][~own] = records.sent_size[free].max(initial=0)
        log.digest[below:][read] = records.digest[seen[read]]
        log.size[below:][read] = records.size[seen[read]]
        log.known[below:] = own | read
        log.boundary[:] = 1
        self.log = log
        self.early = self._early()
        self.chained = self._hashes(int(state[spec.HASHED]), int(state[spec.HASH]))

    def _early(self) -> Int64s:
        """The earliest timestamp of each slot; reads that start by time ask for it alone."""
        log, base = self.log, self.asked.tail
        if not (self.columns.since != NONE).any():
            return np.asarray(log.stamp)
        position, stamp, _ = logs.reported(self.asked, self.rows)
        at = logs.slots_of(position, log.lower, base)
        early = np.zeros(len(log.stamp), dtype=np.int64)
        early[at[at < len(early)]] = stamp[at < len(early)]
        return np.maximum.accumulate(early)

    def _hashes(self, hashed: int, chained: int) -> dict[int, int]:
        """The hashes at the beginning of holes, as far as they are certain. Whole reads told no others."""
        asked, columns = self.asked, self.columns
        wholes = np.flatnonzero(columns.ask == spec.WHOLE)
        if not len(wholes):
            return {}
        wholes = wholes[np.argsort(columns.at[wholes], kind="stable")]
        below, end = len(self.log.lower), self.facts.top - asked.tail
        digest, known = self.log.digest[below : below + end], self.log.known[below : below + end]
        hashes, has = np.zeros(end + 1, dtype=np.int64), np.zeros(end + 1, dtype=np.int64)
        at, told = columns.at[wholes] - asked.tail, columns.hash[wholes]
        start = np.array([hashed != NONE, chained], dtype=np.int64)
        w = self._loop(least.chain_hashes, digest, known, at, told, start, hashes, has)
        if w != NONE:
            contradict(
                asked, "hash", [int(wholes[w]), *wholes[max(w - 1, 0) : w].tolist()], spec.REASONS[spec.OTHER_HASH]
            )
        tails = {asked.tail, self.facts.top, *(low for low, _ in self.facts.holes(asked))}
        return {tail: int(hashes[tail - asked.tail]) for tail in tails if has[tail - asked.tail]}

    def _absent(self) -> None:
        """Nothing that shows the stream to exist comes before an answer that it does not."""
        absent = self.columns.ask == spec.ABSENT
        if not absent.any():
            return
        m = int(np.flatnonzero(absent)[np.argmax(self.invoked[absent])])
        shows = self.certain & ~absent & (self.columns.optional == 0)
        self.invoked[shows] = np.maximum(self.invoked[shows], self.invoked[m])
        wrong = np.flatnonzero(shows & (self.invoked > self.returned))
        pairs = np.flatnonzero(shows[self.one] & absent[self.other])
        if len(wrong) or len(pairs):
            m, shown = (m, int(wrong[0])) if len(wrong) else (int(self.other[pairs[0]]), int(self.one[pairs[0]]))
            contradict(
                self.asked, "absent", [m, shown], f"found no stream, but {described(self.asked, shown)} had found one"
            )

    # -- order

    def _tighten(self) -> None:
        """What comes first was invoked, and returned, before what comes later had to."""
        one, other = self.one, self.other
        while len(one):
            invoked, returned = self.invoked[other], self.returned[one]
            np.maximum.at(self.invoked, other, self.invoked[one])
            np.minimum.at(self.returned, one, self.returned[other])
            if (self.invoked[other] == invoked).all() and (self.returned[one] == returned).all():
                break
        late = np.flatnonzero(self.certain & (self.invoked > self.returned))
        if len(late):
            m = int(late[0])
            others = one[(other == m)].tolist() + other[(one == m)].tolist()
            contradict(self.asked, "order", [m, *others[:2]], "stands both before and after another operation")

    def _schedule(self) -> Schedule:
        asked, columns, high = self.asked, self.columns, self.high
        mine = np.flatnonzero(self.certain)
        # The end of an answer that came in parts stands before them in the rows, and after them in any order.
        parts = np.zeros(len(asked.history) + 1, dtype=np.bool_)
        parts[asked.history.part_of[columns.row]] = True
        parts[-1] = False
        ends = parts[columns.row[mine]] & (columns.ask[mine] != spec.BEGIN)
        order = mine[np.lexsort((ends, self.invoked[mine]))]
        leaving = mine[np.argsort(self.returned[mine], kind="stable")]
        known = mine[high[mine] != FOREVER]
        known = known[np.argsort(self.invoked[known], kind="stable")]
        latest = np.concatenate((np.minimum.accumulate(high[known][::-1])[::-1], [FOREVER]))
        most = latest[np.searchsorted(self.invoked[known], self.returned, side="right")]
        np.minimum.at(most, self.one, high[self.other])
        return Schedule(
            order=order,
            leaving=leaving,
            invoked=self.invoked,
            returned=self.returned,
            place=self.facts.place,
            least=self.x,
            most=most - self.sizes,
            early=self.early,
            ahead=self.ahead,
            before=self.before,
            scratch=np.zeros(MOST_STAMPS, dtype=np.int64),
        )

    def _solve(self, plan: tuple[Stops, Schedule]) -> None:
        """Put every certain moment to its least tail."""
        state = np.zeros(WORK, dtype=np.int64)
        state[spec.HASHED], state[STEPS] = NONE, STEPS_PER_MOMENT * len(self.asked) + 100_000
        because, x = np.full(len(self.asked), NONE, dtype=np.int64), self.x.copy()
        why = np.zeros(len(self.asked), dtype=np.int64)
        first = self._loop(least.solve, self.columns, self.asked.records, self.log, state, *plan, x, because, why)
        if first != NONE:
            # What comes too late tells best what it is behind.
            wrong = np.flatnonzero(why)
            wrong = np.concatenate((wrong[why[wrong] == BEHIND], [first], wrong[why[wrong] != BEHIND]))
            later = self._least_later(wrong)
            told = [self._no_place(int(m), int(why[m]), because, later[int(m)]) for m in wrong]
            rule, moments, text = told[0]
            more = [others[0] for same, others, _ in told if same == rule]
            contradict(self.asked, rule, moments, text, more=more)
        self.x = x

    def _least_later(self, moments: Int64s) -> dict[int, int]:
        """Of what comes after each of some moments, by the clock or else, what allows the least tail; or NONE."""
        known = np.flatnonzero(self.certain & (self.high != FOREVER))
        known = known[np.argsort(self.invoked[known], kind="stable")][::-1]
        least = np.minimum.accumulate(self.high[known])
        holder = np.maximum.accumulate(np.where(self.high[known] == least, np.arange(len(known)), 0))
        number = len(known) - np.searchsorted(self.invoked[known[::-1]], self.returned[moments], side="right")
        found = np.where(number > 0, np.append(known, NONE)[np.append(holder, -1)[number - 1]], NONE)
        later = dict(zip(moments.tolist(), found.tolist(), strict=True))
        beyond = np.isin(self.one, moments) & (self.high[self.other] != FOREVER)
        for m, other in zip(self.one[beyond].tolist(), self.other[beyond].tolist(), strict=True):
            if later[m] == NONE or self.high[other] < self.high[later[m]]:
                later[m] = other
        return later

    def _no_place(self, m: int, why: int, because: Int64s, least_later: int) -> tuple[str, list[int], str]:
        """Nowhere is the answer of a moment right: the rule, who is accused and those that stand against it, and why.

        Those are what kept it from an earlier tail, and what kept that one, as far as its own answer does not.
        """
        chain = [m]
        while because[chain[-1]] not in (NONE, *chain) and len(chain) < MOST_LINKS:
            chain.append(int(because[chain[-1]]))
            if self.low[chain[-1]] > self.high[m]:
                break
        if why == TOO_SOON and least_later != NONE and self.columns.ask[least_later] != spec.APPEND:
            chain, why = [least_later, *chain], BEHIND  # what comes later went back
        elif least_later != NONE:
            chain.insert(1, least_later)
        told = {
            BEHIND: ("behind", "shows an earlier tail than there had been before it began"),
            NOWHERE: ("nowhere", "shows a tail that there was not"),
            TOO_SOON: ("too-soon", "shows what nobody had begun to write when it returned"),
        }
        rule, text = told[why] if why in told else (RULES[why], spec.REASONS[why])
        return rule, chain, text

    # -- gone

    def _after_returned(self, plan: tuple[Stops, Schedule]) -> bool:
        """Put what shows a record to be gone after every answer that returned it; whether that changed anything."""
        asked, columns, records = self.asked, self.columns, self.asked.records
        self.gone = []
        if not (self.log.base[1] or asked.tail or len(records.trim_to)):
            return False
        m, low, high = self._gaps(plan)
        if not len(m):
            return False
        shows = returning(asked)
        lengths = columns.high[shows] - columns.low[shows]
        position, by = records.seq_num[spans(columns.low[shows], lengths)], np.repeat(shows, lengths)
        covered = np.searchsorted(np.sort(low), position, side="right") > np.searchsorted(
            np.sort(high), position, side="right"
        )
        position, by = position[covered], by[covered]
        order = np.argsort(position, kind="stable")
        position, by = position[order], by[order]
        first, last = np.searchsorted(position, low), np.searchsorted(position, high)
        wholes = np.flatnonzero(columns.ask == spec.WHOLE)
        wholes = wholes[np.argsort(columns.at[wholes], kind="stable")]
        whole = np.searchsorted(columns.at[wholes], low, side="right")
        times = np.maximum(
            _largest(self.invoked[by], first, last),
            _largest(self.invoked[wholes], whole, np.full(len(whole), len(wholes))),
        )
        tails = np.maximum(
            _largest(self.x[by], first, last), _largest(self.x[wholes], whole, np.full(len(whole), len(wholes)))
        )
        wrong = np.flatnonzero(times > self.returned[m])
        if len(wrong):
            k = wrong[0]
            those = np.concatenate((by[first[k] : last[k]], wholes[whole[k] :]))
            r = int(those[np.argmax(self.invoked[those])])
            contradict(
                asked,
                "resurrected",
                [r, int(m[k])],
                f"returned a record that {described(asked, int(m[k]))} had shown to be gone",
                int(low[k]),
            )
        if len(asked) <= MOST_IN_CYCLES:
            self.gone = [
                (int(r), int(m[k])) for k in range(len(m)) for r in (*by[first[k] : last[k]], *wholes[whole[k] :])
            ]
        invoked, x = self.invoked.copy(), self.x.copy()
        np.maximum.at(self.invoked, m, times)
        np.maximum.at(self.x, m, tails)
        self._tighten()
        return bool((invoked != self.invoked).any() or (x != self.x).any())

    def _gaps(self, plan: tuple[Stops, Schedule]) -> tuple[Int64s, Int64s, Int64s]:
        """Positions that answers show to be gone: the moments, and spans of positions."""
        columns, records = self.columns, self.asked.records
        mine = np.flatnonzero(self.certain & np.isin(columns.ask, (spec.PART, spec.END, spec.OUT_OF_RANGE)))
        some = returning(self.asked)
        lengths = columns.high[some] - columns.low[some]
        record, by = spans(columns.low[some], lengths), np.repeat(some, lengths)
        skip = np.flatnonzero((records.seq_num[record][1:] > records.seq_num[record][:-1] + 1) & (by[1:] == by[:-1]))
        found = np.zeros(4 * len(mine), dtype=np.int64)
        self._loop(least.vanished, self.columns, records, self.log, *plan, self.x, mine, found)
        outer = found.reshape(-1, 2)
        moments = np.concatenate((np.repeat(mine, 2), by[skip]))
        low = np.concatenate((outer[:, 0], records.seq_num[record[skip]] + 1))
        high = np.concatenate((outer[:, 1], records.seq_num[record[skip] + 1]))
        is_gap = high > low
        return moments[is_gap], low[is_gap], high[is_gap]

    def _cycle(self) -> None:
        """No moments come before one another in a circle, where their tails do not tell."""
        if not self.gone:
            return
        mine = np.flatnonzero(self.certain)
        after: dict[int, list[int]] = {int(m): [] for m in mine}
        for a, b in (*self.gone, *zip(self.one.tolist(), self.other.tolist(), strict=True)):
            after[a].append(b)
        for a in mine.tolist():
            later = (self.returned[a] < self.invoked[mine]) | (self.high[a] < self.x[mine])
            after[a] += mine[later].tolist()
        done: set[int] = set()

        def visit(m: int, path: list[int]) -> None:
            if m in path:
                contradict(
                    self.asked, "cycle", path[path.index(m) :], "comes before itself, by what was gone and by time"
                )
            if m not in done:
                for n in after[m]:
                    visit(n, [*path, m])
                done.add(m)

        for m in mine.tolist():
            visit(m, [])


def _largest(values: Int64s, first: Int64s, last: Int64s) -> Int64s:
    """The largest value of each span ``[first, last)``; NONE of an empty one."""
    levels = [values]
    while len(levels[-1]) > 1 << (len(levels) - 1):
        width = 1 << (len(levels) - 1)
        below = levels[-1]
        if len(below) <= width:
            break
        levels.append(np.maximum(below[:-width], below[width:]))
    found = np.full(len(first), NONE, dtype=np.int64)
    lengths = last - first
    for k, level in enumerate(levels):
        mine = (lengths >= 1 << k) & (lengths < 2 << k)
        found[mine] = np.maximum(level[first[mine]], level[last[mine] - (1 << k)])
    return found
