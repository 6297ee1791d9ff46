"""What random clients ask for: mostly what can be had, sometimes what cannot."""

from __future__ import annotations

from random import Random

from fencepost.harness import s2
from tests.checkers.stories import TOKENS


def random_conditions(random: Random, tail: int, token: str) -> tuple[int | None, str | None]:
    """The ``match_seq_num`` and the fencing token of an append to a stream with this tail and token."""
    match = random.choice((None, None, tail, tail, max(0, tail - 1), random.randint(0, tail + 3)))
    given = random.choice((None, None, token, token, random.choice(TOKENS), random.choice(TOKENS)))
    return match, given


def random_read(random: Random, tail: int, now: int, timed: bool = False) -> s2.Read:
    """A read of a stream with this tail; ``now`` is the server's clock (ms). If ``timed``, most bounds are times."""
    if timed:
        since = random.choice((None, now + random.randint(-6, 2)))
        until = random.choice((None, now + random.randint(-6, 2)))
        start = {"timestamp": since} if since is not None else {"seq_num": random.randint(0, max(0, tail - 1))}
        bounds = {"count": random.choice((None, None, 0, 1, 1, 2)), "bytes": random.choice((None, None, 5, 20))}
        clamp, wait = random.random() < 0.2, random.choice((None,) * 5 + (1,))
        return s2.Read(**start, **bounds, clamp=clamp, wait=wait, until=until)  # type: ignore[arg-type]
    start = {
        "seq_num": random.choice((0, 0, 0, random.randint(0, tail), tail, tail + random.randint(0, 2))),
        "tail_offset": random.randint(0, tail + 1),
        "timestamp": now + random.randint(-3, 2),
    }
    which = random.choice(("seq_num",) * 6 + ("tail_offset", "timestamp", "timestamp", None))
    bounds = {
        "clamp": random.random() < 0.2,
        "count": random.choice((None,) * 5 + (0, 1, 2, 3)),
        "bytes": random.choice((None,) * 6 + (5, 20, 40)),
        "until": random.choice((None,) * 6 + (now, now + 1)),
        "wait": random.choice((None,) * 5 + (0, 1)),
    }
    return s2.Read(**({which: start[which]} if which else {}), **bounds)  # type: ignore[arg-type]
