"""Appends of deposed writers: those that gave a token which a newer fence had replaced."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .activity import Activity, Bools

_INITIAL: Final = -1
_ANYWHERE: Final = np.iinfo(np.int64).max


def zombies(activity: Activity) -> Bools:
    """Appends that gave a replaced token, whatever became of them. Shape (n,).

    Let *F* be the acknowledged fence with the highest position among those that returned before the append was
    invoked. The append is a zombie's if it gave another token than *F* set, if that token was in force below *F*
    (set there by an acknowledged fence, or the stream's first), and if no fence that might have set it again
    (at a higher position, or not acknowledged) was invoked before the append ended. In O(n log n).
    """
    history = activity.history
    found = np.zeros(len(history), dtype=np.bool_)
    # The closing fence counts here: it deposes writers as any other does.
    fences = (history.kind == Kind.APPEND) & (history.appends.last_fence != NONE) & (history.outcome != Outcome.FAILED)
    fences_of = dict(activity.by_stream(fences))
    for stream, rows in activity.by_stream(activity.appends & (history.appends.token != NONE)):
        if stream in fences_of:
            found[rows] = _zombies(history, stream, rows, fences_of[stream])
    return found


def _zombies(history: History, stream: int, rows: Int64s, fences: Int64s) -> Bools:
    """Which of the rows, appends of one stream that gave a token; ``fences`` are its fences that may have applied."""
    appends = history.appends
    acked = fences[appends.start[fences] != NONE]
    if not len(acked):
        return np.zeros(len(rows), dtype=np.bool_)
    by_return = acked[np.argsort(history.returned[acked], kind="stable")]
    highest = np.maximum.accumulate(appends.start[by_return])
    known = np.searchsorted(history.returned[by_return], history.invoked[rows], side="left") - 1
    position = np.where(known >= 0, highest[known], _INITIAL)

    by_position = acked[np.argsort(appends.start[acked], kind="stable")]
    at = np.searchsorted(appends.start[by_position], position, side="right") - 1
    in_force = appends.last_fence[by_position][at]
    given = appends.token[rows].astype(np.int64)
    settings = _Settings(history, stream, fences)
    replaced = (known >= 0) & (given != in_force) & settings.was_set_below(given, position)
    return np.asarray(replaced & ~settings.may_be_set_above(given, position, history.ended[rows]))


class _Settings:
    """Where and when the tokens of one stream were set, sorted by (token, position)."""

    def __init__(self, history: History, stream: int, fences: Int64s) -> None:
        start = history.appends.start[fences]
        token = history.appends.last_fence[fences].astype(np.int64)
        position = np.where(start == NONE, _ANYWHERE, start)
        invoked = history.invoked[fences]
        first = history.header.streams[stream].fencing_token
        if first is not None and first in history.tokens:
            token = np.append(token, history.tokens.index(first))
            position, invoked = np.append(position, _INITIAL), np.append(invoked, 0)
        order = np.lexsort((position, token))
        self._token, self._position, invoked = token[order], position[order], invoked[order]
        self._moments = np.sort(invoked)
        self._earliest = self._earliest_from_here(np.searchsorted(self._moments, invoked))

    def _earliest_from_here(self, rank: Int64s) -> Int64s:
        """The least rank from each entry to the last of its token.

        One running minimum from the end serves all tokens: each is lifted by a step of its own, and the lower
        tokens, which come later, by less.
        """
        step = len(rank) + 1
        lifted = rank + self._token * step
        return np.minimum.accumulate(lifted[::-1])[::-1] - self._token * step

    def _index(self, token: Int64s, position: Int64s, side: Literal["left", "right"]) -> Int64s:
        """How many entries are below (token, position) (left), or not above it (right)."""
        # Positions are replaced by their ranks, so that token · size + rank cannot overflow.
        ranks = np.unique(np.concatenate((self._position, position)))
        keys = self._token * len(ranks) + np.searchsorted(ranks, self._position)
        return np.searchsorted(keys, token * len(ranks) + np.searchsorted(ranks, position), side=side)

    def was_set_below(self, token: Int64s, position: Int64s) -> Bools:
        """Whether each token was set at a position below the one beside it. Shape of the arguments."""
        before = self._index(token, position, "left") - 1
        return np.asarray((before >= 0) & (self._token[before] == token))

    def may_be_set_above(self, token: Int64s, position: Int64s, until: Int64s) -> Bools:
        """Whether each token may have been set above the position, by an operation invoked until then (ns)."""
        after = np.minimum(self._index(token, position, "right"), len(self._token) - 1)
        above = (self._token[after] == token) & (self._position[after] > position)
        return np.asarray(above & (self._earliest[after] < np.searchsorted(self._moments, until, side="right")))
