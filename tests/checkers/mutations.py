"""Ways to break the checker on purpose: each takes one rule away, or bends it. A test has to notice every one.

What two rules hold is not here, since neither is missed while the other is there: a refusal without body or condition
(also a domain without members), a batch that is scattered (also torn), which of equal batches was read where and what
fits a hole (the search finds it as well), an append that tells the first token (also tried).

A mutation changes a function, a class or a constant of the checker at run time, or what the checker gets to see (which
is the same as if it did not look there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np
import pytest

from fencepost.checkers import holes
from fencepost.checkers.chain import chain, placement, ties, tokens, trims, unplaced
from fencepost.checkers.chain.frontier import Frontier
from fencepost.checkers.chain.stream import Stream, streams
from fencepost.checkers.domains import proofs, reading
from fencepost.checkers.domains.domains import Proof
from fencepost.checkers.explanation.sentences import Witness
from fencepost.checkers.judgement import Judgement
from fencepost.checkers.linearizability import checker, judging, one_stream, quick, scan
from fencepost.checkers.search import answers as search_answers
from fencepost.checkers.search import decide, floats, log, search
from fencepost.checkers.search.answers import Answer
from fencepost.checkers.search.beginnings import BeginningRules
from fencepost.checkers.search.candidates import Candidates
from fencepost.checkers.search.moments import Sort
from fencepost.checkers.search.prefixes import Prefix
from fencepost.checkers.search.replay import Replay
from fencepost.checkers.structure import acknowledgements, hashes, reads, records, sessions, tails, timestamps
from fencepost.checkers.structure import tokens as token_checks
from fencepost.harness.history.history import FOREVER, NONE, History

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutation:
    """``name`` says which rule is broken, and how; ``apply`` breaks it."""

    name: str
    apply: Callable[[Patch], None]


def _instead(owner: Any, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(owner, name, value)


def _both(one: Any, other: Any, name: str, value: Any) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        patch.setattr(one, name, value)
        patch.setattr(other, name, value)

    return apply


def _around(owner: Any, name: str, change: Callable[..., Any]) -> Callable[[Patch], None]:
    """What a function returns goes through ``change`` (after its arguments)."""
    original = getattr(owner, name)
    return _instead(owner, name, lambda *given, **named: change(original(*given, **named), *given))


def _without(owner: Any, name: str, nothing: Any = None) -> Mutation:
    where = owner.__name__.rsplit(".", 1)[-1]
    return Mutation(
        f"{where}{'' if name == 'check' else '.'}{name.strip('_')} is not looked at",
        _instead(owner, name, lambda *_: nothing),
    )


def _seeing(change: Callable[[History], History]) -> Callable[[Patch], None]:
    return _instead(checker, "streams", lambda history: streams(change(history)))


def _read_column(name: str, change: Callable[[Any], Any]) -> Callable[[Patch], None]:
    return _seeing(lambda h: replace(h, reads=replace(h.reads, **{name: change(getattr(h.reads, name))})))


# -- the scan


def _at(side: str) -> Any:
    return lambda self, times: np.asarray(self._values[np.searchsorted(self._times, times, side=side)])


def _no_ties(patch: Patch) -> None:
    patch.setattr(ties, "ties", lambda stream: {})
    patch.setattr(judging, "ties", lambda stream: {})


def _unforced(choices: scan.Choices, *_: Any) -> scan.Choices:
    return scan.Choices(choices.slot, np.full_like(choices.lower, NONE), choices.upper)


def _only_acked_first(self: Any, position: int) -> int:
    return 0 if self.ends else NONE


def _last_member(self: Any, position: int) -> int:
    return len(self.ends) - 1 if self.ends and self.ends[-1] >= position else NONE


SCAN: Final = (
    Mutation("equal instants are ordered", _instead(Frontier, "at", _at("right"))),
    Mutation(
        "nothing comes before anything in time",
        _instead(Frontier, "at", lambda self, times: self._values[np.zeros(len(times), dtype=int)]),
    ),
    Mutation("a process is in no order at one instant", _no_ties),
    Mutation("a choice among slots forces nobody", _around(scan, "_choose", _unforced)),
    Mutation("the first slot is chosen, whatever was met", _instead(tokens.Slots, "first_from", _only_acked_first)),
    Mutation("the last slot is chosen", _instead(tokens.Slots, "first_from", _last_member)),
    Mutation(
        "the strict domains alone are scanned",
        _around(one_stream, "wide", lambda found, c, t, a, u: proofs.strict(c, t, a)),
    ),
    Mutation(
        "the wide domains alone are scanned",
        _instead(one_stream, "strict", lambda c, t, a: proofs.wide(c, t, a, unplaced.unplaced(c, t))),
    ),
)


# -- domains


def _less(*dropped: Proof) -> Callable[..., Any]:
    return lambda parts, *_: [part for part in parts if part.proof not in dropped]


def _bound_when_seen(found: Any, chain_: Any, parts: Any) -> Any:
    ended = chain_.stream.history.ended[found.row]
    return replace(found, returned=np.where(found.proof == Proof.SEEN_APPEND, ended, found.returned))


def _bent(proof: Proof, **by: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """A bound of a part of Reading: ``by`` gives the new column from the part, the answers and those of its rows."""

    def change(parts: Any, self: Any) -> Any:
        found = self._answers
        bent = []
        for part in parts:
            if part.proof == proof:
                at = np.searchsorted(found.row, part.row)
                part = replace(part, **{name: new(part, found, at) for name, new in by.items()})
            bent.append(part)
        return bent

    return change


def _after(by: int) -> Callable[[Patch], None]:
    return _around(one_stream, "answers", lambda a, *_: replace(a, after=np.where(a.count > 0, a.after + by, a.after)))


def _answer(**columns: Any) -> Callable[[Patch], None]:
    def change(found: Any, *_: Any) -> Any:
        return replace(found, **{name: np.full_like(getattr(found, name), value) for name, value in columns.items()})

    return _around(one_stream, "answers", change)


def _forever(part: Any, *_: Any) -> Any:
    return np.full_like(part.upper, FOREVER)


DOMAINS: Final = (
    Mutation("a tail in an acknowledgement says nothing", _around(proofs, "appends_and_tails", _less(Proof.ACK_TAIL))),
    Mutation("a check-tail says nothing", _around(proofs, "appends_and_tails", _less(Proof.CHECK_TAIL))),
    Mutation("a 416 says nothing", _around(proofs, "appends_and_tails", _less(Proof.OUT_OF_RANGE))),
    Mutation("the tail of a 412 says nothing", _around(proofs, "appends_and_tails", _less(Proof.SEQ_NUM_MISMATCH))),
    Mutation(
        "an append of unknown outcome has no time", _around(proofs, "appends_and_tails", _less(Proof.SEEN_APPEND))
    ),
    Mutation("an acknowledged append has no time", _around(proofs, "appends_and_tails", _less(Proof.APPEND))),
    Mutation("a refusal by token says nothing", _instead(proofs, "_refusals", lambda *_: None)),
    Mutation("a refusal without a body says nothing", _instead(proofs, "_refusing", lambda *_: None)),
    Mutation("what is indefinite has returned when its client gave up", _around(proofs, "gather", _bound_when_seen)),
    Mutation("records seen prove one less", _after(-1)),
    Mutation("records seen prove one more", _after(1)),
    Mutation("a read is never exact", _around(reading.Reading, "parts", _bent(Proof.READ, upper=_forever))),
    Mutation(
        "records seen are no lower bound",
        _around(reading.Reading, "parts", _bent(Proof.READ, lower=lambda part, *_: np.zeros_like(part.lower))),
    ),
    Mutation(
        "an empty answer proves one less",
        _around(
            reading.Reading,
            "parts",
            _bent(
                Proof.READ,
                lower=lambda part, found, at: np.where(
                    (found.count[at] == 0) & ~found.waits[at], part.lower - 1, part.lower
                ),
            ),
        ),
    ),
    Mutation(
        "an empty answer is exact",
        _around(
            reading.Reading,
            "parts",
            _bent(Proof.READ, upper=lambda part, found, at: np.where(found.count[at] == 0, part.lower, part.upper)),
        ),
    ),
    Mutation("a followed tail says nothing", _around(reading.Reading, "parts", _less(Proof.FOLLOWED))),
    Mutation(
        "a followed tail is exact",
        _around(reading.Reading, "parts", _bent(Proof.FOLLOWED, upper=lambda part, *_: part.lower)),
    ),
    Mutation(
        "a start relative to the tail says nothing when waiting", _instead(reading.Reading, "_starts", lambda self: [])
    ),
    Mutation("a start relative to the tail says nothing", _answer(offset=NONE)),
    Mutation("a read that waits does not", _read_column("wait", lambda wait: np.full_like(wait, NONE))),
    Mutation("every read waits", _read_column("wait", np.ones_like)),
    Mutation("until is inclusive", _read_column("until", lambda until: np.where(until == NONE, NONE, until + 1))),
    Mutation("until is ignored", _read_column("until", lambda until: np.full_like(until, NONE))),
    Mutation("count is ignored", _read_column("count", lambda count: np.full_like(count, NONE))),
    Mutation("bytes are ignored", _read_column("bytes", lambda size: np.full_like(size, NONE))),
    Mutation("clamp is ignored", _read_column("clamp", np.zeros_like)),
    Mutation("the implicit 1000 is ignored", _both(reading, quick, "RECORDS", 1 << 40)),
    Mutation("the implicit 1 MiB is ignored", _both(reading, quick, "BYTES", 1 << 40)),
    Mutation(
        "the latest timestamp of a record is what bounds it last",
        _around(reading, "latest_timestamps", lambda found, *_: np.full_like(found, FOREVER)),
    ),
    Mutation("timestamps that tails tell are ignored", _instead(one_stream, "complete", lambda *_: None)),
    Mutation("a tail inside a batch is not rounded up", _instead(reading.Reading, "_round", lambda self, tails: tails)),
    Mutation(
        "what was skipped needs no trim",
        _instead(reading.Reading, "_skipped", lambda self: np.zeros(len(self._answers.row), dtype=np.int64)),
    ),
    Mutation("what a trim may hide has no gaps", _instead(reading.Reading, "special", lambda self: [])),
    Mutation(
        "an empty answer relative to the tail says nothing", _instead(reading.Reading, "relative_empty", lambda *_: [])
    ),
    Mutation("an unseen append was not applied", _instead(unplaced.Unplaced, "earliest", lambda self: {})),
)


# -- tokens and trims


def _shorter(self: Any, start: int, end: int, setter: int, ender: int, original: Any = tokens.Slots.add) -> None:
    original(self, start, end if ender == NONE else end - 1, setter, ender)


def _longer(self: Any, start: int, end: int, setter: int, ender: int, original: Any = tokens.Slots.add) -> None:
    original(self, start, end if ender == NONE else end + 1, setter, ender)


def _later(self: Any, start: int, end: int, setter: int, ender: int, original: Any = tokens.Slots.add) -> None:
    original(self, start if setter == NONE else start + 1, end, setter, ender)


def _from_the_fence(
    self: Any, initial: int, start: Any, end: Any, *rest: Any, original: Any = tokens.Tokens.__init__
) -> None:
    original(self, initial, start, start, *rest)


def _first_fence(history: History) -> History:
    last = history.appends.last_fence.copy()
    for row, fences in history.appends.fences.items():
        last[row] = fences[min(fences)]
    return replace(history, appends=replace(history.appends, last_fence=last))


def _placed_trims(clamp: bool, by: int) -> Callable[[Any], list[tuple[int, int]]]:
    def placed(chain_: Any) -> list[tuple[int, int]]:
        asked, batches = chain_.stream.history.appends.trims, chain_.batches
        found = []
        for row, start, end in zip(batches.row.tolist(), batches.start.tolist(), batches.end.tolist(), strict=True):
            for index, seq_num in asked.get(row, {}).items():
                found.append((end, by + (min(seq_num, start + index + 1) if clamp else seq_num)))
        return found

    return placed


TOKENS_AND_TRIMS: Final = (
    Mutation("a slot ends before the batch that fences next", _instead(tokens.Slots, "add", _shorter)),
    Mutation("a slot ends after the batch that fences next has begun", _instead(tokens.Slots, "add", _longer)),
    Mutation("a slot begins after the end of the batch that set it", _instead(tokens.Slots, "add", _later)),
    Mutation(
        "a slot begins at a fence that its batch begins with", _instead(tokens.Tokens, "__init__", _from_the_fence)
    ),
    Mutation("the first fence of a batch wins", _seeing(_first_fence)),
    Mutation("a trim is not clamped", _instead(trims, "_placed", _placed_trims(False, 0))),
    Mutation("a trim reaches one further", _instead(trims, "_placed", _placed_trims(True, 1))),
    Mutation("a trim reaches one less", _instead(trims, "_placed", _placed_trims(True, -1))),
    Mutation("a trim has no effect", _instead(trims, "_placed", lambda chain_: [])),
    Mutation("an unseen fence sets no token", _instead(Judgement, "uncertain_tokens", lambda self, position: set())),
    Mutation("an unknown first token is no one token", _instead(judging, "_first_token_matters", lambda j: False)),
)


# -- placement and holes


def _naive(found: Any, rows: list[int], fits: Any) -> Any:
    return dict(zip(rows, found, strict=False))


def _unordered_candidates(chain_: Any, frontier: Any, start: int, end: int, ragged: bool) -> tuple[int, ...]:
    appends, rows = chain_.stream.history.appends, chain_.unused
    return tuple(row for row in rows.tolist() if appends.offset[row + 1] - appends.offset[row] <= end - start)


PLACEMENT: Final = (
    Mutation("a reading that is guessed is certain", _instead(placement.Placement, "guessed", False)),
    Mutation("nothing that was read is placed", _instead(chain, "_place_floating", lambda *_: placement.Placement({}))),
    Mutation("there are no holes", _instead(one_stream, "find_holes", lambda *_: [])),
    Mutation("a hole takes what was invoked too late", _instead(holes, "_candidates", _unordered_candidates)),
)


# -- the search


def _floats(**columns: Any) -> Callable[[Patch], None]:
    """Appends of unknown outcome as if these were their columns: a value for each."""

    def change(found: Any, *_: Any) -> Any:
        for name, value in columns.items():
            setattr(found, name, [value] * len(found))
        return found

    return _around(decide, "floats", change)


def _twins(found: Any, *_: Any) -> Any:
    found.group = list(found.size)
    return found


def _satisfied(sort: Sort, by: Callable[[Any, int], bool]) -> Callable[[Patch], None]:
    original = Replay._satisfied
    return _instead(
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
    return _instead(Replay, "key", lambda self: (*original(self)[:at], *original(self)[at + 1 :]))


def _begins_anywhere(self: Answer, tail: int) -> bool:
    return self.start_at(tail) <= tail


def _without_hashes(history: History) -> History:
    return replace(history, reads=replace(history.reads, hashed=np.zeros_like(history.reads.hashed)))


def _first_token_only(found: Any, *_: Any) -> Any:
    return list(found)[:1]


SEARCH: Final = (
    Mutation("an append is applied before it was invoked", _instead(Replay, "frontier", FOREVER)),
    Mutation("an unread append has no match_seq_num", _floats(match=NONE)),
    Mutation("an unread append has no token", _floats(token=NONE)),
    Mutation("an unread append fences nobody", _floats(fence=NONE)),
    Mutation("an unread append trims nothing", _floats(trims={})),
    Mutation("an unread batch of a session needs none before it", _floats(before_floats=[])),
    Mutation("what is of one size is equal", _around(decide, "floats", _twins)),
    Mutation("an unread batch comes after the failure of its session", _instead(floats, "_failed", lambda *_: False)),
    Mutation("batches before a refusal were not applied", _instead(decide, "prefixes", lambda *_: [Prefix()])),
    Mutation("an exact tail may be missed", _instead(Replay, "_missed", lambda self: False)),
    Mutation("only the clock orders", _instead(Replay, "_freed", lambda self, moment: True)),
    Mutation("a refusal by token says nothing to a search", _satisfied(Sort.TOKEN_REFUSAL, _freely)),
    Mutation("a refusal without a body says nothing to a search", _satisfied(Sort.SILENT_REFUSAL, _freely)),
    Mutation("a read says nothing to a search", _instead(Replay, "_read", _freely)),
    Mutation("the tail of a 412 need not have been refused", _instead(Replay, "_refused_by_tail", lambda *_: True)),
    Mutation("nobody is refused by a tail", _instead(Replay, "_refused_by_tail", lambda *_: False)),
    Mutation("nothing is out of range", _instead(search_answers.ReadRules, "unsatisfiable", lambda *_: False)),
    Mutation("the first candidate is the only one", _instead(Candidates, "at", _first_option)),
    Mutation("past the last boundary nothing was applied", _instead(Candidates, "at", _no_open_end)),
    Mutation("the memory forgets the token", _forgetting(1)),
    Mutation("the memory forgets what is left", _forgetting(4)),
    Mutation("the memory forgets the hash", _forgetting(3)),
    Mutation("the memory forgets which beginnings wait, and where others were", _forgetting(9)),
    Mutation("an answer begins where it is first due", _instead(BeginningRules, "surely", _may_begin)),
    Mutation("no trim to come explains a beginning", _instead(BeginningRules, "perhaps", lambda *_: False)),
    Mutation("an answer begins where a trim has to come", _instead(search, "later", log.here)),
    Mutation("any beginning explains what came later", _instead(BeginningRules, "explains", lambda *_: True)),
    Mutation("the first token that is named is it", _around(decide, "_first_tokens", _first_token_only)),
    Mutation("a hash says nothing", _seeing(_without_hashes)),
    Mutation("a read that is not to follow may begin at the tail", _instead(Answer, "may_begin", _begins_anywhere)),
    Mutation("a tail that a follower tells need not have been", _instead(search_answers, "_was", lambda *_: True)),
    Mutation("a guess is as good as what is certain", _instead(judging, "agrees", lambda judgement: True)),
    Mutation("sessions with lost batches are not searched", _instead(judging, "_pipelined", lambda stream: False)),
)


# -- structure


def _match_is_the_end(judgement: Judgement) -> None:
    appends, acked = judgement.history.appends, judgement.stream.acked
    match = appends.match_seq_num[acked]
    for row in acked[(match != NONE) & (match != appends.end[acked])].tolist():
        judgement.findings.add("match-violation", Witness((row,), ("It is.",)), 0)


def _tail_is_the_end(judgement: Judgement) -> None:
    appends, acked = judgement.history.appends, judgement.stream.acked
    for row in acked[appends.tail[acked] != appends.end[acked]].tolist():
        judgement.findings.add("bad-ack", Witness((row,), ("It is.",)), 0)


def _unrefused(parts: list[list[int]], stream: Stream) -> list[list[int]]:
    """Answers in parts without the refusals with which they end."""
    return [rows for rows in parts if stream.history.observed_tail[rows[-1]] == NONE]


STRUCTURE: Final = (
    Mutation("match_seq_num is compared with the end", _instead(acknowledgements, "_matches", _match_is_the_end)),
    Mutation("the tail of an acknowledgement is its end", _instead(acknowledgements, "_short_tails", _tail_is_the_end)),
    *(
        _without(acknowledgements, name)
        for name in ("_impossible", "_short_tails", "_overlaps", "_matches", "_updates")
    ),
    *(
        _without(records, name)
        for name in (
            "_overwritten",
            "_two_contents",
            "_duplicate",
            "_aborted",
            "_garbage",
            "_torn",
            "_displaced",
            "_conflicting_reads",
            "_misplaced",
        )
    ),
    *(_without(reads, name) for name in ("_backward", "_resurrected", "_skips", "_cut_off")),
    *(_without(reads, name, []) for name in ("_leading", "_inner", "_missing")),
    *(_without(timestamps, name) for name in ("check", "_two", "_fall")),
    *(
        _without(tails, name)
        for name in (
            "_seq_num_refusals",
            "_token_unchecked",
            "_token_refusals",
            "_out_of_range",
            "_two_tails",
            "_inside",
            "_holes",
        )
    ),
    _without(token_checks, "check"),
    _without(sessions, "check"),
    Mutation("the strict domains may name a tail inside a batch", _instead(one_stream, "_inside", lambda *_: 0)),
    Mutation("an answer may end with a refusal of any tail", _around(sessions, "parts_of_answers", _unrefused)),
    _without(hashes, "check"),
)

MUTATIONS: Final = (*SCAN, *DOMAINS, *TOKENS_AND_TRIMS, *PLACEMENT, *SEARCH, *STRUCTURE)
