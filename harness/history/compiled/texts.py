"""Numbers the texts of a block of lines in the order in which an event at a time would meet them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .. import events
from ..columns import Interned
from ..history import FOREVER, NONE, Int64s
from ..tables import InconsistentEvent, Tables
from . import lines as at

_LAST: Final = (1 << 20) - 1
"""The index of the text of a line that is met last."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A line that the ordinary decoder read: where it begins in the file, its row, and what it says."""

    place: int
    row: int
    event: events.Invoked | events.Completed

    @property
    def purposes(self) -> list[str]:
        """The texts that it numbers among the purposes, in their order; the same for codes and tokens below."""
        return [self.event.purpose] if hasattr(self.event, "purpose") else []

    @property
    def codes(self) -> list[str]:
        """Among the codes."""
        match self.event:
            case events.Failed(code=text) | events.Indefinite(reason=text):
                return [text]
        return []

    @property
    def tokens(self) -> list[str]:
        """Among the tokens."""
        match self.event:
            case events.AppendInvoked(fences=fences, fencing_token=token):
                return [*_by_index(fences), *([] if token is None else [token])]
            case events.BatchRead(fences=fences):
                return _by_index(fences)
            case events.Failed(status=412, body={"fencing_token_mismatch": str(token), **others}):
                return [] if "seq_num_mismatch" in others else [token]
        return []


@dataclass(frozen=True, slots=True)
class Fences:
    """The fence commands of a block: ``fences`` as :mod:`.lines` has them, and what their places are places in."""

    fences: Any
    asked: Any
    answered: Any
    rows: Int64s
    found: Int64s

    @property
    def met(self) -> tuple[Int64s, Int64s]:
        """Numbers of texts, and moments, as :func:`_numbered` takes them."""
        place, answer = self.fences[:, at.PLACE], self.fences[:, at.ANSWER] == 1
        begins = np.empty(len(place), dtype=np.int64)
        begins[answer] = self.answered[place[answer], at.AT]
        begins[~answer] = self.asked[place[~answer], at.AT]
        return self.fences[:, at.FENCE], _moment(begins, np.minimum(self.fences[:, at.INDEX], _LAST - 1))

    def tell(self, tables: Tables, tokens: Int64s) -> None:
        """Write them down."""
        for answer, place, index, text in self.fences.tolist():
            if answer:
                tables.read_fences.setdefault(int(self.found[place]), {})[index] = int(tokens[text])
            else:
                tables.fences.setdefault(int(self.rows[place]), {})[index] = int(tokens[text])

    def last(self, tokens: Int64s) -> Int64s:
        """The token that each invocation's batch sets in the end, NONE if it sets none."""
        last = np.full(len(self.asked), NONE)
        sent = self.fences[self.fences[:, at.ANSWER] == 0]
        last[sent[:, at.PLACE]] = tokens[sent[:, at.FENCE]]  # of several, the last one written stays
        return last


class Numbers:
    """The number in the history of each text of a block, as arrays to index by its number in the block.

    The number NONE, of no text, stands for NONE, or for the empty purpose. Raises
    :class:`..tables.InconsistentEvent` for a stream that the header does not name.
    """

    def __init__(
        self,
        tables: Tables,
        texts: list[str],
        asked: Any,
        answered: Any,
        fences: Fences,
        deferred: Sequence[Deferred],
    ) -> None:
        named = np.unique(asked[:, at.STREAM]).tolist()
        self.streams = np.full(len(texts) + 1, NONE)
        self.streams[named] = [tables.streams.get(texts[stream], NONE) for stream in named]
        if (self.streams[named] == NONE).any():
            raise InconsistentEvent("stream", "a stream is not declared in the header")
        invoked, ended = _moment(asked[:, at.AT], _LAST), _moment(answered[:, at.AT], _LAST)
        failed = answered[:, at.KIND] == at.FAILURE
        coded = answered[:, at.KIND] >= at.FAILURE
        self.purposes = _numbered(
            tables.purposes,
            texts,
            [(asked[:, at.PURPOSE], invoked)],
            [(_moment(one.place, i), text) for one in deferred for i, text in enumerate(one.purposes)],
        )
        self.purposes[NONE] = tables.purposes("")
        self.codes = _numbered(
            tables.codes,
            texts,
            [(answered[coded, at.CODE], ended[coded])],
            [(_moment(one.place, i), text) for one in deferred for i, text in enumerate(one.codes)],
        )
        append = asked[:, at.KIND] == at.APPEND
        self.tokens = _numbered(
            tables.tokens,
            texts,
            [
                (asked[append, at.TOKEN], invoked[append]),
                (answered[failed, at.TOKEN_MISMATCH], ended[failed]),
                fences.met,
            ],
            [(_moment(one.place, i), text) for one in deferred for i, text in enumerate(one.tokens)],
        )


def _moment(place: Any, index: Any) -> Any:
    """When a text is met: with its line, and of those of one line by its index; fences come before the token given."""
    return place * (_LAST + 1) + index


def _numbered(
    interned: Interned, texts: list[str], met: Iterable[tuple[Int64s, Int64s]], deferred: list[tuple[int, str]]
) -> Int64s:
    """Intern what was ``met`` (numbers of texts, and moments, ascending) and ``deferred``, by their moments."""
    first = np.full(len(texts), FOREVER)
    for numbers, moments in met:
        here = np.full(len(texts), FOREVER)
        known = numbers != NONE
        here[numbers[known][::-1]] = moments[known][::-1]  # of several, the last one written stays
        np.minimum(first, here, out=first)
    used = np.flatnonzero(first != FOREVER).tolist()
    order = sorted([*deferred, *((int(first[text]), texts[text]) for text in used)], key=lambda one: one[0])
    for _, text in order:
        interned(text)
    found = np.full(len(texts) + 1, NONE)
    found[used] = [interned(texts[text]) for text in used]
    return found


def _by_index(fences: dict[int, str] | None) -> list[str]:
    return [fences[index] for index in sorted(fences or ())] if fences else []
