"""What answers prove, broken: domains, slots of tokens, trim points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from fencepost.checkers.chain import tokens, trims, unplaced
from fencepost.checkers.domains import proofs, reading
from fencepost.checkers.domains.domains import Proof
from fencepost.checkers.judgement import Judgement
from fencepost.checkers.linearizability import judging, one_stream, quick
from fencepost.harness.history.history import FOREVER, NONE, History
from tests.checkers.mutating import Mutation, Patch, around, both, instead, read_column, seeing


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
    return around(one_stream, "answers", lambda a, *_: replace(a, after=np.where(a.count > 0, a.after + by, a.after)))


def _answer(**columns: Any) -> Callable[[Patch], None]:
    def change(found: Any, *_: Any) -> Any:
        return replace(found, **{name: np.full_like(getattr(found, name), value) for name, value in columns.items()})

    return around(one_stream, "answers", change)


def _forever(part: Any, *_: Any) -> Any:
    return np.full_like(part.upper, FOREVER)


DOMAINS: Final = (
    Mutation(
        "what a read that waited left out may be trimmed after it",
        instead(reading.Reading, "_begun", lambda self: np.zeros(len(self._answers.row), dtype=np.int64)),
    ),
    Mutation("a tail in an acknowledgement says nothing", around(proofs, "appends_and_tails", _less(Proof.ACK_TAIL))),
    Mutation("a check-tail says nothing", around(proofs, "appends_and_tails", _less(Proof.CHECK_TAIL))),
    Mutation("a 416 says nothing", around(proofs, "appends_and_tails", _less(Proof.OUT_OF_RANGE))),
    Mutation("the tail of a 412 says nothing", around(proofs, "appends_and_tails", _less(Proof.SEQ_NUM_MISMATCH))),
    Mutation("an append of unknown outcome has no time", around(proofs, "appends_and_tails", _less(Proof.SEEN_APPEND))),
    Mutation("an acknowledged append has no time", around(proofs, "appends_and_tails", _less(Proof.APPEND))),
    Mutation("a refusal by token says nothing", instead(proofs, "_refusals", lambda *_: None)),
    Mutation("a refusal without a body says nothing", instead(proofs, "_refusing", lambda *_: None)),
    Mutation("what is indefinite has returned when its client gave up", around(proofs, "gather", _bound_when_seen)),
    Mutation("records seen prove one less", _after(-1)),
    Mutation("records seen prove one more", _after(1)),
    Mutation("a read is never exact", around(reading.Reading, "parts", _bent(Proof.READ, upper=_forever))),
    Mutation(
        "records seen are no lower bound",
        around(reading.Reading, "parts", _bent(Proof.READ, lower=lambda part, *_: np.zeros_like(part.lower))),
    ),
    Mutation(
        "an empty answer proves one less",
        around(
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
        around(
            reading.Reading,
            "parts",
            _bent(Proof.READ, upper=lambda part, found, at: np.where(found.count[at] == 0, part.lower, part.upper)),
        ),
    ),
    Mutation("a followed tail says nothing", around(reading.Reading, "parts", _less(Proof.FOLLOWED))),
    Mutation(
        "a followed tail is exact",
        around(reading.Reading, "parts", _bent(Proof.FOLLOWED, upper=lambda part, *_: part.lower)),
    ),
    Mutation(
        "a start relative to the tail says nothing when waiting", instead(reading.Reading, "_starts", lambda self: [])
    ),
    Mutation("a start relative to the tail says nothing", _answer(offset=NONE)),
    Mutation("a read that waits does not", read_column("wait", lambda wait: np.full_like(wait, NONE))),
    Mutation("every read waits", read_column("wait", np.ones_like)),
    Mutation("until is inclusive", read_column("until", lambda until: np.where(until == NONE, NONE, until + 1))),
    Mutation("until is ignored", read_column("until", lambda until: np.full_like(until, NONE))),
    Mutation("count is ignored", read_column("count", lambda count: np.full_like(count, NONE))),
    Mutation("bytes are ignored", read_column("bytes", lambda size: np.full_like(size, NONE))),
    Mutation("clamp is ignored", read_column("clamp", np.zeros_like)),
    Mutation("the implicit 1000 is ignored", both(reading, quick, "RECORDS", 1 << 40)),
    Mutation("the implicit 1 MiB is ignored", both(reading, quick, "BYTES", 1 << 40)),
    Mutation(
        "the latest timestamp of a record is what bounds it last",
        around(reading, "latest_timestamps", lambda found, *_: np.full_like(found, FOREVER)),
    ),
    Mutation("timestamps that tails tell are ignored", instead(one_stream, "complete", lambda *_: None)),
    Mutation("a tail inside a batch is not rounded up", instead(reading.Reading, "_round", lambda self, tails: tails)),
    Mutation(
        "what was skipped needs no trim",
        instead(reading.Reading, "_skipped", lambda self: np.zeros(len(self._answers.row), dtype=np.int64)),
    ),
    Mutation("what a trim may hide has no gaps", instead(reading.Reading, "special", lambda self: [])),
    Mutation(
        "an empty answer relative to the tail says nothing", instead(reading.Reading, "relative_empty", lambda *_: [])
    ),
    Mutation("an unseen append was not applied", instead(unplaced.Unplaced, "earliest", lambda self: {})),
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
    Mutation("a slot ends before the batch that fences next", instead(tokens.Slots, "add", _shorter)),
    Mutation("a slot ends after the batch that fences next has begun", instead(tokens.Slots, "add", _longer)),
    Mutation("a slot begins after the end of the batch that set it", instead(tokens.Slots, "add", _later)),
    Mutation(
        "a slot begins at a fence that its batch begins with", instead(tokens.Tokens, "__init__", _from_the_fence)
    ),
    Mutation("the first fence of a batch wins", seeing(_first_fence)),
    Mutation("a trim is not clamped", instead(trims, "_placed", _placed_trims(False, 0))),
    Mutation("a trim reaches one further", instead(trims, "_placed", _placed_trims(True, 1))),
    Mutation("a trim reaches one less", instead(trims, "_placed", _placed_trims(True, -1))),
    Mutation("a trim has no effect", instead(trims, "_placed", lambda chain_: [])),
    Mutation("an unseen fence sets no token", instead(Judgement, "uncertain_tokens", lambda self, position: set())),
    Mutation("an unknown first token is no one token", instead(judging, "_first_token_matters", lambda j: False)),
)
