"""The order that a replay found, as a list of moments of operations: the proof that a stream is valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fencepost.harness.history.history import NONE

from .answers import ReadRules
from .begun import Begun
from .floats import Floats
from .moments import Moments, Sort


def sequence(
    order: Sequence[int],
    starts: Mapping[int, Sequence[int]],
    found: Moments,
    pool: Floats,
    rules: ReadRules,
    begun: Begun,
) -> list[tuple[int, bool]]:
    """What was placed, in order: (row, is it the operation's second moment?), beginnings of reads included.

    ``order`` has moments as they are and floats ``f`` as ``~f``. ``starts`` tells, by the place in it, which reads (by
    their moment) began just before.
    """
    listed: list[tuple[int, bool]] = []
    for place, one in enumerate(order):
        listed += ((found.row[moment], False) for moment in starts.get(place, ()))
        if one < 0:
            listed.append((pool.row[~one], False))
            continue
        row = found.row[one]
        answer = rules.answers[row] if found.sort[one] == Sort.READ else None
        apart = answer is not None and (answer.moves or answer.opening != NONE)
        listed.append((row, found.second[one] or apart))
        listed += ((later, False) for later in begun.with_it(one))
    return listed
