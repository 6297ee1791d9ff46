"""Whether appends, tails and refusals were answered rightly, each in the state of its moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, Int64s, Kind, Outcome

from .log import States
from .moments import Moments
from .refutation import require


@dataclass(frozen=True, slots=True)
class At:
    """Rows, and the state before the moment of each: the tail and the token in force."""

    rows: Int64s
    tail: Int64s
    token: Int64s


def at(moments: Moments, states: States, chosen: NDArray[np.bool_], last: bool = False) -> At:
    """The state of some of the stream's rows at their first (or last) moment."""
    place = (moments.last if last else moments.first)[chosen]
    return At(moments.rows[chosen], states.tail[place], states.token[place])


def check(moments: Moments, states: States) -> None:
    """Raises Refuted where an answer is not what its state asks for."""
    _appends(moments, at(moments, states, moments.applied))
    history, rows = moments.history, moments.rows
    ok = history.outcome[rows] == Outcome.OK
    late = moments.applied & ok & (moments.first != moments.last)
    end = at(moments, states, late, last=True)
    require(history, end.rows, history.appends.tail[end.rows] == end.tail, "was acknowledged with another tail")
    tails = ok & (history.observed_tail[rows] != NONE)
    seen = at(moments, states, tails)
    require(
        history, seen.rows, history.observed_tail[seen.rows] == seen.tail, "was answered another tail than there was"
    )
    failed = (history.outcome[rows] == Outcome.FAILED) & (moments.first != NONE)
    _refusals(moments, at(moments, states, failed & (history.kind[rows] == Kind.APPEND)))
    _out_of_range(moments, at(moments, states, failed & (history.kind[rows] != Kind.APPEND)))


def _appends(moments: Moments, state: At) -> None:
    history, appends, rows = moments.history, moments.history.appends, state.rows
    size = appends.offset[rows + 1] - appends.offset[rows]
    token, match = appends.token[rows], appends.match_seq_num[rows]
    require(history, rows, size > 0, "was applied, and holds no record")
    require(history, rows, (token == NONE) | (token == state.token), "took effect where its token was not in force")
    require(history, rows, (match == NONE) | (match == state.tail), "took effect at another tail than it asked for")
    acked = history.outcome[rows] == Outcome.OK
    start, end = appends.start[rows], appends.end[rows]
    require(history, rows, ~acked | (start == state.tail), "was acknowledged at another start than it has in the order")
    require(history, rows, ~acked | (end == start + size), "was acknowledged with another number of records")
    require(history, rows, ~acked | (appends.tail[rows] >= end), "was acknowledged with a tail below its end")


def _refusals(moments: Moments, state: At) -> None:
    """A 412 says which condition failed, or (without a body) only that one did. The token is tested first."""
    history, appends, rows = moments.history, moments.history.appends, state.rows
    token, match = appends.token[rows], appends.match_seq_num[rows]
    named, reported = history.token_mismatch[rows], history.seq_num_mismatch[rows]
    token_fails = (token != NONE) & (token != state.token)
    match_fails = (match != NONE) & (match != state.tail)
    by_token, by_match = named != NONE, reported != NONE
    require(history, rows, ~by_token | token_fails, "was refused for its token, which was in force")
    require(history, rows, ~by_token | (named == state.token), "was refused with a token that was not in force")
    require(
        history, rows, ~by_match | ~token_fails, "was refused for its match_seq_num, and its token was not in force"
    )
    require(history, rows, ~by_match | match_fails, "was refused for its match_seq_num, which was the tail")
    require(history, rows, ~by_match | (reported == state.tail), "was refused with a tail that was not there")
    silent = ~by_token & ~by_match
    require(history, rows, ~silent | token_fails | match_fails, "was refused where all that it asked for held")


def _out_of_range(moments: Moments, state: At) -> None:
    """A 416 reports the tail; the read's start is beyond it, or at it if the read does not wait."""
    history, reads, rows = moments.history, moments.history.reads, state.rows
    require(history, rows, history.observed_tail[rows] == state.tail, "was refused with a tail that was not there")
    begins = starts(moments, rows, state.tail)
    unknown = reads.from_timestamp[rows] != NONE  # what there is to read depends on timestamps that nobody may know
    beyond = (begins > state.tail) | ((begins == state.tail) & ~(reads.wait[rows] > 0))
    require(history, rows, unknown | beyond, "was refused as out of range, and there was something to read")


def starts(moments: Moments, rows: Int64s, tail: Int64s) -> Int64s:
    """Where reads begin at a tail; meaningless for those that begin at a timestamp."""
    reads = moments.history.reads
    given = reads.from_seq_num[rows]
    relative = np.maximum(tail - np.maximum(reads.tail_offset[rows], 0), 0)
    clamped = np.where(reads.clamp[rows], np.minimum(given, tail), given)
    return np.where(given == NONE, relative, clamped)
