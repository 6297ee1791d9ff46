"""Enters scanned lines into tables, a few megabytes of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from .. import events
from ..builder import TERMS
from ..content import Content
from ..contradictions import Contradiction, InconsistentEvent
from ..evidence import MISMATCHES
from ..history import FOREVER, NONE, History, Int64s
from ..joining import joined
from ..progress import Progress
from ..tables import FOLLOWING, Tables
from . import layout as at
from .blocks import Block, blocks
from .heads import LINES


class Unsupported(Exception):
    """The journal is not in the form that our recorder writes, or a line of it cannot be decoded."""


def load(
    content: Content, begin: int, header: events.Header, warnings: list[str], progress: Progress | None
) -> tuple[History, Contradiction | None]:
    """Return the history of the lines from byte ``begin`` on, and its first contradiction, as the ordinary reader does.

    Raises :class:`Unsupported` where that must look at it.
    """
    loading = _Loading(header)
    try:
        for block in blocks(content, begin):
            if not block.ours:
                raise Unsupported
            if block.cut:
                number, _ = content.line_at(block.first)
                warnings.append(f"line {number} was cut after {block.cut} bytes and is left out")
            if block.size:
                loading.tables.expected.share = min((block.first + block.size) / content.size, 1.0)
                loading.take(block)
                if progress is not None:
                    progress(block.first + block.size, content.size)
        return joined(loading.tables, warnings, TERMS)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        OverflowError,
        LookupError,
        InconsistentEvent,
    ) as error:
        raise Unsupported from error


class _Loading:
    """What has been read so far."""

    def __init__(self, header: events.Header) -> None:
        self.tables = Tables(header)
        self._decoder = msgspec.json.Decoder(events.Event)

    def take(self, block: Block) -> None:
        """The lines of a block."""
        if self.tables.whole:
            raise Unsupported
        tables, counts, texts = self.tables, block.counts, block.texts()
        asked, answered = block.asked[: counts[at.N_ASKED]], block.answered[: counts[at.N_ANSWERED]]
        numbers = (tables.n_asked + np.arange(len(asked)), tables.n_answered + np.arange(len(answered)))
        tables.n_asked, tables.n_answered = tables.n_asked + len(asked), tables.n_answered + len(answered)
        tokens = self._command(block, texts, numbers)
        self._ask(*_scanned(asked, numbers[0]), texts, tokens, block.sent[2])
        self._answer(*_scanned(answered, numbers[1]), texts)
        sent, seen = counts[at.N_SENT], counts[at.N_SEEN]
        append, batch = _scanned(asked, numbers[0], at.APPEND), _scanned(answered, numbers[1], at.BATCH, at.FRAME)
        tables.appended.extend(append[1], append[0][:, at.NUMBER], *(column[:sent] for column in block.sent[:2]))
        tables.returned.extend(batch[1], batch[0][:, at.NUMBER], *(column[:seen] for column in block.seen))
        for table, of_line, enter in ((asked, numbers[0], tables.ask), (answered, numbers[1], tables.answer)):
            for index in np.flatnonzero(table[:, at.DEFERRED]).tolist():
                place, op, time, kind = table[index, : at.KIND + 1].tolist()
                event: Any = self._decoder.decode(block.line(place))
                # A field may stand there twice: then the last one counts.
                if LINES.get(type(event)) != kind or (event.op, event.time) != (op, time):
                    raise Unsupported
                enter(int(of_line[index]), place, event)
        for place in block.others[: counts[at.N_OTHERS]].tolist():
            self._other(block.line(place))
        tables.whole = bool(counts[at.N_ENDED])

    def _command(self, block: Block, texts: list[str], numbers: tuple[Int64s, Int64s]) -> dict[int, int]:
        """Enter the commands; return the last token that each invocation sets."""
        tables, last = self.tables, dict[int, int]()
        targets = ((tables.fences, tables.trims), (tables.read_fences, tables.read_trims))
        for answer, place, index, trim, value in block.commands[: block.counts[at.N_COMMANDS]].tolist():
            number = int(numbers[answer][place])
            said = value if trim else tables.tokens(texts[value])
            targets[answer][trim].setdefault(number, {})[index] = said
            if not answer and not trim:
                last[number] = said
        return last

    def _ask(self, asked: Any, number: Int64s, texts: list[str], last: dict[int, int], stamps: Int64s) -> None:
        """``last`` has the token that each batch with a fence command sets in the end, ``stamps`` given timestamps."""
        tables, of = self.tables, asked.T
        purpose = tables.purposes.numbers(texts, of[at.PURPOSE])
        tables.operations.extend(
            number,
            of[at.AT],
            of[at.OP],
            of[at.PROCESS],
            of[at.THREAD],
            tables.streams.numbers(texts, of[at.STREAM]),
            of[at.KIND],
            of[at.TIME],
            of[at.INTENDED],
            np.maximum(purpose, 0),
            of[at.SESSION],
        )
        row, appends = _picked(asked, number, of[at.KIND] == at.APPEND)
        fence = np.full(len(row), NONE)
        if last:
            setting = np.fromiter(last, dtype=np.int64)
            fence[np.searchsorted(row, setting)] = list(last.values())
        tables.appends.extend(row, appends(at.MATCH), tables.tokens.numbers(texts, appends(at.TOKEN)), fence)
        given = appends(at.GIVEN)
        for place in np.flatnonzero(given != NONE).tolist():
            values = stamps[given[place] : given[place] + appends(at.NUMBER)[place]].tolist()
            tables.timestamps[int(row[place])] = [None if value == NONE else value for value in values]
        row, reads = _picked(asked, number, of[at.KIND] == at.READ)
        wait = reads(at.WAIT)
        unbounded = (reads(at.COUNT) == NONE) & (reads(at.BYTES) == NONE) & (reads(at.UNTIL) == NONE)
        wait[(reads(at.SESSION) != NONE) & (wait <= 0) & unbounded] = FOLLOWING
        tables.reads.extend(row, *(reads(column) for column in range(at.FROM_SEQ_NUM, at.WAIT)), wait)

    def _answer(self, answered: Any, number: Int64s, texts: list[str]) -> None:
        tables, kind = self.tables, answered[:, at.KIND]
        tables.answers.extend(number, answered[:, at.AT], answered[:, at.OP], answered[:, at.TIME], kind - at.ACK)
        row, ended = _picked(answered, number, (kind == at.FAILURE) | (kind == at.INDEFINITE))
        tables.errors.extend(row, ended(at.STATUS), tables.codes.numbers(texts, ended(at.CODE)))
        row, acks = _picked(answered, number, kind == at.ACK)
        tables.acks.extend(row, *(acks(column) for column in range(at.FIRST, at.FIRST + 6)))
        row, frames = _picked(answered, number, kind == at.FRAME)
        tables.frames.extend(row, frames(at.OF))
        row, batches = _picked(answered, number, (kind == at.BATCH) | (kind == at.FRAME))
        tail = batches(at.FIRST)
        tables.batch_tails.extend(row[tail != NONE], tail[tail != NONE])
        row, wholes = _picked(answered, number, kind == at.WHOLE)
        tables.hashes.extend(row, wholes(at.HASH).view(np.uint64), np.ones(len(row)))
        failed = kind == at.FAILURE
        tail = (kind == at.TAIL) | (kind == at.WHOLE) | (failed & (answered[:, at.FIRST] != NONE))
        row, told = _picked(answered, number, tail)
        tables.observed.extend(row, told(at.FIRST), told(at.FIRST + 1))
        for column, one in enumerate(MISMATCHES, at.SAID):
            row, told = _picked(answered, number, failed & (answered[:, column] != NONE))
            said = told(column)
            tables.mismatches[one.column].extend(row, tables.tokens.numbers(texts, said) if one.is_token else said)

    def _other(self, line: bytes) -> None:
        """A line that is of no operation."""
        event = self._decoder.decode(line)
        if event.time >= FOREVER:
            raise Unsupported
        if isinstance(event, events.Fault):
            self.tables.faults.append(event)
        elif isinstance(event, events.Remark):
            self.tables.remarks.append(event)
        else:
            raise Unsupported


def _picked(table: Any, numbers: Int64s, mask: Any) -> tuple[Int64s, Callable[[int], Any]]:
    """Some of the rows, and their part of any column of the table."""
    places = np.flatnonzero(mask)
    return numbers[places], lambda column: table[places, column]


def _scanned(table: Any, numbers: Int64s, *kinds: int) -> tuple[Any, Int64s]:
    """The lines of these kinds (of all, if none is named) that are not left to the ordinary decoder."""
    ours = table[:, at.DEFERRED] == 0
    if kinds:
        ours &= np.isin(table[:, at.KIND], kinds)
    return (table, numbers) if ours.all() else (table[ours], numbers[ours])
