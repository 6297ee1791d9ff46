"""The replay of a stream, one state after the other, with a way back.

At every state whatever is due and satisfied is placed at once: an observation changes nothing, and to wait with it can
only keep others back. *Due* is what everything that returned before its invocation has made room for. So the only
choices are which append comes next, and of those only appends of unknown outcome leave one; and whether an answer began
where a trim has yet to hide what it left out, or later (:mod:`.beginnings`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import FOREVER, NONE

from ..chain.chain import Chain
from ..chain.contents import hash_before
from .beginnings import BeginningRules
from .begun import Begun
from .candidates import Candidates
from .floats import Floats
from .log import begins, is_here
from .moments import EXACT, Moments, Sort
from .prefixes import Prefix
from .probes import Probes
from .sequence import sequence

_EXACT: Final = frozenset(int(sort) for sort in EXACT)
_APPEND, _READ, _BEGIN = int(Sort.APPEND), int(Sort.READ), int(Sort.BEGIN)
_DUE, _PLACED, _DECLINED = range(3)


@dataclass(slots=True)
class Mark:
    """Where a replay was: enough to go back there."""

    trail: int
    order: int
    tails: int
    begins: int
    next_return: int
    next_invocation: int
    tail: int
    token: int
    trim: int
    hash: int | None
    applied: int


class Replay:
    """The state of one stream, what has been placed, and what is due.

    ``order`` lists what was placed, moments as they are and floats ``f`` as ``~f``; ``pending`` tells of what is due
    how long the order was when it became so. ``tails`` are those that there were, ``applied`` the floats with their
    starts, ``begins`` where reads began that end later (moment, tail, length of the order when it was due); ``begun``
    are beginnings that are moments. ``token`` is the index of the fencing token in force. Nothing here decides: see
    :mod:`.search`.
    """

    def __init__(
        self,
        chain: Chain,
        found: Moments,
        pool: Floats,
        candidates: Candidates,
        beginnings: BeginningRules,
        token: int,
        supposed: Prefix,
    ) -> None:
        self.chain = chain
        self._found = found
        self._pool = pool
        self._candidates = candidates
        self._needed = supposed.needed
        for number in supposed.barred:
            candidates.bar(number)
        self.rules = beginnings.rules
        self._probes = Probes(chain, found, pool, self.rules)
        history = chain.stream.history
        self._history = history
        self._fold = bool(history.reads.hashed[chain.stream.rows].any())
        self.tail, self.token, self.trim = chain.stream.tail, token, chain.stream.tail
        # None until the first whole read, where nobody knows all that was there before the history.
        self.hash: int | None = hash_before(chain.stream, chain.contents) if self._fold else 0
        self.order: list[int] = []
        self.tails: list[int] = [chain.stream.tail]
        self.begins: list[tuple[int, int, int]] = []
        self.applied: list[tuple[int, int]] = []
        self.pending, self.ahead = dict[int, int](), set[int]()
        self._reached: list[int] = [0]
        self._trail: list[tuple[int, int, int]] = []
        self._done = bytearray(len(found))
        self.begun = Begun(beginnings, found)
        self._place_of = [NONE] * len(found)
        self._by_return = sorted(range(len(found)), key=found.returned.__getitem__)
        self._next_return = 0
        self._next_invocation = 0
        self._at: dict[int, int] = {}
        self._starting: dict[int, int] = {}
        for moment, sort in enumerate(found.sort):
            if sort in _EXACT:
                self._at[found.tail[moment]] = self._at.get(found.tail[moment], 0) + 1
            elif sort == _APPEND:
                self._starting[found.tail[moment]] = moment
        appends = history.appends
        rows = found.row
        self._match = appends.match_seq_num[rows].tolist()
        self._given = appends.token[rows].tolist()
        self._reported = history.token_mismatch[rows].tolist()
        self._end = appends.end[rows].tolist()
        self._fence = appends.last_fence[rows].tolist()
        self._contradicted = _contradicted(chain)
        self._hashes = history.reads.stream_hash[rows].tolist() if self._fold else []

    # -- where it is

    @property
    def finished(self) -> bool:
        """Is everything placed?"""
        return self._next_return == len(self._found)

    @property
    def frontier(self) -> int:
        """Everything that was invoked at or before this time (ns) is due."""
        if self._next_return == len(self._found):
            return FOREVER
        return self._found.returned[self._by_return[self._next_return]]

    @property
    def blocking(self) -> int:
        """The moment, not yet placed, that returned first."""
        return self._by_return[self._next_return]

    @property
    def acknowledged_here(self) -> int:
        """The acknowledged append that starts at the tail; NONE if none does."""
        return self._starting.get(self.tail, NONE)

    @property
    def open(self) -> int:
        """A beginning that may be here if what it leaves out is trimmed later on; NONE if there is none to decide."""
        due = self.begun.open(self.pending, self.tail, self.trim)
        return next((moment for moment in due if self._freed(moment)), NONE)

    def key(self) -> tuple[object, ...]:
        """What the future depends on: two replays with the same key have the same."""
        waiting = tuple(
            sorted(
                (moment, tuple(self.tails[self._since(self._begun(moment, due)) :]))  # where it may have begun
                for moment, due in self.pending.items()
                if self._found.sort[moment] == _READ
                and not self._found.second[moment]
                and self.rules.answers[self._found.row[moment]].moves
            )
        )
        return (
            self.tail,
            self.token,
            self.trim,
            self.hash,
            self._candidates.mask,
            self._next_return,
            frozenset(self.ahead),
            waiting,
            self._probes.sizes(self._done),
            self.begun.key(self.pending, self.trim),
        )

    def _begun(self, moment: int, due: int) -> int:
        """How long the order was when a read could begin at the earliest: after what comes before it in its process."""
        placed = (self._place_of[before] + 1 for before in self._found.before[moment] if self._done[before])
        return max(due, max(placed, default=0))

    def _since(self, due: int) -> int:
        """The index of the tail at which the order was so long."""
        return bisect_right(self._reached, due) - 1

    # -- forwards

    def settle(self) -> None:
        """Place whatever is due and satisfied, until nothing more is."""
        found, done, returned = self._found, self._done, self._found.returned
        by_return, invoked, number = self._by_return, self._found.invoked, len(self._found)
        placed = True
        while placed:
            while self._next_return < number and done[by_return[self._next_return]]:
                self.ahead.discard(by_return[self._next_return])
                self._next_return += 1
            frontier = returned[by_return[self._next_return]] if self._next_return < number else FOREVER
            while self._next_invocation < number and invoked[self._next_invocation] <= frontier:
                self.pending[self._next_invocation] = len(self.order)
                self._trail.append((_DUE, self._next_invocation, 0))
                self._next_invocation += 1
            placed = False
            for moment in [*self.pending]:
                if found.sort[moment] != _APPEND and self._satisfied(moment):
                    self._place(moment)
                    placed = True

    def acknowledge(self, moment: int) -> bool:
        """Apply an acknowledged append at the tail; False if it cannot be (yet, so ever)."""
        if moment not in self.pending or not self._freed(moment) or self._missed():
            return False
        match, given = self._match[moment], self._given[moment]
        if match not in (NONE, self.tail) or given not in (NONE, self.token):
            return False
        row = self._found.row[moment]
        if row in self._contradicted:
            return False
        self._place(moment)
        offset = self._history.appends.offset
        if self._fold and self.hash is not None:
            self.hash = fold(self._history.appends.digest[offset[row] : offset[row + 1]].tolist(), self.hash)
        self._advance(self._end[moment], self._fence[moment], self._history.appends.trims.get(row))
        return True

    def take(self, step: int) -> bool:
        """Take a step that there is to choose (see :mod:`.log`); False if it cannot be taken here, now."""
        beginning = begins(step)
        if beginning == NONE:
            return self.apply(step)
        if is_here(step):
            self._place(beginning)
        else:
            self.begun.decline(beginning)
            self._trail.append((_DECLINED, beginning, 0))
        return True

    def apply(self, number: int) -> bool:
        """Apply a float at the tail; False if it cannot be applied here, now."""
        pool = self._pool
        if self._missed() or pool.invoked[number] > self.frontier:
            return False
        if pool.match[number] not in (NONE, self.tail) or pool.token[number] not in (NONE, self.token):
            return False
        placed = all(self._done[before] for before in pool.before[number])
        if not placed or not all(self._candidates.applied[before] for before in pool.before_floats[number]):
            return False
        self._candidates.take(number)
        self.applied.append((number, self.tail))
        self.order.append(~number)
        for position, size in enumerate(pool.sizes[number], self.tail):
            self.rules.placed[position] = size
        if self._fold and self.hash is not None:
            self.hash = fold(pool.digests[number], self.hash)
        self._advance(self.tail + pool.size[number], pool.fence[number], pool.trims[number])
        return True

    def _missed(self) -> bool:
        """Is there, at this tail, what must have been placed before it is left? (Or was it at an earlier one?)"""
        return self._at.get(self.tail, 0) > 0 or self.begun.overdue(self.pending, self.tail)

    def _advance(self, tail: int, fence: int, trims: dict[int, int] | None) -> None:
        for index, seq_num in (trims or {}).items():
            self.trim = max(self.trim, min(seq_num, self.tail + index + 1))
        if fence != NONE:
            self.token = fence
        self.tail = tail
        self.tails.append(tail)
        self._reached.append(len(self.order))

    def _place(self, moment: int) -> None:
        due = self.pending.pop(moment)
        self._trail.append((_PLACED, moment, due))
        self._done[moment] = 1
        self._place_of[moment] = len(self.order)
        self.ahead.add(moment)
        self.order.append(moment)
        if self._found.sort[moment] in _EXACT:
            self._at[self._found.tail[moment]] -= 1
        if self._found.sort[moment] == Sort.WHOLE:
            self.hash = self._hashes[moment]
        self.begun.place(moment, self.tail)

    def _freed(self, moment: int) -> bool:
        for before in self._found.before[moment]:
            if not self._done[before]:
                return False
        if not all(self._candidates.applied[number] for number in self._needed.get(moment, ())):
            return False
        after = self._found.after_float[moment]
        return after == NONE or (after in self._pool.index and bool(self._candidates.applied[self._pool.index[after]]))

    def _satisfied(self, moment: int) -> bool:
        found = self._found
        sort = found.sort[moment]
        if sort in _EXACT:
            if found.tail[moment] != self.tail:
                return False
            if sort == Sort.WHOLE and self.hash not in (None, self._hashes[moment]):
                return False
            if sort == Sort.TAIL_REFUSAL and not self._refused_by_tail(moment):
                return False
            if sort == Sort.UNSATISFIABLE and not self.rules.unsatisfiable(found.row[moment], self.tail):
                return False
        elif sort == Sort.TOKEN_REFUSAL:
            if self._reported[moment] != self.token or self._given[moment] in (NONE, self.token):
                return False
        elif sort == Sort.SILENT_REFUSAL:
            if self._given[moment] in (NONE, self.token) and self._match[moment] in (NONE, self.tail):
                return False
        elif sort == _BEGIN:
            if not self.begun.sure(moment, self.tail, self.trim):
                return False
        else:
            return self._read(moment)
        return self._freed(moment)

    def _refused_by_tail(self, moment: int) -> bool:
        return self._match[moment] not in (NONE, self.tail) and self._given[moment] in (NONE, self.token)

    def _read(self, moment: int) -> bool:
        row, rules = self._found.row[moment], self.rules
        answer = rules.answers[row]
        if self._found.second[moment]:  # it has begun
            return rules.told(answer, self.tails) and self._freed(moment)
        due = self._begun(moment, self.pending[moment])
        since = self.tails[self._since(due)]
        if answer.spans:
            begun = rules.spanned(answer, self.tail, self.trim, self.tails, since)
        elif answer.waits:
            begun = rules.followed(answer, self.tail, self.trim, self.tails, since)
        else:
            begun = self.tail if rules.unary(answer, self.tail, self.trim) else NONE
        if begun == NONE or not self._freed(moment) or not self.begun.explains(row, self.tail, self.trim):
            return False
        if answer.moves:
            self.begins.append((moment, begun, due))
        elif answer.opening != NONE and not self.begun.apart(answer.opening):
            self.begins.append((moment, *self._opening(answer.opening)))
        return True

    def _opening(self, row: int) -> tuple[int, int]:
        """Where the first part of an answer began, and how long the order was when it was due."""
        return next((begun, due) for moment, begun, due in self.begins if self._found.row[moment] == row)

    # -- and back

    def mark(self) -> Mark:
        """Here."""
        return Mark(
            len(self._trail),
            len(self.order),
            len(self.tails),
            len(self.begins),
            self._next_return,
            self._next_invocation,
            self.tail,
            self.token,
            self.trim,
            self.hash,
            len(self.applied),
        )

    def back(self, mark: Mark) -> None:
        """Undo what came after a mark."""
        found = self._found
        for at in range(mark.next_return, self._next_return):
            self.ahead.add(self._by_return[at])
        while len(self._trail) > mark.trail:
            what, moment, due = self._trail.pop()
            if what == _DECLINED:
                self.begun.take_back(moment)
            elif what == _PLACED:
                self._done[moment] = 0
                self.begun.displace(moment)
                self.ahead.discard(moment)
                self.pending[moment] = due
                if found.sort[moment] in _EXACT:
                    self._at[found.tail[moment]] += 1
            else:
                del self.pending[moment]
        while len(self.applied) > mark.applied:
            number, start = self.applied.pop()
            self._candidates.give_back(number)
            for position in range(start, start + self._pool.size[number]):
                del self.rules.placed[position]
        del self.order[mark.order :]
        del self.tails[mark.tails :]
        del self._reached[mark.tails :]
        del self.begins[mark.begins :]
        self._next_return, self._next_invocation = mark.next_return, mark.next_invocation
        self.tail, self.token, self.trim, self.hash = mark.tail, mark.token, mark.trim, mark.hash

    def sequence(self) -> list[tuple[int, bool]]:
        """What was placed, in order: (row, is it the operation's second moment?), beginnings of reads included."""
        starts: dict[int, list[int]] = {}
        for moment, begun, due in self.begins:
            place = max(self._reached[bisect_left(self.tails, begun)], due)
            starts.setdefault(place, []).append(moment)
        return sequence(self.order, starts, self._found, self._pool, self.rules, self.begun)


def _contradicted(chain: Chain) -> set[int]:
    """Acknowledged appends that cannot stand where they say: by their length, or by what was read there."""
    source, held = chain.source, chain.contents
    sent = chain.stream.history.appends.digest[source.acked_record]
    return {*source.impossible.tolist(), *source.acked_row[sent != held.digest[held.acked_at]].tolist()}
