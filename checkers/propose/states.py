"""The states of a stream, from the appends that took effect."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..kernel.columns import Requirements
from ..kernel.facts import trimming
from .tails import Chain


def chain_of(asked: Requirements, start: Int64s, token: int) -> tuple[Chain, Int64s] | None:
    """The states, and the appends (moments) between them; None if these do not lie side by side.

    ``start`` is where each append took effect (NONE: nowhere), ``token`` the first one in force.
    """
    columns, base = asked.asked, asked.tail
    appends = np.flatnonzero(start != NONE)
    at = start[appends]
    if (at[1:] < at[:-1]).any():
        order = np.argsort(at, kind="stable")
        appends, at = appends[order], at[order]
    tail = np.concatenate(([base], at + columns.high[appends] - columns.low[appends]))
    if not np.array_equal(tail[:-1], at):
        return None
    states = len(tail)
    fences = np.flatnonzero(columns.fence[appends] != NONE)
    begins, tokens = np.append(0, fences + 1), np.append(token, columns.fence[appends[fences]])
    at_or_beyond = np.zeros(int(tail[-1]) - base + 2, dtype=np.int64)
    at_or_beyond[tail - base + 1] = 1
    np.cumsum(at_or_beyond, out=at_or_beyond)
    return Chain(
        tail=tail,
        token=np.repeat(tokens, np.diff(np.append(begins, states))),
        floor=tail if asked.history.header.retention_ms is not None else _floor(asked, appends, at),
        at=at_or_beyond[:-1],
        slots=np.sort((tokens + 2) * states + begins),
    ), appends


def last_states(chain: Chain, tail: Int64s) -> Int64s:
    """The last state whose tail is at most a given one."""
    state = chain.at.take(tail - chain.tail[0], mode="clip")
    return np.asarray(state - (chain.tail[state] > tail), dtype=np.int64)


def _floor(asked: Requirements, appends: Int64s, at: Int64s) -> Int64s:
    """Below which position records may be gone, by state."""
    floor = np.full(len(at) + 1, asked.tail, dtype=np.int64)
    state, to = trimming(asked, appends, at)
    np.maximum.at(floor, state + 1, to)
    return np.asarray(np.maximum.accumulate(floor), dtype=np.int64)
