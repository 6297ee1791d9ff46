"""What a search has to explain, as the verifier sees it: the moments of definite answers, and the appends that float.

This is read from the raw history anew. The words are those of docs/search.md: a *moment* is when an operation was
answered; it asks something of the stream's state there. A *float* is an append of unknown outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .beginnings import Beginning, beginnings
from .moments import says_something


class Ask(Enum):
    """What a moment asks for."""

    APPEND = auto()
    TAIL = auto()
    WHOLE = auto()
    MATCH_REFUSED = auto()
    OUT_OF_RANGE = auto()
    TOKEN_REFUSED = auto()
    REFUSED = auto()
    READ = auto()
    BEGIN = auto()


EXACT = (Ask.TAIL, Ask.WHOLE, Ask.MATCH_REFUSED, Ask.OUT_OF_RANGE)
"""Those that name the one tail at which they are."""


@dataclass(slots=True)
class Moment:
    """``at`` is the tail that it names (where an acknowledged append begins), NONE if it names none.

    ``before`` are moments, and ``floats`` floats, that must have come first whatever the clock says.
    """

    row: int
    ask: Ask
    at: int
    invoked: int
    returned: int
    before: list[int] = field(default_factory=list)
    floats: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Float:
    """An append of unknown outcome. ``before`` are moments, ``floats`` floats that must have come first."""

    row: int
    invoked: int
    match: int
    token: int
    fence: int
    trims: dict[int, int]
    digests: tuple[int, ...]
    sizes: tuple[int, ...]
    before: list[int] = field(default_factory=list)
    floats: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Its records."""
        return len(self.digests)


@dataclass(slots=True)
class Asked:
    """Moments by invocation; floats by row. ``open_sessions`` are explained at :func:`_open`.

    ``beginnings`` are moments of their own; by the row of the first part.
    """

    history: History
    stream: int
    rows: Int64s
    moments: list[Moment]
    floats: list[Float]
    open_sessions: list[tuple[int, list[int]]]
    beginnings: dict[int, Beginning]


def asked(history: History, stream: int, rows: Int64s) -> Asked:
    """What is asked of a stream."""
    speaking = rows[says_something(history, rows)].tolist()
    begun = beginnings(history, rows)
    moments = sorted(
        (moment for row in speaking for moment in _moments(history, row, row in begun)),
        key=lambda moment: moment.invoked,
    )
    firsts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for number, moment in enumerate(moments):
        if moment.row in firsts:
            moment.before.append(firsts[moment.row])
        firsts.setdefault(moment.row, number)
        lasts[moment.row] = number
    sessions = _sessions(history, rows)
    earlier = _earlier(history, rows, sessions)
    floats, numbers = _floats(history, rows, sessions)
    found = Asked(history, stream, rows, moments, floats, [], begun)
    for row, first in firsts.items():
        for one in _through(earlier, row, firsts):
            if one in firsts:
                moments[first].before.append(firsts[one] if _pipelined(history, one, row) else lasts[one])
            elif moments[first].ask is Ask.APPEND and history.outcome[one] == Outcome.INDEFINITE:
                # One that cannot have been applied is never there: no float has this number.
                moments[first].floats.append(numbers.get(one, len(floats)))
    for lost in floats:
        for one in earlier.get(lost.row, ()):
            if one in firsts:
                lost.before.append(firsts[one] if _pipelined(history, one, lost.row) else lasts[one])
            elif one in numbers:
                lost.floats.append(numbers[one])
    found.open_sessions = list(_open(sessions, moments, firsts, numbers))
    return found


def _moments(history: History, row: int, begins: bool) -> Iterator[Moment]:
    appends, kind = history.appends, history.kind[row]
    times = int(history.invoked[row]), int(history.returned[row])
    ok, observed = history.outcome[row] == Outcome.OK, int(history.observed_tail[row])
    if kind == Kind.APPEND and ok:
        yield Moment(row, Ask.APPEND, int(appends.start[row]), *times)
        if appends.tail[row] > appends.end[row]:
            yield Moment(row, Ask.TAIL, int(appends.tail[row]), *times)
    elif kind == Kind.APPEND and history.token_mismatch[row] != NONE:
        yield Moment(row, Ask.TOKEN_REFUSED, NONE, *times)
    elif kind == Kind.APPEND and history.seq_num_mismatch[row] != NONE:
        yield Moment(row, Ask.MATCH_REFUSED, int(history.seq_num_mismatch[row]), *times)
    elif kind == Kind.APPEND:
        yield Moment(row, Ask.REFUSED, NONE, *times)
    elif not ok:
        yield Moment(row, Ask.OUT_OF_RANGE, observed, *times)
    elif kind == Kind.CHECK_TAIL:
        yield Moment(row, Ask.TAIL, observed, *times)
    elif history.reads.hashed[row]:
        yield Moment(row, Ask.WHOLE, observed, *times)
    else:
        if begins:
            yield Moment(row, Ask.BEGIN, NONE, *times)
        yield Moment(row, Ask.READ, NONE, *times)


def _sessions(history: History, rows: Int64s) -> list[list[int]]:
    """The batches of each append session, in their order."""
    found: dict[int, list[int]] = {}
    for row in rows[(history.session[rows] != NONE) & (history.kind[rows] == Kind.APPEND)].tolist():
        found.setdefault(int(history.session[row]), []).append(row)
    return list(found.values())


def _earlier(history: History, rows: Int64s, sessions: list[list[int]]) -> dict[int, list[int]]:
    """For each row those that come just before it: in its process at one instant, in its session, in its answer.

    A part of an answer begins when its read does, but its end is no answer that its process waits for.
    """
    found: dict[int, list[int]] = {}
    ended: dict[tuple[int, int], list[int]] = {}
    whole = rows[history.part_of[rows] == NONE]
    for row, process, returned in zip(
        whole.tolist(), history.process[whole].tolist(), history.returned[whole].tolist(), strict=True
    ):
        ended.setdefault((process, returned), []).append(row)
    for row, process, invoked in zip(
        rows.tolist(), history.process[rows].tolist(), history.invoked[rows].tolist(), strict=True
    ):
        for one in ended.get((process, invoked), ()):
            if one < row and not _pipelined(history, one, row) and history.part_of[row] != one:
                found.setdefault(row, []).append(one)
    answers: dict[int, list[int]] = {}
    for row in rows[history.part_of[rows] != NONE].tolist():
        answers.setdefault(int(history.part_of[row]), []).append(row)
    for one_after_another in (*sessions, *([*parts, read] for read, parts in answers.items())):
        for one, row in pairwise(one_after_another):
            found.setdefault(row, []).append(one)
    return found


def _through(earlier: dict[int, list[int]], row: int, speaking: dict[int, int]) -> Iterator[int]:
    """Those before a row, and before those of them that say nothing."""
    ahead = list(earlier.get(row, ()))
    while ahead:
        one = ahead.pop()
        yield one
        if one not in speaking:
            ahead += earlier.get(one, ())


def _pipelined(history: History, one: int, other: int) -> bool:
    """Are both batches of one append session?"""
    same = NONE != history.session[one] == history.session[other]
    return bool(same and history.kind[one] == history.kind[other] == Kind.APPEND)


def _floats(history: History, rows: Int64s, sessions: list[list[int]]) -> tuple[list[Float], dict[int, int]]:
    """Appends of unknown outcome, but for those whose session had failed before, and their numbers by row."""
    appends = history.appends
    late = set[int]()
    for batches in sessions:
        failed = next((i for i, row in enumerate(batches) if history.outcome[row] == Outcome.FAILED), len(batches))
        late.update(batches[failed:])
    lost = rows[(history.kind[rows] == Kind.APPEND) & (history.outcome[rows] == Outcome.INDEFINITE)]
    floats = []
    for row in lost[appends.offset[lost + 1] > appends.offset[lost]].tolist():
        if row not in late:
            low, high = int(appends.offset[row]), int(appends.offset[row + 1])
            floats.append(
                Float(
                    row,
                    int(history.invoked[row]),
                    int(appends.match_seq_num[row]),
                    int(appends.token[row]),
                    int(appends.last_fence[row]),
                    appends.trims.get(row, {}),
                    tuple(appends.digest[low:high].tolist()),
                    tuple(appends.size[low:high].tolist()),
                )
            )
    return floats, {one.row: number for number, one in enumerate(floats)}


def _open(
    sessions: list[list[int]], moments: list[Moment], firsts: dict[int, int], numbers: dict[int, int]
) -> Iterator[tuple[int, list[int]]]:
    """Of each session that was refused after batches of unknown outcome: the refusal (a moment), and these (floats).

    Those applied are the first of them, and were applied before it.
    """
    refusals = (Ask.TOKEN_REFUSED, Ask.MATCH_REFUSED, Ask.REFUSED)
    for batches in sessions:
        for at, row in enumerate(batches):
            if row in firsts and moments[firsts[row]].ask in refusals:
                before = [numbers[one] for one in batches[:at] if one in numbers]
                if before:
                    yield firsts[row], before
                break
