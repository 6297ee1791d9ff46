"""Placement and the search, broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import numpy as np

from fencepost.checkers import holes
from fencepost.checkers.chain import chain, placement
from fencepost.checkers.judgement import Judgement
from fencepost.checkers.linearizability import judging, one_stream
from fencepost.checkers.search import answers as search_answers
from fencepost.checkers.search import decide, floats, log, search
from fencepost.checkers.search.answers import Answer
from fencepost.checkers.search.beginnings import BeginningRules
from fencepost.checkers.search.candidates import Candidates
from fencepost.checkers.search.moments import Sort
from fencepost.checkers.search.prefixes import Prefix
from fencepost.checkers.search.replay import Replay
from fencepost.checkers.structure import agreement
from fencepost.harness.history.history import FOREVER, NONE, History
from tests.checkers.mutating import Mutation, Patch, around, instead, seeing


def _naive(found: Any, rows: list[int], fits: Any) -> Any:
    return dict(zip(rows, found, strict=False))


def _unordered_candidates(chain_: Any, frontier: Any, start: int, end: int, ragged: bool) -> tuple[int, ...]:
    appends, rows = chain_.stream.history.appends, chain_.unused
    return tuple(row for row in rows.tolist() if appends.offset[row + 1] - appends.offset[row] <= end - start)


PLACEMENT: Final = (
    Mutation("a reading that is guessed is certain", instead(placement.Placement, "guessed", False)),
    Mutation("nothing that was read is placed", instead(chain, "_place_floating", lambda *_: placement.Placement({}))),
    Mutation("there are no holes", instead(one_stream, "find_holes", lambda *_: [])),
    Mutation("a hole takes what was invoked too late", instead(holes, "_candidates", _unordered_candidates)),
)


# -- the search


def _floats(**columns: Any) -> Callable[[Patch], None]:
    """Appends of unknown outcome as if these were their columns: a value for each."""

    def change(found: Any, *_: Any) -> Any:
        for name, value in columns.items():
            setattr(found, name, [value] * len(found))
        return found

    return around(decide, "floats", change)


def _twins(found: Any, *_: Any) -> Any:
    found.group = list(found.size)
    return found


def _satisfied(sort: Sort, by: Callable[[Any, int], bool]) -> Callable[[Patch], None]:
    original = Replay._satisfied
    return instead(
        Replay,
        "_satisfied",
        lambda self, moment: by(self, moment) if self._found.sort[moment] == sort else original(self, moment),
    )


def _freely(self: Any, moment: int) -> bool:
    return bool(self._freed(moment))


def _first_option(self: Any, position: int, chained: int | None, original: Any = Candidates.at) -> Any:
    return islice(original(self, position, chained), 1)


def _no_open_end(self: Any, position: int, chained: int | None, original: Any = Candidates.at) -> Any:
    return iter(()) if self.limit(position) == NONE else original(self, position, chained)


def _may_begin(self: Any, one: Any, tail: int, trim: int) -> bool:
    return bool(self.rules.answers[one.opening].may_begin(tail))


def _forgetting(at: int) -> Callable[[Patch], None]:
    """The memory without one thing that the future depends on."""
    original = Replay.key
    return instead(Replay, "key", lambda self: (*original(self)[:at], *original(self)[at + 1 :]))


def _begins_anywhere(self: Answer, tail: int) -> bool:
    return self.start_at(tail) <= tail


def _without_hashes(history: History) -> History:
    return replace(history, reads=replace(history.reads, hashed=np.zeros_like(history.reads.hashed)))


def _by_one_name(agreed: bool, judgement: Judgement) -> bool:
    found = judgement.findings.violations()
    return agreed or not any(violation.anomaly in agreement._WHOEVER for violation in found)


def _first_token_only(found: Any, *_: Any) -> Any:
    return list(found)[:1]


SEARCH: Final = (
    Mutation("an append is applied before it was invoked", instead(Replay, "frontier", FOREVER)),
    Mutation("an unread append has no match_seq_num", _floats(match=NONE)),
    Mutation("an unread append has no token", _floats(token=NONE)),
    Mutation("an unread append fences nobody", _floats(fence=NONE)),
    Mutation("an unread append trims nothing", _floats(trims={})),
    Mutation("an unread batch of a session needs none before it", _floats(before_floats=[])),
    Mutation("what is of one size is equal", around(decide, "floats", _twins)),
    Mutation("an unread batch comes after the failure of its session", instead(floats, "_failed", lambda *_: False)),
    Mutation("batches before a refusal were not applied", instead(decide, "prefixes", lambda *_: [Prefix()])),
    Mutation("an exact tail may be missed", instead(Replay, "_missed", lambda self: False)),
    Mutation("only the clock orders", instead(Replay, "_freed", lambda self, moment: True)),
    Mutation("a refusal by token says nothing to a search", _satisfied(Sort.TOKEN_REFUSAL, _freely)),
    Mutation("a refusal without a body says nothing to a search", _satisfied(Sort.SILENT_REFUSAL, _freely)),
    Mutation("a read says nothing to a search", instead(Replay, "_read", _freely)),
    Mutation("the tail of a 412 need not have been refused", instead(Replay, "_refused_by_tail", lambda *_: True)),
    Mutation("nobody is refused by a tail", instead(Replay, "_refused_by_tail", lambda *_: False)),
    Mutation("nothing is out of range", instead(search_answers.ReadRules, "unsatisfiable", lambda *_: False)),
    Mutation("the first candidate is the only one", instead(Candidates, "at", _first_option)),
    Mutation("past the last boundary nothing was applied", instead(Candidates, "at", _no_open_end)),
    Mutation("the memory forgets the token", _forgetting(1)),
    Mutation("the memory forgets what is left", _forgetting(4)),
    Mutation("the memory forgets the hash", _forgetting(3)),
    Mutation("the memory forgets which beginnings wait, and where others were", _forgetting(9)),
    Mutation("an answer begins where it is first due", instead(BeginningRules, "surely", _may_begin)),
    Mutation("no trim to come explains a beginning", instead(BeginningRules, "perhaps", lambda *_: False)),
    Mutation("an answer begins where a trim has to come", instead(search, "later", log.here)),
    Mutation("any beginning explains what came later", instead(BeginningRules, "explains", lambda *_: True)),
    Mutation("the first token that is named is it", around(decide, "_first_tokens", _first_token_only)),
    Mutation("a hash says nothing", seeing(_without_hashes)),
    Mutation("a read that is not to follow may begin at the tail", instead(Answer, "may_begin", _begins_anywhere)),
    Mutation("a tail that a follower tells need not have been", instead(search_answers, "_was", lambda *_: True)),
    Mutation("a guess is as good as what is certain", instead(judging, "agrees", lambda judgement: True)),
    Mutation("what shows under another name as well is a guess", around(judging, "agrees", _by_one_name)),
    Mutation("sessions with lost batches are not searched", instead(judging, "_pipelined", lambda stream: False)),
)
