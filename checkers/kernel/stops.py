"""The tails that there may have been: those of certain appends, and those in holes to which a filling leads."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from .columns import Requirements, spans
from .facts import Facts, ascending
from .fillings import Fillings
from .least import Stops


def all_stops(asked: Requirements, facts: Facts, made: Fillings, expires: bool) -> Stops:
    """Every tail that there may have been, with the tokens and trim points that may have been there."""
    columns, base = asked.asked, asked.tail
    layers = dict(zip(made.at, made.states, strict=True))
    at = np.array(sorted(tail for tail, states in layers.items() if states), dtype=np.int64)
    fencing = columns.fence[facts.chain] != NONE
    fences, set_to = facts.ends[fencing], columns.fence[facts.chain][fencing]
    runs = ascending(np.concatenate((at, fences)))
    latest = np.searchsorted(fences, runs, side="right") - 1
    # A token is certain from a certain fence on, up to the next hole; elsewhere the states tell.
    holes = np.array([(base - 1, base - 1), *facts.holes(asked), (facts.top, FOREVER)], dtype=np.int64)
    filled = holes[np.searchsorted(holes[:, 0], runs) - 1, 1]
    sure = np.concatenate((fences, [NONE]))[latest] > filled
    tokens: list[int] = []
    times: list[int] = []
    trims: list[int] = []
    counts: list[int] = []
    states = layers[base]
    for tail, single, k in zip(runs.tolist(), sure.tolist(), latest.tolist(), strict=True):
        states = layers.get(tail) or states
        found: dict[int, int] = {}
        for state in states:
            token = int(set_to[k]) if single else state.token
            found[token] = min(found.get(token, FOREVER), state.time)
        tokens += found
        times += found.values()
        trims.append(max(state.trim for state in states))
        counts.append(len(found))
    wild = np.arange(made.wild[0], made.wild[1] + 1) if made.wild else at[:0]
    tails = ascending(np.concatenate((at, facts.ends, wild)))
    run = np.searchsorted(runs, tails, side="right") - 1
    return Stops(
        tail=tails,
        floor=tails.copy() if expires else _floors(asked, facts, tails, np.array(trims, dtype=np.int64)[run]),
        run=run,
        low=np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        token=np.array(tokens, dtype=np.int64),
        time=np.array(times, dtype=np.int64),
    )


def _floors(asked: Requirements, facts: Facts, tails: Int64s, trims: Int64s) -> Int64s:
    """The highest trim point that there may have been at each tail; ``trims`` are those of unknown outcome."""
    columns, records, chain = asked.asked, asked.records, facts.chain
    floor = np.full(len(tails), asked.tail, dtype=np.int64)
    counts = columns.trim_high[chain] - columns.trim_low[chain]
    trim = spans(columns.trim_low[chain], counts)
    start = np.repeat(facts.place[chain], counts)
    to = np.minimum(records.trim_to[trim], start + records.trim_index[trim] + 1)
    np.maximum.at(floor, np.searchsorted(tails, np.repeat(facts.ends, counts)), to)
    return np.maximum(np.maximum.accumulate(floor), np.minimum(trims, tails))
