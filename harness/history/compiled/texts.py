"""Numbers the texts of a block of lines in the order in which an event at a time would meet them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import events
from ..columns import Interned
from ..history import FOREVER, NONE, Int64s
from ..tables import InconsistentEvent, Tables
from . import lines as at


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


class Numbers:
    """The number in the history of each text of a block, as arrays to index by its number in the block.

    The number NONE, of no text, stands for NONE, or for the empty purpose. Raises
    :class:`..tables.InconsistentEvent` for a stream that the header does not name.
    """

    def __init__(
        self, tables: Tables, texts: list[str], asked: Any, answered: Any, deferred: Sequence[Deferred]
    ) -> None:
        named = np.unique(asked[:, at.STREAM]).tolist()
        self.streams = np.full(len(texts) + 1, NONE)
        self.streams[named] = [tables.streams.get(texts[stream], NONE) for stream in named]
        if (self.streams[named] == NONE).any():
            raise InconsistentEvent("stream", "a stream is not declared in the header")
        invoked, ended = asked[:, at.AT], answered[:, at.AT]
        failed = answered[:, at.KIND] == at.FAILURE
        coded = answered[:, at.KIND] >= at.FAILURE
        self.purposes = _numbered(
            tables.purposes,
            texts,
            [(asked[:, at.PURPOSE], invoked)],
            [(one.place, text) for one in deferred for text in one.purposes],
        )
        self.purposes[NONE] = tables.purposes("")
        self.codes = _numbered(
            tables.codes,
            texts,
            [(answered[coded, at.CODE], ended[coded])],
            [(one.place, text) for one in deferred for text in one.codes],
        )
        append = asked[:, at.KIND] == at.APPEND
        self.tokens = _numbered(
            tables.tokens,
            texts,
            [(asked[append, at.TOKEN], invoked[append]), (answered[failed, at.TOKEN_MISMATCH], ended[failed])],
            [(one.place, text) for one in deferred for text in one.tokens],
        )


def _numbered(
    interned: Interned, texts: list[str], met: Iterable[tuple[Int64s, Int64s]], deferred: list[tuple[int, str]]
) -> Int64s:
    """Intern what was ``met`` (numbers of texts, and places, ascending) and what was ``deferred``, by their places."""
    first = np.full(len(texts), FOREVER)
    for numbers, places in met:
        here = np.full(len(texts), FOREVER)
        known = numbers != NONE
        here[numbers[known][::-1]] = places[known][::-1]  # of several, the last one written stays
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
