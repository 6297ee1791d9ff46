"""Checks what must hold between the columns of a history that was not built from events."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..history import FOREVER, NONE, History, Kind, Outcome


class Wrong(Exception):
    """A column is wrong, in the row given if it is about one."""

    def __init__(self, column: str, text: str, row: int | None = None) -> None:
        super().__init__(text)
        self.column = column
        self.row = row


def check(history: History) -> None:
    """Raise :class:`Wrong` for the first thing that the builder of events would have refused."""
    _numbers(history)
    order, ids = np.argsort(history.id, kind="stable"), np.sort(history.id)
    _none(order[1:], ids[1:] == ids[:-1], "op", "another row has the same")
    rows = np.arange(len(history))
    _none(rows[1:], history.invoked[1:] < history.invoked[:-1], "invoked", "rows stand in the order of invocation")
    _none(rows, history.ended < history.invoked, "ended", "it is before the invocation")
    _none(
        rows, (history.ended == FOREVER) & (history.outcome != Outcome.INDEFINITE), "ended", "it is null, yet it ended"
    )
    _answers(history)
    _parts(history)
    for name, offset, commands in _commands(history):
        for row, of_row in commands.items():
            number = int(offset[row + 1] - offset[row])
            for index, value in of_row.items():
                if not 0 <= index < number:
                    raise Wrong(name, f"the index {index} is not one of {number} records", row)
                if value is None or (isinstance(value, int) and value < 0):
                    raise Wrong(name, f"{value!r} is no value", row)
    for row, given in history.appends.timestamps.items():
        if len(given) != int(history.appends.offset[row + 1] - history.appends.offset[row]):
            raise Wrong("append_timestamps", "its list is of another length than that of append_digests", row)
        if any(one is not None and one < 0 for one in given):
            raise Wrong("append_timestamps", "a timestamp is negative", row)


def _numbers(history: History) -> None:
    appends, reads = history.appends, history.reads
    required: dict[str, Any] = {
        "op": history.id,
        "process": history.process,
        "invoked": history.invoked,
        "intended": history.intended,
    }
    optional: dict[str, Any] = {
        "thread": history.thread,
        "session": history.session,
        "ended": history.ended,
        "observed_tail": history.observed_tail,
        "observed_tail_timestamp": history.observed_tail_timestamp,
        "seq_num_mismatch": history.seq_num_mismatch,
        "append_match_seq_num": appends.match_seq_num,
        **{f"append_{name}": getattr(appends, name) for name in ("start", "end", "tail")},
        **{f"append_{name}_timestamp": getattr(appends, f"{name}_timestamp") for name in ("start", "end", "tail")},
        "read_seq_num": reads.from_seq_num,
        "read_timestamp": reads.from_timestamp,
        **{f"read_{name}": getattr(reads, name) for name in ("tail_offset", "count", "bytes", "until", "wait", "tail")},
    }
    for name, column in required.items():
        _none(np.arange(len(history)), column < 0, name, "it is negative")
    for name, column in optional.items():
        _none(np.arange(len(history)), column < NONE, name, "it is negative")
    lists: dict[str, tuple[Any, Any]] = {
        "read_seq_nums": (reads.offset, reads.seq_num),
        "read_timestamps": (reads.offset, reads.timestamp),
    }
    lists |= {"append_sizes": (appends.offset, appends.size), "read_sizes": (reads.offset, reads.size)}
    for name, (offset, values) in lists.items():
        _none(np.repeat(np.arange(len(history)), np.diff(offset)), values < 0, name, "a number is negative")
    _none(
        np.arange(len(history)),
        (history.status != NONE) & ((history.status < 100) | (history.status > 999)),
        "status",
        "it is not from 100 to 999",
    )


def _answers(history: History) -> None:
    """Check that each operation has the answer of its own kind, and only if it succeeded."""
    appends, reads, rows = history.appends, history.reads, np.arange(len(history))
    ok, kind = history.outcome == Outcome.OK, history.kind
    acked = ok & (kind == Kind.APPEND)
    for name in ("start", "end", "tail"):
        there = getattr(appends, name) != NONE
        _none(rows, there != acked, f"append_{name}", "appends that succeeded have one, and nothing else does")
    failed = history.outcome == Outcome.FAILED
    told = (history.seq_num_mismatch != NONE) | (history.token_mismatch != NONE)
    _none(rows, told & ~(failed & (history.status == 412)), "status", "it is not 412, yet there is a mismatch")
    told = history.observed_tail != NONE
    may = (ok & ((kind == Kind.CHECK_TAIL) | reads.hashed)) | (failed & (history.status == 416))
    must = ok & ((kind == Kind.CHECK_TAIL) | reads.hashed)
    _none(
        rows,
        (told & ~may) | (must & ~told),
        "observed_tail",
        "what was answered with an exact tail has one, nothing else",
    )
    _none(rows, reads.hashed & ~(ok & (kind == Kind.READ)), "read_stream_hash", "only reads that succeeded have one")
    _none(
        rows,
        (np.diff(reads.offset) > 0) & ~(ok & (kind == Kind.READ) & ~reads.hashed),
        "read_seq_nums",
        "only reads that succeeded have any",
    )
    _none(rows, (np.diff(appends.offset) > 0) & (kind != Kind.APPEND), "append_digests", "only appends have any")


def _parts(history: History) -> None:
    frames = np.flatnonzero(history.part_of != NONE)
    reads = history.part_of[frames]
    wrong = (history.kind[reads] != Kind.READ) | (history.part_of[reads] != NONE)
    wrong |= (history.kind[frames] != Kind.READ) | (history.outcome[frames] != Outcome.OK)
    wrong |= (history.invoked[frames] != history.invoked[reads]) | (history.ended[frames] > history.ended[reads])
    _none(frames, wrong, "part_of", "a frame is a part of the answer to a read, invoked when it was")


def _commands(history: History) -> list[tuple[str, Any, dict[int, dict[int, Any]]]]:
    appends, reads = history.appends, history.reads
    return [
        ("append_fences", appends.offset, appends.fences),
        ("append_trims", appends.offset, appends.trims),
        ("read_fences", reads.offset, reads.fences),
        ("read_trims", reads.offset, reads.trims),
        ("read_contents", reads.offset, reads.contents),
    ]


def _none(rows: Any, wrong: Any, column: str, text: str) -> None:
    """Raise :class:`Wrong` for the first of these rows."""
    found = rows[wrong]
    if len(found):
        raise Wrong(column, text, int(found.min()))
