"""Rules that the operations of a history must keep together, whatever file they came from.

A process does one thing after another. If it does not, the history contradicts itself, because every order that a
checker derives from processes would be wrong. Records should be as unique as the header says, and a batch should hold
records. If not, the rest keeps its meaning, and the history carries a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .history import FOREVER, NONE, Appends, History, Int64s, Kind, Outcome


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The field ``field`` of the operation with id ``op`` cannot be right. ``text`` says why, and what to do."""

    op: int
    field: str
    text: str


def overlap(history: History) -> Contradiction | None:
    """Return the first operation that its process must not have invoked, or None.

    A process must wait until its last operation has returned (at the same instant is fine), and does nothing after one
    that ended indefinitely. Operations of sessions are exempt: batches are pipelined, and frames are parts of one read.
    """
    rows = np.flatnonzero((history.session == NONE) & (history.part_of == NONE))
    process = history.process[rows]
    rows = rows[np.argsort(process, kind="stable")]
    before, after = rows[:-1], rows[1:]
    wrong = history.process[before] == history.process[after]
    wrong &= (history.outcome[before] == Outcome.INDEFINITE) | (history.ended[before] > history.invoked[after])
    if not wrong.any():
        return None
    place = np.flatnonzero(wrong)
    place = place[np.argmin(after[place])]
    return _overlapping(history, int(before[place]), int(after[place]))


def _overlapping(history: History, before: int, after: int) -> Contradiction:
    one, other, ended = history.operation(before), history.operation(after), int(history.ended[before])
    if ended == FOREVER:
        when = "which never returned"
    elif ended > other.invoked:
        when = f"which ended at {ended} ns"
    else:
        when = f"which ended indefinitely at {ended} ns"
    return Contradiction(
        other.id,
        "process",
        f"process {other.process} invoked operation {other.id} at {other.invoked} ns, after its operation {one.id}, "
        f"{when}; a process does one thing after another, and nothing after an indefinite end: "
        "number processes apart, or give what is pipelined a session",
    )


def doubts(history: History) -> list[str]:
    """Return one sentence for each oddity that leaves the rest of the history its meaning."""
    return [text for text in (_empty_batches(history), _repeated_contents(history)) if text is not None]


def _empty_batches(history: History) -> str | None:
    empty = np.flatnonzero((history.kind == Kind.APPEND) & (np.diff(history.appends.offset) == 0))
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
    indefinite = history.outcome[senders] == Outcome.INDEFINITE
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
