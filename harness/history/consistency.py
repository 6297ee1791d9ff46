"""The rules that the operations of a history must keep together, whatever file they came from.

If an operation breaks one, the history contradicts itself, and no checker could say anything of it. Records should be
as unique as the header says, and a batch should hold records. If not, the rest keeps its meaning, and the history
carries a warning.

What can only be wrong with lines that stand apart (an answer without an invocation) is found where they are joined
(:mod:`.joining`); what a single line or row cannot hold, where it is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contradictions import Contradiction, First, Terms
from .history import APPEND, FOREVER, INDEFINITE, NONE, OK, READ, Appends, History, Int64s
from .ids import Ids


def contradiction(history: History, terms: Terms | None = None) -> Contradiction | None:
    """Return the first thing that cannot be right in a history of columns, with its row for its place; or None."""
    rows, first = np.arange(len(history)), First(terms or Terms())
    ordered(history.id, history.invoked, rows, first)
    check(history, first, rows, rows)
    return first.found


def check(
    history: History, first: First, invoked: Int64s, ended: Int64s, streams: Sequence[str] = (), cut: bool = False
) -> None:
    """Note whatever breaks a rule, except for the order of invocations (:func:`ordered`).

    ``invoked`` and ``ended`` (shape (n,)) are the places of invocations and answers. ``streams`` are the names that
    streams have, declared or not. ``cut`` says that answers may be missing.
    """
    ids, terms, part = history.id, first.terms, history.part_of != NONE
    repeated = Ids(ids, invoked).repeated
    first.note(repeated, invoked, "op", lambda row: f"operation {ids[row]} was {terms.invoked} before")
    undeclared = history.stream >= len(history.header.streams)
    first.note(
        undeclared,
        invoked,
        "stream",
        lambda row: f"the stream {streams[history.stream[row]]!r} is not declared in the header",
    )
    _versions(history, first, invoked, ended)
    for column, offset, commands, places in _by_record(history, invoked, ended):
        _indices(column, offset, commands, places, first)
    early = history.ended < history.invoked
    first.note(
        early,
        ended,
        "ended",
        lambda row: (
            f"the frame {ids[row]} came before its read was {terms.invoked}"
            if part[row]
            else f"operation {ids[row]} {terms.returned} before it was {terms.invoked}"
        ),
    )
    never = (history.ended == FOREVER) & (history.outcome != INDEFINITE)
    first.note(never, ended, "ended", lambda row: f"operation {ids[row]} has no time at which it {terms.returned}")
    _frames(history, first, ended)
    if not cut:
        _overlap(history, first, invoked)


def ordered(ids: Int64s, times: Int64s, places: Int64s, first: First) -> None:
    """Note the first invocation (all of shape (n,), as they stand in the file) that is earlier than the one before."""
    wrong = np.zeros(len(times), dtype=np.bool_)
    wrong[1:] = times[1:] < times[:-1]
    terms, moment = first.terms, first.terms.moment
    first.note(
        wrong,
        places,
        "invoked",
        lambda row: (
            f"operation {ids[row]} was {terms.invoked} {moment.format(times[row])}, but operation {ids[row - 1]}, "
            f"which stands before it, {moment.format(times[row - 1])}; invocations stand in the order of their times"
        ),
    )


def _versions(history: History, first: First, invoked: Int64s, ended: Int64s) -> None:
    version = history.header.schema
    if version >= 2:
        return
    text = f"the header says version {version}, but {{}} is of version 2"
    session, part = history.session != NONE, history.part_of != NONE
    first.note(session & ~part, invoked, "session", lambda row: text.format("a session"))
    first.note(part, ended, "type", lambda row: text.format("a frame"))
    first.note(history.reads.hashed, ended, "type", lambda row: text.format("a read of the whole stream"))


def _by_record(
    history: History, invoked: Int64s, ended: Int64s
) -> Iterator[tuple[str, Int64s, dict[int, Any], Int64s]]:
    """Yield what is said of single records: its column, the offsets of the records, what is said by row, the places."""
    appends, reads = history.appends, history.reads
    yield "append_fences", appends.offset, appends.fences, invoked
    yield "append_trims", appends.offset, appends.trims, invoked
    yield "append_timestamps", appends.offset, appends.timestamps, invoked
    yield "read_fences", reads.offset, reads.fences, ended
    yield "read_trims", reads.offset, reads.trims, ended
    yield "read_contents", reads.offset, reads.contents, ended


def _indices(column: str, offset: Int64s, said: dict[int, Any], places: Int64s, first: First) -> None:
    """Note indices that are none of a record's of the row, and lists with another number of entries."""
    if not said:
        return
    rows = np.fromiter(said, dtype=np.int64, count=len(said))
    numbers = (offset[rows + 1] - offset[rows]).tolist()
    for row, number, of_row in zip(rows.tolist(), numbers, said.values(), strict=True):
        text = _misplaced(of_row, number)
        if text is not None:
            first.at(int(places[row]), column, text)


def _misplaced(of_row: list[Any] | dict[int, Any], number: int) -> str | None:
    """Return what is wrong with a list of one entry per record, or with a map from indices of ``number`` records."""
    if isinstance(of_row, list):
        return None if len(of_row) == number else f"{number} digests, but {len(of_row)} timestamps"
    if not of_row or 0 <= min(of_row) <= max(of_row) < number:
        return None
    index = next(index for index in of_row if not 0 <= index < number)
    return f"the index {index} is not one of {number} records"


def _frames(history: History, first: First, ended: Int64s) -> None:
    frames = np.flatnonzero(history.part_of != NONE)
    if not len(frames):
        return
    reads = history.part_of[frames]
    wrong = (history.kind[reads] != READ) | (history.part_of[reads] != NONE)
    wrong |= (history.kind[frames] != READ) | (history.outcome[frames] != OK)
    wrong |= (history.invoked[frames] != history.invoked[reads]) | (history.ended[frames] > history.ended[reads])
    first.note(
        wrong,
        ended[frames],
        "part_of",
        lambda frame: "a frame is a part of the answer to a read, invoked when it was, and ended no later",
    )


def _overlap(history: History, first: First, places: Int64s) -> None:
    """Note the first operation that its process must not have invoked.

    A process must wait until its last operation has returned (at the same instant is fine), and does nothing after one
    that ended indefinitely. Operations of sessions are exempt: batches are pipelined, and frames are parts of one read.
    """
    rows = np.flatnonzero((history.session == NONE) & (history.part_of == NONE))
    process = history.process[rows]
    rows = rows[np.argsort(process, kind="stable")]
    before, after = rows[:-1], rows[1:]
    wrong = history.process[before] == history.process[after]
    wrong &= (history.outcome[before] == INDEFINITE) | (history.ended[before] > history.invoked[after])
    first.note(
        wrong,
        places[after],
        "process",
        lambda pair: _overlapping(history, first.terms, int(before[pair]), int(after[pair])),
    )


def _overlapping(history: History, terms: Terms, before: int, after: int) -> str:
    one, other, ended = history.operation(before), history.operation(after), int(history.ended[before])
    if ended == FOREVER:
        when = f"which never {terms.returned}"
    elif ended > other.invoked:
        when = f"which ended {terms.moment.format(ended)}"
    else:
        when = f"which ended indefinitely {terms.moment.format(ended)}"
    apart = "" if terms.sessions is None else f": {terms.sessions}"
    return (
        f"{terms.process} {other.process} {terms.invoked} operation {other.id} {terms.moment.format(other.invoked)}, "
        f"after its operation {one.id}, {when}; a {terms.process} does one thing after another, and nothing after an "
        f"indefinite end{apart}"
    )


def doubts(history: History) -> list[str]:
    """Return one sentence for each oddity that leaves the rest of the history its meaning."""
    return [text for text in (_empty_batches(history), _repeated_contents(history)) if text is not None]


def _empty_batches(history: History) -> str | None:
    empty = np.flatnonzero((history.kind == APPEND) & (np.diff(history.appends.offset) == 0))
    if not len(empty):
        return None
    first = history.id[empty[0]]
    others = "" if len(empty) == 1 else f", and so do {len(empty) - 1:,} other appends"
    return f"operation {first} appends no records{others}: no service accepts that"


def _repeated_contents(history: History) -> str | None:
    """Warn if two appends sent equal contents although the header promises unique records.

    An indefinite append may repeat another one: that is how a recorder writes down a request that was sent twice.
    """
    appends = history.appends
    if not history.header.unique_records:
        return None
    records = _others_than_commands(appends)
    digests = appends.digest[records]
    ordered = np.sort(digests)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return None
    records = records[np.isin(digests, np.unique(repeated))]
    digests = appends.digest[records]
    senders = np.searchsorted(appends.offset, records, side="right") - 1
    indefinite = history.outcome[senders] == INDEFINITE
    order = np.lexsort((records, indefinite, digests))
    one, other = order[:-1], order[1:]
    wrong = (digests[one] == digests[other]) & (~indefinite[other] | (senders[one] == senders[other]))
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    place = int(records[other[first]]) - int(appends.offset[senders[other[first]]])
    before, after = (int(history.id[senders[one_of[first]]]) for one_of in (one, other))
    others = int(np.count_nonzero(wrong)) - 1
    more = f" ({others:,} other records repeat one as well)" if others else ""
    return (
        f"the header says unique_records, but record {place} of operation {after} has the content of one of operation "
        f'{before}{more}: write "unique_records": false, or give every record a content of its own'
    )


def _others_than_commands(appends: Appends) -> Int64s:
    """Return the indices into ``appends.digest`` of the records that are neither fence nor trim commands."""
    others = np.ones(len(appends.digest), dtype=np.bool_)
    for commands in (appends.fences, appends.trims):
        for row, indices in commands.items():
            others[int(appends.offset[row]) + np.fromiter(indices, dtype=np.int64)] = False
    return np.flatnonzero(others)
