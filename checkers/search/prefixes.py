"""Batches of a session that nobody saw answered, before one that was refused: how many of them were applied.

They were applied before the refusal or never, and as an ordered prefix. So the choices are few; each is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from ..chain.stream import Stream
from ..chain.ties import batches_of_sessions
from .floats import Floats
from .moments import Moments, Sort


@dataclass(frozen=True, slots=True)
class Prefix:
    """What is supposed: before the refusals (moments) in ``needed`` come these floats; ``barred`` ones never do."""

    needed: dict[int, list[int]] = field(default_factory=dict)
    barred: list[int] = field(default_factory=list)


def prefixes(stream: Stream, found: Moments, pool: Floats) -> Iterator[Prefix]:
    """Every combination of prefixes; one that supposes nothing, where no session has any."""
    open_sessions = list(_open(stream, found, pool))
    for lengths in product(*(range(len(floats) + 1) for _, floats in open_sessions)):
        supposed = Prefix()
        for (refusal, floats), length in zip(open_sessions, lengths, strict=True):
            supposed.needed[refusal] = floats[:length]
            supposed.barred.extend(floats[length:])
        yield supposed


def _open(stream: Stream, found: Moments, pool: Floats) -> Iterator[tuple[int, list[int]]]:
    """The first refusal of each session that has any, and the floats before it."""
    refusals = (Sort.TAIL_REFUSAL, Sort.TOKEN_REFUSAL, Sort.SILENT_REFUSAL)
    sessions = batches_of_sessions(stream)
    if not sessions:
        return
    moments = {found.row[moment]: moment for moment in range(len(found)) if found.sort[moment] in refusals}
    for batches in sessions:
        at = next((at for at, row in enumerate(batches) if row in moments), 0)
        floats = [pool.index[row] for row in batches[:at] if row in pool.index]
        if floats:
            yield moments[batches[at]], floats
