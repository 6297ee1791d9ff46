"""The verifier's own replay of a stream: one situation after another, whatever is due and satisfied placed at once.

That nothing is lost by placing it at once is argued in docs/search.md ("Eager observations"): take any order, and move
the first observation that could have stood earlier to the first state at which it is due (all that returned before its
invocation is placed, and what comes before it otherwise) and satisfied. It changes no state, so all that follows sees
what it saw; what has to come before it does, and what has to come after it still does. So the only choices are which
append comes next, and where an acknowledged one begins at the tail, or is yet to be placed there, not even that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fencepost.harness.history.history import FOREVER, NONE

from .asked import EXACT, Ask, Asked
from .beginnings import never_beyond
from .hashes import fold
from .readings import Reading, probing, readings
from .sizes import Sizes

_EXACT: Final = frozenset(EXACT)


@dataclass(slots=True)
class Situation:
    """What a replay has come to.

    ``hash`` is the chained hash of the contents, None where nobody knows it yet. ``returned`` counts the moments, by
    return, that are all placed, ``ahead`` are others that are; ``due`` are those that are not, each with the number of
    tails that there had been before it could begin; ``invoked`` counts those that ever became. ``applied`` are the
    floats applied, as bits; ``tails`` and ``floats`` say how long the replay's lists of them were. ``starts`` tells, by
    its first part's row, where an answer starts whose beginning is placed; ``declined`` are beginnings (moments) that
    wait until they are sure.
    """

    tail: int
    token: int
    trim: int
    hash: int | None
    returned: int = 0
    invoked: int = 0
    ahead: set[int] = field(default_factory=set)
    due: dict[int, int] = field(default_factory=dict)
    applied: int = 0
    tails: int = 1
    floats: int = 0
    starts: dict[int, int] = field(default_factory=dict)
    declined: frozenset[int] = frozenset()

    def copy(self) -> Situation:
        """Another one to go on with."""
        return Situation(
            self.tail,
            self.token,
            self.trim,
            self.hash,
            self.returned,
            self.invoked,
            set(self.ahead),
            dict(self.due),
            self.applied,
            self.tails,
            self.floats,
            dict(self.starts),
            self.declined,
        )


class Replay:
    """Goes forward from situations, under what is supposed: the first token, and ``needs`` of refusals of sessions.

    ``tails`` are those that there were. ``sizes_matter`` tells that a read may have ended for want of room for a record
    that a float holds.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.sizes = Sizes(asked)
        self.readings: dict[int, Reading] = readings(asked)
        self.needs: dict[int, list[int]] = {}
        self.hashed = any(moment.ask is Ask.WHOLE for moment in asked.moments)
        self.tails: list[int] = []
        largest = max((max(one.sizes) for one in asked.floats), default=0)
        self._probing = probing(self.readings, largest)
        self.sizes_matter = bool(self._probing)
        self._trims = bool(asked.history.appends.trims)
        returned = [moment.returned for moment in asked.moments]
        self._by_return = sorted(range(len(returned)), key=returned.__getitem__)
        self._rank = [0] * len(returned)
        for rank, one in enumerate(self._by_return):
            self._rank[one] = rank
        self._after: dict[int, list[int]] = {}
        for reading, one_of in self.readings.items():
            for before in asked.moments[reading].before if one_of.twice else ():
                self._after.setdefault(before, []).append(reading)
        self._begins = {number: moment.row for number, moment in enumerate(asked.moments) if moment.ask is Ask.BEGIN}
        self._tells = {one.teller: one for one in asked.beginnings.values()}
        self._never_beyond = never_beyond(asked.history, asked.rows)
        self._reading_of = {asked.moments[number].row: number for number in self.readings}
        self._exact: dict[int, list[int]] = {}
        self._starting: dict[int, list[int]] = {}
        for number, moment in enumerate(asked.moments):
            if moment.ask in _EXACT:
                self._exact.setdefault(moment.at, []).append(number)
            elif moment.ask is Ask.APPEND:
                self._starting.setdefault(moment.at, []).append(number)

    # -- where it is

    def begin(self, token: int, needs: dict[int, list[int]]) -> Situation:
        """The first situation, settled."""
        first = self.asked.history.header.streams[self.asked.stream].tail
        read = self.sizes.read
        known: int | None = 0
        if self.hashed:
            below = [read.get(position) for position in range(min(first, len(read) + 1))]
            known = None if None in below else fold([one[0] for one in below if one is not None], 0)
        self.needs, self.tails = needs, [first]
        self.sizes.starts, self.sizes.floats = [], []
        situation = Situation(first, token, first, known)
        self.settle(situation)
        return situation

    def back_to(self, situation: Situation) -> None:
        """Forget the tails and floats that came after a situation."""
        del self.tails[situation.tails :]
        del self.sizes.starts[situation.floats :]
        del self.sizes.floats[situation.floats :]

    def finished(self, situation: Situation) -> bool:
        """Is everything placed?"""
        return situation.returned == len(self.asked.moments)

    def frontier(self, situation: Situation) -> int:
        """What was invoked at or before this time (ns) is due."""
        if self.finished(situation):
            return FOREVER
        return self.asked.moments[self._by_return[situation.returned]].returned

    def placed(self, situation: Situation, moment: int) -> bool:
        """Is a moment placed?"""
        return self._rank[moment] < situation.returned or moment in situation.ahead

    def acknowledged(self, situation: Situation) -> bool:
        """Does an acknowledged append begin at the tail?"""
        return situation.tail in self._starting

    def missed(self, situation: Situation) -> bool:
        """Is something not placed that names this tail, or due and for a tail before? Then this must not be left."""
        if any(situation.tail > self.asked.beginnings[row].latest for _, row in self._due(situation)):
            return True
        return any(not self.placed(situation, one) for one in self._exact.get(situation.tail, ()))

    def key(self, situation: Situation) -> tuple[object, ...]:
        """All that the future depends on. Two situations that agree in it have the same.

        Beside the state, and what is placed and applied, that is where reads may have begun that are to end later, the
        sizes of applied records that reads, yet to be placed, may have found too large, and what is :meth:`_begun`.
        """
        waiting = tuple(
            (moment, tuple(self.tails[since:]))
            for moment, since in sorted(situation.due.items())
            if moment in self.readings and self.readings[moment].twice
        )
        stops = [at for moment, at in self._probing if not self.placed(situation, moment)]
        sizes: tuple[object, ...] = ()
        if stops and (self._trims or NONE in stops):
            sizes = self.sizes.applied_since(min(stops))
        elif stops:
            sizes = tuple((at, self.sizes.of(at)) for at in sorted(set(stops)) if at < situation.tail)
        return (
            situation.tail,
            situation.token,
            situation.trim,
            situation.hash,
            situation.applied,
            situation.returned,
            frozenset(situation.ahead),
            waiting,
            sizes,
            self._begun(situation),
        )

    def _begun(self, s: Situation) -> tuple[tuple[int, int], ...]:
        """Beginnings that are declined, and where those started that later parts have yet to tell of.

        Once the first record is reached, or by a trim, that is all the same; until then any start before it is.
        """
        found = []
        for moment, row in self._begins.items():
            one = self.asked.beginnings[row]
            if not self.placed(s, moment):
                found += [(moment, NONE)] if moment in s.declined else []
            elif not self.placed(s, self._reading_of[one.teller]):
                start = s.starts[row]
                if one.first == NONE or not one.reaches(start, s.trim):
                    found.append((moment, start if one.first == NONE else 0))
        return tuple(found)

    def _due(self, s: Situation) -> list[tuple[int, int]]:
        """Beginnings that are due (moments, and rows of first parts)."""
        if not self._begins:
            return []
        return [(one, self._begins[one]) for one in s.due if one in self._begins]

    def open(self, s: Situation) -> list[int]:
        """Beginnings (moments) that are due, and may be here if a trim comes that explains it; or later on."""
        found = []
        for moment, row in self._due(s):
            one = self.asked.beginnings[row]
            if moment not in s.declined and self._freed(s, moment) and one.admits(s.tail):
                start = one.start_at(s.tail)
                if (one.trims and start < one.first) if one.first != NONE else (one.trims or start < s.trim):
                    found.append(moment)
        return found

    def decide(self, s: Situation, moment: int, here: bool) -> None:
        """An open beginning is here, or it is not."""
        if here:
            self._place(s, moment)
        else:
            s.declined |= {moment}

    # -- forwards

    def settle(self, s: Situation) -> None:
        """Place all that is due and satisfied."""
        moments, placed = self.asked.moments, True
        while placed:
            while s.returned < len(moments) and self._by_return[s.returned] in s.ahead:
                s.ahead.discard(self._by_return[s.returned])
                s.returned += 1
            frontier = self.frontier(s)
            while s.invoked < len(moments) and moments[s.invoked].invoked <= frontier:
                s.due[s.invoked] = s.tails - 1
                s.invoked += 1
            placed = False
            for one in [*s.due]:
                if moments[one].ask is not Ask.APPEND and self._satisfied(s, one) and self._freed(s, one):
                    self._place(s, one)
                    placed = True

    def along(self, s: Situation) -> bool:
        """Apply acknowledged appends as long as they are next and nothing is open; whether everything is placed."""
        while not self.finished(s):
            here = self._starting.get(s.tail, ())
            if self.open(s):
                return False
            if len(here) != 1 or not self._acknowledge(s, here[0]):
                return False
            self.settle(s)
        return True

    def apply(self, s: Situation, number: int) -> bool:
        """Apply a float; whether it can be applied here."""
        one = self.asked.floats[number]
        if not self.may_apply(s, number) or self.missed(s):
            return False
        s.applied |= 1 << number
        self.sizes.starts.append(s.tail)
        self.sizes.floats.append(number)
        s.floats += 1
        self._advance(s, one.digests, one.fence, one.trims)
        return True

    def may_apply(self, s: Situation, number: int) -> bool:
        """Is a float due, with conditions that hold, and is all that comes before it there?"""
        one = self.asked.floats[number]
        if s.applied >> number & 1 or one.invoked > self.frontier(s):
            return False
        if one.match not in (NONE, s.tail) or one.token not in (NONE, s.token):
            return False
        before = all(self.placed(s, moment) for moment in one.before)
        return before and all(s.applied >> other & 1 for other in one.floats)

    def _acknowledge(self, s: Situation, moment: int) -> bool:
        appends, row = self.asked.history.appends, self.asked.moments[moment].row
        digests = appends.digest[appends.offset[row] : appends.offset[row + 1]].tolist()
        if moment not in s.due or not self._freed(s, moment) or self.missed(s):
            return False
        if appends.match_seq_num[row] not in (NONE, s.tail) or appends.token[row] not in (NONE, s.token):
            return False
        if not digests or appends.end[row] != s.tail + len(digests):
            return False
        if any(self.sizes.read.get(at, (digest,))[0] != digest for at, digest in enumerate(digests, s.tail)):
            return False
        self._place(s, moment)
        self._advance(s, digests, int(appends.last_fence[row]), appends.trims.get(row, {}))
        return True

    def _advance(self, s: Situation, digests: tuple[int, ...] | list[int], fence: int, trims: dict[int, int]) -> None:
        for index, seq_num in trims.items():
            s.trim = max(s.trim, min(seq_num, s.tail + index + 1))
        s.token = s.token if fence == NONE else fence
        if self.hashed and s.hash is not None:
            s.hash = fold(digests, s.hash)
        s.tail += len(digests)
        self.tails.append(s.tail)
        s.tails += 1

    def _place(self, s: Situation, moment: int) -> None:
        del s.due[moment]
        s.ahead.add(moment)
        if self.asked.moments[moment].ask is Ask.BEGIN:
            row = self.asked.moments[moment].row
            s.starts[row] = self.asked.beginnings[row].start_at(s.tail)
        for reading in self._after.get(moment, ()):
            if reading in s.due:  # it began after this, at the tail that there is then
                s.due[reading] = max(s.due[reading], s.tails - (self.asked.moments[moment].ask is not Ask.APPEND))
        if self.asked.moments[moment].ask is Ask.WHOLE:
            s.hash = int(self.asked.history.reads.stream_hash[self.asked.moments[moment].row])

    def _freed(self, s: Situation, moment: int) -> bool:
        one = self.asked.moments[moment]
        if not all(self.placed(s, before) for before in one.before):
            return False
        return all(s.applied >> number & 1 for number in (*one.floats, *self.needs.get(moment, ())))

    def _satisfied(self, s: Situation, moment: int) -> bool:
        history, one = self.asked.history, self.asked.moments[moment]
        row, ask = one.row, one.ask
        if ask in _EXACT and one.at != s.tail:
            return False
        if ask is Ask.BEGIN:
            return self._surely(s, row)
        if ask is Ask.READ:
            reading = self.readings[moment]
            if row in self._tells and not self._explained(s, row, reading):
                return False
            if reading.spans and reading.twice:
                return reading.spanned(s.tail, s.trim, self.tails, s.due[moment], self.sizes)
            if reading.waits:
                return reading.followed(s.tail, s.trim, self.tails, s.due[moment])
            return reading.answered(s.tail, s.trim, self.sizes)
        if ask is Ask.WHOLE:
            return s.hash is None or s.hash == int(history.reads.stream_hash[row])
        if ask is Ask.OUT_OF_RANGE:
            return self._out_of_range(s, row)
        if ask is Ask.TAIL:
            return True
        token, match = int(history.appends.token[row]), int(history.appends.match_seq_num[row])
        by_token, by_match = token not in (NONE, s.token), match not in (NONE, s.tail)
        if ask is Ask.TOKEN_REFUSED:
            return by_token and int(history.token_mismatch[row]) == s.token
        return by_match and not by_token if ask is Ask.MATCH_REFUSED else by_match or by_token

    def _surely(self, s: Situation, row: int) -> bool:
        one = self.asked.beginnings[row]
        start = one.start_at(s.tail)
        if one.first != NONE or not one.admits(s.tail):
            return one.admits(s.tail) and one.reaches(start, s.trim)
        end = self.readings[self._reading_of[one.teller]]
        return any(end.stopped(at, self.sizes) for at in range(start, min(max(start, s.trim) + 1, s.tail)))

    def _explained(self, s: Situation, row: int, reading: Reading) -> bool:
        """Does where the answer began explain what its teller, at its end, returned and left out?"""
        one = self._tells[row]
        if one.opening not in s.starts:
            return False
        start = s.starts[one.opening]
        if one.first != NONE:
            return one.reaches(start, s.trim)
        return reading.ended(start, s.tail, s.trim, self.sizes)

    def _out_of_range(self, s: Situation, row: int) -> bool:
        reads = self.asked.history.reads
        if row in self._never_beyond:
            return False
        if reads.from_timestamp[row] != NONE:
            return True
        start = int(reads.from_seq_num[row])
        if start == NONE:
            start = max(0, s.tail - max(int(reads.tail_offset[row]), 0))
        elif reads.clamp[row]:
            start = min(start, s.tail)
        return start > s.tail or (start == s.tail and reads.wait[row] <= 0)
