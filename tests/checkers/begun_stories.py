"""Small random histories about answers in parts that start relative to the tail, with an empty first part.

Nothing makes them true: what is told is drawn, near what could be. So some can be explained, and most cannot.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

from fencepost.testing import Op, append, check_tail, part, read
from tests.checkers.stories import Story


def begun_story(seed: int) -> Story:
    """One to four appends, one or two such answers, and perhaps a check-tail."""
    random = Random(seed)
    drawing = _Drawing(random)
    ops = [drawing.append() for _ in range(random.randint(1, 4))]
    ops += [drawing.answer() for _ in range(random.choice((1, 1, 2)))]
    if random.random() < 0.3:
        begin = random.randint(0, drawing.latest)
        tail = random.randint(drawing.first, drawing.tail)
        ops.append(check_tail(next(drawing.processes), begin, begin + random.randint(1, 3), tail))
    return Story(tuple(ops), drawing.first, "", f"seed {seed}: a beginning")


class _Drawing:
    """``words`` are what lies in the stream, by position, from ``first`` to ``tail``. Times are ns."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.first = self.tail = random.choice((0, 0, 0, 0, 1, 2))
        self.words: dict[int, str] = {}
        self.processes = count()
        self._now = 0
        self._names = iter("abcdefghijklmnop")
        self._sized, self._trims = random.random() < 0.4, random.choice((0.0, 0.45, 0.45, 0.45))

    @property
    def latest(self) -> int:
        """The last time at which something is drawn to begin."""
        return max(self._now + 6, 10)

    def append(self) -> Op:
        """Acknowledged where it stands; or of unknown outcome, and perhaps nowhere."""
        random = self._random
        batch = [self._word() for _ in range(random.choice((1, 1, 2)))]
        invoked, lost, start = self._now + random.randint(0, 3), random.random() < 0.25, self.tail
        self._now = invoked + random.randint(0, 4)
        if not lost or random.random() < 0.6:
            self.words |= dict(enumerate(batch, self.tail))
            self.tail += len(batch)
        ended = None if lost else invoked + random.randint(1, 9)
        return append(next(self.processes), invoked, ended, " ".join(batch), ack=None if lost else start)

    def _word(self) -> str:
        random = self._random
        if random.random() < self._trims:
            return f"trim={random.randint(0, self.tail + 3)}"
        return next(self._names) + (f"~{random.choice((20, 40))}" if self._sized else "")

    def answer(self) -> Op:
        """What was returned is of one piece, and may be nothing."""
        random, tail = self._random, self.tail
        given: dict[str, Any] = random.choice((
            {}, {"tail_offset": random.randint(0, tail + 1)}, {"start": random.randint(0, tail + 1), "clamp": True},
        ))  # fmt: skip
        given |= random.choice((
            {}, {}, {"wait": 1}, {"count": random.choice((0, 1, 2, 5))}, {"bytes": random.choice((10, 20, 40, 60))},
            {"until": 1000 + random.randint(0, tail + 1)},
        ))  # fmt: skip
        invoked = random.randint(0, self.latest // 2)
        time = invoked + random.randint(1, 4)
        parts, at = [part(time, "", followed=random.randint(0, tail))], random.randint(0, tail)
        for _ in range(random.choice((0, 0, 1, 2))):
            time += random.randint(1, 4)
            words = self._from(at, random.choice((0, 1, 1, 2)))
            parts.append(part(time, " ".join(words), at=at, followed=None if words else random.randint(0, tail)))
            at += len(words)
        rest: dict[str, Any] = {"failed": "rate_limited"}
        if random.random() < 0.75:
            rest = {"saw": " ".join(self._from(at, random.choice((0, 0, 1)))), "at": at}
        session = random.choice((None, invoked, invoked))
        ended = time + random.randint(1, 4)
        return read(next(self.processes), invoked, ended, session=session, parts=parts, **given, **rest)

    def _from(self, position: int, most: int) -> list[str]:
        found = []
        while len(found) < most and position + len(found) in self.words:
            found.append(self.words[position + len(found)])
        return found
