"""Joins the invocations and the answers of a history, and finds answers that stand where none may."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .columns import Interned
from .consistency import check, ordered
from .contradictions import Contradiction, First, Terms
from .evidence import MISMATCHES
from .history import FOREVER, INDEFINITE, NONE, READ, Appends, History, Int64s, Outcome, Reads
from .ids import Ids
from .kinds import ROWS, Kind
from .parts import bound
from .selection import select
from .tables import ENDINGS, Ending, Tables


def _answerable() -> NDArray[np.bool_]:
    """Return whether an answer can be of an operation of a kind, at ``ending * len(Kind) + kind``; failures always."""
    may = np.ones((len(Ending), len(Kind)), dtype=np.bool_)
    own = {kind: [ENDINGS[answer] for answer in row.answers] for kind, row in ROWS.items()}
    for endings in own.values():
        may[endings] = False
    for kind, endings in own.items():
        may[endings, kind] = True
    return may.ravel()


_ANSWERABLE: Final = _answerable()
_OUTCOME_OF: Final = np.array(
    [
        {Ending.FAILURE: Outcome.FAILED, Ending.INDEFINITE: Outcome.INDEFINITE}.get(ending, Outcome.OK)
        for ending in Ending
    ],
    dtype=np.uint8,
)


def joined(
    tables: Tables, warnings: list[str], terms: Terms, cut: bool = False
) -> tuple[History, Contradiction | None]:
    """Return the history in the tables, and the first contradiction in it, if there is one.

    ``cut`` says that answers may be missing, so that processes are not known to have done two things at once.

    With a contradiction, the history is of no use. Raises OverflowError if a number does not fit into its column.
    """
    joining = _Joining(tables, terms)
    history, places, ended_places = joining.history(warnings)
    check(history, joining.first, places, ended_places, tables.streams.values, cut)
    return history, joining.first.found


class _Joining:
    """Invocations have the first rows, frames the next ones."""

    def __init__(self, tables: Tables, terms: Terms) -> None:
        self.tables = tables
        self.first = First(terms)
        asked: dict[str, Any] = tables.operations.dense(tables.n_asked)
        answers: dict[str, Any] = tables.answers.dense(tables.n_answered)
        number = np.sort(tables.frames.rows)
        number = number[number < tables.n_answered]
        of = tables.frames.dense(tables.n_answered)["of"][number]
        intended = asked["intended"]
        given = intended != NONE
        asked["intended"] = np.where(given, intended, asked["invoked"]) if given.any() else asked["invoked"]
        self.asked, self.answers, self.number = asked, answers, number
        self.ids = Ids(
            _followed(asked["id"], answers["op"][number]), _followed(asked["place"], answers["place"][number])
        )
        ordered(asked["id"], asked["invoked"], asked["place"], self.first)
        self.row = self._rows(number)
        self.frames = self._frames(number, of)

    def history(self, warnings: list[str]) -> tuple[History, Int64s, Int64s]:
        """Return all rows in the order of invocation, and the places of their invocations and of their answers."""
        columns, place = self._operations()
        rows = len(place)
        ended = np.full(rows, FOREVER, dtype=np.int64)
        outcome = np.full(rows, INDEFINITE, dtype=np.uint8)
        ended_place = place.copy()
        there = np.flatnonzero(self.row != NONE)
        at, answers = self.row[there], self.answers
        ended[at], ended_place[at] = answers["time"][there], answers["place"][there]
        outcome[at] = _OUTCOME_OF[answers["ending"][there]]
        indefinite = outcome == INDEFINITE
        returned = np.where(indefinite, FOREVER, ended) if indefinite.any() else ended
        history = self._built(columns | {"outcome": outcome, "ended": ended, "returned": returned}, rows, warnings)
        if len(self.frames[0]):
            order = np.lexsort((place, history.invoked))
            history, place, ended_place = select(history, order), place[order], ended_place[order]
        return history, place, ended_place

    def _rows(self, frames: Int64s) -> Int64s:
        """Return the row that each answer ends; NONE where it may not stand. Frames end their own."""
        asked, answers, note, terms = self.asked, self.answers, self.first.note, self.first.terms
        ops, places = answers["op"], answers["place"]
        kinds = _followed(asked["kind"], np.full(len(frames), READ, dtype=np.uint8))
        places_of = _followed(asked["place"], places[frames])
        row = self.ids.rows(ops)
        row[frames] = np.arange(len(asked["id"]), len(kinds))
        unknown = (row == NONE) | (places_of[row] > places) if len(kinds) else np.ones(len(row), dtype=np.bool_)
        note(unknown, places, "op", lambda i: f"operation {ops[i]} {terms.returned} but was never {terms.invoked}")
        row[unknown] = NONE
        ends = np.full(len(kinds) + 1, NONE, dtype=np.int64)
        ends[row[::-1]] = np.arange(len(row))[::-1]  # of several answers, the first one counts
        ends[NONE] = NONE
        again = ~unknown & (ends[row] != np.arange(len(row)))
        note(again, places, "op", lambda i: f"operation {ops[i]} {terms.returned} before")
        row[again] = NONE
        self._ended_by = ends
        if not len(kinds):
            return row
        kind = kinds[row]
        wrong = (row != NONE) & ~_ANSWERABLE[answers["ending"] * np.uint8(len(Kind)) + kind]
        claimed = self.tables.claims.dense(len(row)) if len(self.tables.claims.rows) else None
        wanted = np.broadcast_to(np.int8(NONE), len(row)) if claimed is None else claimed["kind"]
        if claimed is not None:
            wrong |= (row != NONE) & (wanted != NONE) & (wanted != kind)
        note(wrong, places, "type", lambda i: self._mistaken(Kind(int(kind[i])), i, int(wanted[i])))
        if claimed is not None:
            process = asked["process"][np.where(row < len(asked["process"]), row, 0)]
            others = (row != NONE) & (claimed["process"] != NONE) & (claimed["process"] != process)
            note(
                others,
                places,
                "process",
                lambda i: f"operation {ops[i]} was {terms.invoked} by {terms.process} {process[i]}",
            )
        row[wrong] = NONE
        return row

    def _mistaken(self, kind: Kind, answer: int, wanted: int) -> str:
        ending = Ending(int(self.answers["ending"][answer]))
        name = self.first.terms.answers.get((ending, wanted), ending.name.lower())
        return f"{kind.label} cannot be answered by {name!r}"

    def _frames(self, number: Int64s, of: Int64s) -> tuple[Int64s, Int64s]:
        """Return the rows of the frames, and those of their reads; none at all if one is of no open read."""
        asked, places = self.asked, self.answers["place"]
        read, invoked = self.ids.rows(of), len(asked["id"])
        known = (read != NONE) & (read < invoked)
        at = np.where(known, read, 0)
        if invoked:
            known &= (asked["kind"][at] == READ) & (asked["place"][at] < places[number])
            ended_by = self._ended_by[at]
            known &= (ended_by == NONE) | (places[ended_by] > places[number])
        self.first.note(
            ~known, places[number], "part_of", lambda i: f"operation {of[i]} is no read that has yet to end"
        )
        if known.all():
            return invoked + np.arange(len(number)), at
        self.row[number] = NONE
        return number[:0], number[:0]

    def _operations(self) -> tuple[dict[str, Any], Int64s]:
        """Return the columns of the operations, and the places of their lines."""
        columns = dict(self.asked)
        frames, of = self.frames
        number = self.number
        if len(frames):
            columns = {name: _followed(column, column[of]) for name, column in columns.items()}
            columns["id"][frames], columns["place"][frames] = self.answers["op"][number], self.answers["place"][number]
        columns["part_of"] = np.broadcast_to(np.int64(NONE), len(columns["id"]))
        if len(frames):
            columns["part_of"] = np.full(len(columns["id"]), NONE, dtype=np.int64)
            columns["part_of"][frames] = of
        return columns, columns.pop("place")

    def _built(self, columns: dict[str, Any], rows: int, warnings: list[str]) -> History:
        tables, row = self.tables, self.row
        tokens, token = _sorted(tables.tokens, 1)
        codes, code = _sorted(tables.codes, 0)
        purposes, purpose = _sorted(tables.purposes, 1)
        columns["purpose"] = purpose[columns["purpose"]]
        columns |= tables.errors.dense(rows, place=row)
        columns["code"] = code[columns["code"]]
        columns |= tables.observed.dense(rows, place=row)
        for one in MISMATCHES:
            column = tables.mismatches[one.column].dense(rows, place=row)[one.column]
            columns[one.column] = token[column] if one.is_token else column
        own = np.arange(tables.n_asked)
        appends: dict[str, Any] = tables.appends.dense(rows) | tables.acks.dense(rows, place=row)
        appends["token"], appends["last_fence"] = token[appends["token"]], token[appends["last_fence"]]
        return History(
            header=tables.header,
            **columns,
            appends=Appends(
                **appends,
                **tables.appended.dense(rows),
                fences=_numbered(_placed(tables.fences, own), token),
                trims=_placed(tables.trims, own),
                timestamps=_placed(tables.timestamps, own),
            ),
            reads=self._reads(rows, token),
            tokens=tokens,
            codes=codes,
            purposes=purposes,
            faults=tables.faults,
            remarks=tables.remarks,
            whole=tables.whole,
            warnings=warnings,
        )

    def _reads(self, rows: int, token: Any) -> Reads:
        tables, row = self.tables, self.row
        columns: dict[str, Any] = tables.reads.dense(rows) | tables.returned.dense(rows, place=row)
        columns["clamp"] = columns["clamp"] > 0
        if len(self.frames[0]):
            bound(columns, *self.frames)
        columns |= tables.batch_tails.dense(rows, place=row) | tables.hashes.dense(rows, empty=0, place=row)
        columns["hashed"] = columns["hashed"] > 0
        return Reads(
            **columns,
            fences=_numbered(_placed(tables.read_fences, row), token),
            trims=_placed(tables.read_trims, row),
            contents=_placed(tables.read_contents, row),
        )


def _followed(column: Any, by: Any) -> Any:
    """Return the column with more at its end."""
    return np.concatenate((column, by)) if len(by) else column


def _sorted(interned: Interned, kept: int) -> tuple[list[str], Any]:
    """Return the texts in order, the first ``kept`` where they are, and the new number of each (int32; NONE of NONE).

    Readers meet texts in different orders; the numbers must not depend on that.
    """
    texts = interned.values
    order = [*range(kept), *sorted(range(kept, len(texts)), key=texts.__getitem__)]
    numbers = np.full(len(texts) + 1, NONE, dtype=np.int32)
    numbers[order] = np.arange(len(texts))
    return [texts[index] for index in order], numbers


def _placed(commands: dict[int, Any], row: Int64s) -> dict[int, Any]:
    """Return what was said, by number, by row, in the order of rows."""
    if not commands:
        return {}
    numbers = np.fromiter(commands, dtype=np.int64, count=len(commands))
    rows = np.where(numbers < len(row), row[np.minimum(numbers, len(row) - 1)], NONE) if len(row) else numbers[:0]
    return dict(sorted((at, said) for at, said in zip(rows.tolist(), commands.values(), strict=False) if at != NONE))


def _numbered(fences: dict[int, dict[int, int]], token: Any) -> dict[int, dict[int, int]]:
    numbers = token.tolist()
    return {row: {index: numbers[text] for index, text in of_row.items()} for row, of_row in fences.items()}
