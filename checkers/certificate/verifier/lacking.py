"""Why an append of unknown outcome that a log does not try next cannot come next, or need not be tried.

Each reason is recomputed from the raw history: a known tail that it would reach over, contents that were read where it
would stand, a record of it that was read elsewhere, a stretch that no sum of sizes fills, a hash that it would lead
away from, or a twin of it that was invoked earlier. What is not excluded here must have been tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from fencepost.harness.history.history import NONE

from .asked import EXACT, Ask, Asked
from .hashes import fold
from .replaying import Replay, Situation
from .unhash import before


class Lacking:
    """The reasons, for the floats of one stream. ``barred`` (bits) are supposed never to be applied."""

    def __init__(self, replay: Replay) -> None:
        self._replay, self._asked = replay, replay.asked
        self.barred = 0
        self._boundaries = _boundaries(self._asked)
        self._read = self._unacknowledged()
        self._homes = self._only_senders()
        self._classes = self._twins()
        self._targets = self._known_hashes() if replay.hashed else {}
        self._completing: dict[tuple[int, int], dict[int, list[int]]] = {}
        self._least = min((one.size for one in self._asked.floats), default=0)

    def untried(self, s: Situation, tried: set[int]) -> int:
        """A float that may come next in a situation and is not among those ``tried``; NONE if there is none."""
        if self._replay.acknowledged(s) or self._replay.missed(s):
            return NONE  # only that append begins there, or: what names this tail cannot be placed at it
        limit = self._limit(s.tail)
        missing = [n for n in self._offered(s) if n not in tried and self._stands(s, n, limit)]
        if not missing or not self._fills(s, limit):
            return NONE
        return next((number for number in missing if self._leads(s, number, limit)), NONE)

    def _offered(self, s: Situation) -> Iterator[int]:
        """Of each class the first that is left.

        Twins agree in all that matters. If an order has a later one here, exchange the two: the first was invoked no
        later, so it is due; and the other one's place comes later than here, where it was due itself.
        """
        gone = s.applied | self.barred
        for members in self._classes:
            number = next((one for one in members if not gone >> one & 1), NONE)
            if number != NONE and self._replay.may_apply(s, number):
                yield number

    def _stands(self, s: Situation, number: int, limit: int) -> bool:
        """Does it reach over no tail that there was, and hold what was read there, and nothing that is elsewhere?"""
        one = self._asked.floats[number]
        if limit != NONE and s.tail + one.size > limit:
            return False
        if any(self._read.get(at, digest) != digest for at, digest in enumerate(one.digests, s.tail)):
            return False
        return all(
            0 <= position - s.tail < one.size and one.digests[position - s.tail] == digest
            for digest, position in self._homes.get(number, ())
        )

    def _fills(self, s: Situation, limit: int) -> bool:
        """Can what is left fill the stretch to the next tail that there was? Bit n of ``sums``: some make up n."""
        if limit == NONE:
            return True
        length, gone = limit - s.tail, s.applied | self.barred
        left = Counter(one.size for number, one in enumerate(self._asked.floats) if not gone >> number & 1)
        if length > sum(size * count for size, count in left.items()):
            return False
        sums, kept = 1, (1 << (length + 1)) - 1
        for size, count in left.items():
            for _ in range(min(count, length // size)):
                sums |= sums << size & kept
        return bool(sums >> length & 1)

    def _leads(self, s: Situation, number: int, limit: int) -> bool:
        """May it lead to the hash that a whole read asks for at the end of the stretch?"""
        target = self._targets.get(limit)
        if target is None or s.hash is None:
            return True
        one = self._asked.floats[number]
        end, after = s.tail + one.size, fold(one.digests, s.hash)
        if end == limit:
            return after == target
        if limit - end >= 2 * self._least:
            return True
        # There is room for one more, and not for two: which of that size would end with the hash?
        gone = s.applied | self.barred | 1 << number
        return any(not gone >> other & 1 for other in self._completers(limit, limit - end).get(after, ()))

    def _completers(self, limit: int, size: int) -> dict[int, list[int]]:
        if (limit, size) not in self._completing:
            found: dict[int, list[int]] = {}
            for number, one in enumerate(self._asked.floats):
                if one.size == size:
                    needed = before(self._targets[limit], one.digests)
                    if needed is not None:
                        found.setdefault(needed, []).append(number)
            self._completing[limit, size] = found
        return self._completing[limit, size]

    # -- what is certain beforehand

    def _limit(self, position: int) -> int:
        at = bisect_right(self._boundaries, position)
        return self._boundaries[at] if at < len(self._boundaries) else NONE

    def _unacknowledged(self) -> dict[int, int]:
        """What was read past the first tail that no acknowledged append put there: so a float did, if any."""
        appends = self._asked.history.appends
        acked = sorted(
            (moment.at, moment.row) for moment in self._asked.moments
            if moment.ask is Ask.APPEND
            and appends.end[moment.row] - moment.at == appends.offset[moment.row + 1] - appends.offset[moment.row]
        )  # fmt: skip
        starts, first = [start for start, _ in acked], self._asked.history.header.streams[self._asked.stream].tail
        found = {}
        for position, (digest, _) in self._replay.sizes.read.items():
            at = bisect_right(starts, position) - 1
            own = False
            if at >= 0:
                start, row = acked[at]
                record = int(appends.offset[row]) + position - start
                own = record < appends.offset[row + 1] and int(appends.digest[record]) == digest
            if position >= first and not own:
                found[position] = digest
        return found

    def _only_senders(self) -> dict[int, list[tuple[int, int]]]:
        """Floats with a content that was read, and that no other float holds: it stands where it was read."""
        holders: dict[int, set[int]] = {}
        for number, one in enumerate(self._asked.floats):
            for digest in one.digests:
                holders.setdefault(digest, set()).add(number)
        found: dict[int, list[tuple[int, int]]] = {}
        for position, digest in self._read.items():
            if len(holders.get(digest, ())) == 1:
                found.setdefault(next(iter(holders[digest])), []).append((digest, position))
        return found

    def _twins(self) -> list[list[int]]:
        """Floats that agree in all that can matter, the first invoked first.

        Contents matter where any was read, or whole reads have hashes; the sizes of records where a read may have ended
        for want of room; and who is of a session, or comes after something in its process, is nobody's twin.
        """
        wanted, sizes_matter = set(self._read.values()), self._replay.sizes_matter
        classes: dict[tuple[object, ...], list[int]] = {}
        for number, one in enumerate(self._asked.floats):
            told = self._replay.hashed or any(digest in wanted for digest in one.digests)
            alone = self._asked.history.session[one.row] != NONE or bool(one.before)
            key = (
                one.size,
                one.match,
                one.token,
                one.fence,
                tuple(one.trims.items()),
                one.digests if told else (),
                one.sizes if sizes_matter else (),
                number if alone else NONE,
            )
            classes.setdefault(key, []).append(number)
        return list(classes.values())

    def _known_hashes(self) -> dict[int, int]:
        """The hash that the contents must have at some tails: of whole reads, and of what leads to them for certain."""
        history, appends = self._asked.history, self._asked.history.appends
        known = {m.at: int(history.reads.stream_hash[m.row]) for m in self._asked.moments if m.ask is Ask.WHOLE}
        acked = sorted(((m.at, m.row) for m in self._asked.moments if m.ask is Ask.APPEND), reverse=True)
        for start, row in acked:
            end = int(appends.end[row])
            if start not in known and end in known:
                digests = appends.digest[appends.offset[row] : appends.offset[row + 1]].tolist()
                needed = before(known[end], digests)
                if needed is not None:
                    known[start] = needed
        return known


def _boundaries(asked: Asked) -> list[int]:
    """Tails that there were, if all answers are right: no batch reaches over one."""
    history, found = asked.history, set[int]()
    for moment in asked.moments:
        if moment.ask is Ask.APPEND:
            found |= {moment.at, int(history.appends.end[moment.row])}
        elif moment.ask in EXACT:
            found.add(moment.at)
        elif moment.ask is Ask.READ and history.reads.tail[moment.row] != NONE:
            found.add(int(history.reads.tail[moment.row]))
    return sorted(found)
