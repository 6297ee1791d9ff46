"""Says why no order explains the answers of a stream, where that follows without a search.

First come facts that depend on no order (:mod:`.facts`, :mod:`.stops`). Then every certain moment is put to the least
tail at which it can have been (:mod:`.least`), and nothing is returned that had been shown to be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import least, spec
from . import log as logs
from .accept import polls
from .answers import by_invocation, exacts
from .columns import Requirements, listed, once, spans
from .contradiction import Contradiction, Refuted, contradict, described
from .facts import certain, earliest, highest, latest, lowest
from .least import BEHIND, MOST_STAMPS, NOWHERE, STEPS, TOO_SOON, WORK, Schedule
from .stops import all_stops

STEPS_PER_MOMENT: Final = 64
MOST_TOKENS: Final = 8
"""How many tokens with which the stream may have begun are tried one by one."""
MOST_LINKS: Final = 100
"""How many moments, each of which kept the next from an earlier tail, are followed back."""
_TOLD: Final = {
    "behind": "shows an earlier tail than there had been before it began",
    "nowhere": "shows a tail that there was not",
    "too-soon": "shows what nobody had begun to write when it returned",
}
"""What is said of answers that break these rules."""


@once
def refute(asked: Requirements, rows: Int64s) -> Contradiction | None:
    """Why no order explains the answers of a stream; None if that does not follow from what is certain.

    ``rows`` are the stream's, ascending. What some order explains is never refuted. O(n log n) of moments and records.
    """
    if not len(asked):
        return None
    known: _Refutation | None = None
    try:
        polls(asked)
        known = _Refutation(asked, rows)
        known.run()
    except Refuted as refuted:
        return replace(refuted.found, place=None if known is None else known.facts.place)
    return None


class _Refutation:
    """What is known of a stream."""

    def __init__(self, asked: Requirements, rows: Int64s) -> None:
        self.asked, self.rows, self.columns = asked, rows, asked.asked
        self.facts = certain(asked)
        self.certain = self.facts.certain
        self.low, self.high = lowest(asked, self.facts.place), highest(asked, self.facts.place)
        one, other, _ = asked.ahead.T
        both = self.certain[one] & self.certain[other]
        self.one, self.other = one[both], other[both]

    def run(self) -> None:
        """Raises Refuted, if anything is."""
        asked, history = self.asked, self.asked.history
        self._behind()
        log = self._log()
        self._absent()
        declared = history.header.streams[asked.stream].fencing_token
        tokens = [*range(len(history.tokens)), logs.ANOTHER] if declared is None else [logs.number(history, declared)]
        found: list[Contradiction] = []
        schedule = self._schedule(log)
        for first in [[token] for token in tokens] if len(tokens) <= MOST_TOKENS else [tokens]:
            try:
                stops = all_stops(asked, self.facts, self.low, first)
                self._solve(self.columns, asked.records, log, np.zeros(WORK, dtype=np.int64), stops, schedule)
                return
            except Refuted as refuted:
                found.append(refuted.found)
        raise Refuted(replace(found[0], rows=tuple(dict.fromkeys(row for one in found for row in one.rows))))

    def _loop(self, function: Callable[..., Any], *arguments: Any) -> int:
        """Call a function of :mod:`.least`, compiled if that pays; it changes columns in place."""
        if self.asked.is_many:
            from . import compiled_least

            return int(getattr(compiled_least, function.__name__)(*arguments))
        known = dict(zip(map(id, (self.columns, self.asked.records)), self.asked.listed, strict=True))
        lists = [known.get(id(one)) or listed(one) if isinstance(one, tuple) else one.tolist() for one in arguments]
        found = function(*lists)
        for column, changed in zip(arguments, lists, strict=True):
            if not isinstance(column, tuple):
                column[:] = changed
        return int(found)

    # -- what was there

    def _log(self) -> spec.Log:
        """The log as it is at the end, as far as it is certain; sizes that are not are the largest possible."""
        asked, facts, columns, records = self.asked, self.facts, self.columns, self.asked.records
        log, state = logs.begin(asked, self.rows, len(facts.content), NONE)
        below = len(log.lower)
        own, seen = facts.content != NONE, facts.seen
        log.digest[below:][own] = records.sent[facts.content[own]]
        log.size[below:][own] = records.sent_size[facts.content[own]]
        read = ~own & (seen != NONE)
        free = spans(columns.low[facts.free], (columns.high - columns.low)[facts.free])
        log.size[below:][~own] = records.sent_size[free].max(initial=0)
        log.digest[below:][read] = records.digest[seen[read]]
        log.size[below:][read] = records.size[seen[read]]
        log.known[below:] = own | read
        log.boundary[:] = 1
        self._hashes(log.digest[below:], log.known[below:], state)
        return log

    def _hashes(self, digest: Int64s, known: Int64s, state: Int64s) -> None:
        """Whole reads told the hashes that follow from one another."""
        wholes = np.flatnonzero(self.columns.ask == spec.WHOLE)
        if not len(wholes):
            return
        wholes = wholes[np.argsort(self.columns.at[wholes], kind="stable")]
        start = np.array([state[spec.HASHED] != NONE, state[spec.HASH]], dtype=np.int64)
        at, told = self.columns.at[wholes] - self.asked.tail, self.columns.hash[wholes]
        w = self._loop(least.chain_hashes, digest, known, at, told, start)
        if w != NONE:
            contradict(self.asked, "hash", wholes[max(w - 1, 0) : w + 1][::-1].tolist(), spec.REASONS[spec.OTHER_HASH])

    def _early(self, log: spec.Log) -> Int64s:
        """The earliest timestamp of each slot; reads that start by time ask for it alone."""
        if not (self.columns.since != NONE).any():
            return np.asarray(log.stamp)
        position, stamp, _ = logs.reported(self.asked, self.rows)
        at = logs.slots_of(position, log.lower, self.asked.tail)
        early = np.zeros(len(log.stamp), dtype=np.int64)
        early[at[at < len(early)]] = stamp[at < len(early)]
        return np.maximum.accumulate(early)

    def _absent(self) -> None:
        """Nothing that shows the stream to exist comes before an answer that it does not."""
        columns = self.columns
        absent = columns.ask == spec.ABSENT
        if not absent.any():
            return
        last = int(np.flatnonzero(absent)[np.argmax(columns.invoked[absent])])
        shows = self.certain & ~absent & (columns.optional == 0)
        early = np.flatnonzero(shows & (columns.returned < columns.invoked[last]))
        pairs = np.flatnonzero(shows[self.one] & absent[self.other])
        if len(early) or len(pairs):
            m, shown = (last, int(early[0])) if len(early) else (int(self.other[pairs[0]]), int(self.one[pairs[0]]))
            why = f"found no stream, but {described(self.asked, shown)} had found one"
            contradict(self.asked, "absent", [m, shown], why)

    # -- order

    def _behind(self) -> None:
        """No tail that is certain is behind what appends, and tails where these end, had shown before it was asked."""
        told = exacts(self.asked) & ~np.isin(self.columns.at, self.facts.tails)
        low = np.where((self.facts.place != NONE) | told, self.low, self.asked.tail)
        met = earliest(self.asked, low)
        wrong = np.flatnonzero(self.high < met)
        if len(wrong):
            m, by_return = int(wrong[0]), self.asked.by_return
            first = int(by_return[np.argmax(low[by_return] == met[m])])
            contradict(self.asked, "behind", [m, first], _TOLD["behind"], more=wrong)

    def _schedule(self, log: spec.Log) -> Schedule:
        asked, columns, high = self.asked, self.columns, self.high
        order = by_invocation(asked)
        most = latest(asked, high)
        np.minimum.at(most, self.one, high[self.other])
        by_other = np.argsort(self.other, kind="stable")
        return Schedule(
            order=order[self.certain[order]],
            leaving=asked.by_return[self.certain[asked.by_return]],
            place=self.facts.place,
            most=most - np.where(columns.ask == spec.APPEND, columns.high - columns.low, 0),
            early=self._early(log),
            ahead=np.searchsorted(self.other[by_other], np.arange(len(asked) + 1)),
            before=self.one[by_other],
            scratch=np.zeros(MOST_STAMPS, dtype=np.int64),
        )

    def _solve(self, *plan: Any) -> None:
        """Put every certain moment to its least tail, and look for what was returned although it was gone."""
        state, stops, log = plan[3], plan[4], plan[2]
        state[spec.HASHED], state[STEPS] = NONE, STEPS_PER_MOMENT * len(self.asked) + 100_000
        because, x = np.full(len(self.asked), NONE, dtype=np.int64), np.full(len(self.asked), NONE, dtype=np.int64)
        why = np.zeros(len(self.asked), dtype=np.int64)
        first = self._loop(least.solve, *plan, x, because, why)
        if first != NONE:
            wrong = np.flatnonzero(why)
            behind = wrong[why[wrong] == BEHIND]  # what comes too late tells best what it is behind
            m = int(behind[0]) if len(behind) else first
            rule, moments, text = self._no_place(m, int(why[m]), because)
            contradict(self.asked, rule, moments, text, more=wrong[why[wrong] == why[m]] if moments[0] == m else ())
        slots = len(log.lower) + int(stops.floor[-1]) - self.asked.tail
        if slots <= 0:
            return
        m = self._loop(least.resurrected, *plan, x, np.full(2 * slots, NONE, dtype=np.int64))
        if m != NONE:
            returned = (self.columns.ask == spec.WHOLE) | (self.columns.high > self.columns.low)
            returned &= (self.columns.invoked == state[spec.WHY]) & (self.columns.ask != spec.APPEND)
            text = f"returned a record that {described(self.asked, m)} had shown to be gone"
            contradict(self.asked, "resurrected", [int(np.argmax(returned)), m], text)

    def _least_later(self, m: int) -> int:
        """Of what comes after a moment, by the clock or else, what allows the least tail; NONE if nothing does."""
        later = np.flatnonzero(self.certain & (self.columns.invoked > self.columns.returned[m]))
        later = np.concatenate((later, self.other[self.one == m]))
        least = int(later[np.argmin(self.high[later])]) if len(later) else NONE
        return NONE if least == NONE or self.high[least] == FOREVER else least

    def _no_place(self, m: int, why: int, because: Int64s) -> tuple[str, list[int], str]:
        """Nowhere is the answer of a moment right: the rule, who is accused and those that stand against it, and why.

        Those are what kept it from an earlier tail, and what kept that one, as far as its own answer does not.
        """
        chain = [m]
        while because[chain[-1]] not in (NONE, *chain) and len(chain) < MOST_LINKS:
            chain.append(int(because[chain[-1]]))
            if self.low[chain[-1]] > self.high[m]:
                break
        least_later = NONE if why == BEHIND else self._least_later(m)
        if why == TOO_SOON and least_later != NONE and self.columns.ask[least_later] != spec.APPEND:
            chain, why = [least_later, *chain], BEHIND  # what comes later went back
        elif least_later != NONE:
            chain.insert(1, least_later)
        rule = {BEHIND: "behind", NOWHERE: "nowhere", TOO_SOON: "too-soon"}.get(why)
        return (rule, chain, _TOLD[rule]) if rule else (spec.RULES[why], chain, spec.REASONS[why])
