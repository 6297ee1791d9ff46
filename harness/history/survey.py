"""Says what a checker could decide about a history: what was done, what was observed, and what is open."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .evidence import MISMATCHES, mismatched
from .history import FOREVER, NONE, History, Int64s, Kind, Outcome


def survey(history: History) -> Iterator[str]:
    """Return the survey as lines, for people."""
    yield f"{_count(len(history) - _frames(history), 'operation')} on {_count(len(history.header.streams), 'stream')}"
    yield from (f"  {line}" for line in _outcomes(history))
    yield "observations"
    yield from (f"  {line}" for line in _observations(history))
    for index, stream in enumerate(history.header.streams):
        yield f"stream {stream.name!r}: {_closing(history, index)}"
        if stream.fencing_token is None:
            yield f"stream {stream.name!r}: its first token is not known; one must explain everything that met it"
    yield _concurrency(history)
    yield _contents(history)
    yield "the history is whole" if history.whole else "the history has no end mark: what is pending is indefinite"
    for what in history.header.untold:
        yield f"not told: {what}"


def _frames(history: History) -> int:
    return int((history.part_of != NONE).sum())


def _outcomes(history: History) -> Iterator[str]:
    alone = history.part_of == NONE
    for kind in Kind:
        of_kind = alone & (history.kind == kind)
        if not of_kind.any():
            continue
        indefinite = of_kind & (history.outcome == Outcome.INDEFINITE)
        never = int((indefinite & (history.ended == FOREVER)).sum())
        parts = [
            f"{int((of_kind & (history.outcome == Outcome.OK)).sum()):,} succeeded",
            f"{int((of_kind & (history.outcome == Outcome.FAILED)).sum()):,} failed",
            f"{int(indefinite.sum()):,} indefinite" + (f" ({never:,} never returned)" if never else ""),
        ]
        yield f"{_count(int(of_kind.sum()), kind.label)}: {', '.join(parts)}"


def _observations(history: History) -> Iterator[str]:
    reads, ok = history.reads, history.outcome == Outcome.OK
    refused = (history.outcome == Outcome.FAILED) & (history.status == 412)
    silent = refused & ~mismatched(history)
    failed = (history.kind == Kind.APPEND) & (history.outcome == Outcome.FAILED) & (history.status == NONE)
    records = np.diff(reads.offset)
    counted = {
        "acknowledged ranges": history.appends.start != NONE,
        "exact tails that were asked for": ok & (history.observed_tail != NONE) & ~reads.hashed,
        "exact tails told by reads beyond the tail (416)": (history.outcome == Outcome.FAILED)
        & (history.observed_tail != NONE),
        **{f"{one.noun}s told by refusals ({one.status})": getattr(history, one.column) != NONE for one in MISMATCHES},
        "refusals that do not say why (412 without a body)": silent,
        "failed appends without a status, from which nothing follows": failed,
        "answers with records": records > 0,
        "reads of the whole stream, as a hash": reads.hashed,
        "tails in followed answers": reads.tail != NONE,
        "parts of answers (frames)": history.part_of != NONE,
    }
    for what, rows in counted.items():
        number = int(rows.sum())
        if number:
            yield f"{what}: {number:,}"
    if int(records.sum()):
        yield f"records returned: {int(records.sum()):,}"


def _closing(history: History, stream: int) -> str:
    """Say whether anything was read after every append had ended, and how much of the stream that was."""
    rows = np.flatnonzero(history.stream == stream)
    appends = rows[history.kind[rows] == Kind.APPEND]
    if not len(appends):
        return "no appends"
    pending = int((history.ended[appends] == FOREVER).sum())
    ended = history.ended[appends][history.ended[appends] != FOREVER]
    quiet = int(max(ended.max(initial=0), history.invoked[appends].max()))
    later = rows[
        (history.kind[rows] == Kind.READ) & (history.outcome[rows] == Outcome.OK) & (history.invoked[rows] >= quiet)
    ]
    open_end = f"; {_count(pending, 'append')} never returned and may still arrive" if pending else ""
    if history.reads.hashed[later].any():
        return f"a closing read, as a hash{open_end}"
    seen = _positions(history, later)
    if not len(seen):
        indefinite = int((history.outcome[appends] == Outcome.INDEFINITE).sum())
        left = (
            f": whether {_count(indefinite, 'indefinite append')} took effect has to be searched for"
            if indefinite
            else ""
        )
        return f"no closing read{left}{open_end}"
    gaps = int(seen[-1] - seen[0] + 1 - len(seen))
    missing = f", {_count(gaps, 'position')} between left out" if gaps else ""
    return f"a closing read of the positions from {int(seen[0]):,} to {int(seen[-1]):,}{missing}{open_end}"


def _positions(history: History, rows: Int64s) -> Int64s:
    reads = history.reads
    parts = [reads.seq_num[reads.offset[row] : reads.offset[row + 1]] for row in rows.tolist()]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)


def _concurrency(history: History) -> str:
    processes = len(np.unique(history.process))
    times = np.concatenate((history.invoked, history.ended))
    steps = np.repeat([1, -1], len(history))
    # Intervals are closed: at one instant what begins comes before what ends.
    order = np.lexsort((-steps, times))
    most = int(np.cumsum(steps[order]).max(initial=0))
    if most < 2:
        return f"{_count(processes, 'process', 'processes')}; no operations overlap: races cannot show"
    return f"{_count(processes, 'process', 'processes')}; up to {most:,} operations at once"


def _contents(history: History) -> str:
    appends = history.appends
    commands = {
        int(appends.offset[row]) + index
        for of_rows in (appends.fences, appends.trims)
        for row, at in of_rows.items()
        for index in at
    }
    kept = np.ones(len(appends.digest), dtype=np.bool_)
    kept[list(commands)] = False
    sent = np.sort(appends.digest[kept])
    twice = int((sent[1:] == sent[:-1]).sum())
    records = f"{_count(len(sent), 'record')} sent"
    if not twice:
        return f"{records}, each of its own content"
    return f"{records}, {twice:,} with the content of another: who wrote what may have to be searched for"


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
