"""Writes the histories of :mod:`benchmarks.realistic` in both formats, byte for byte as ``fencepost convert`` does.

It knows only what occurs in those histories, and so writes a million operations in seconds rather than in a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import numpy as np

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome
from fencepost.harness.history.s2_porcupine.described import COLLECTOR
from fencepost.harness.history.s2_porcupine.translation import PAGE_RECORDS

_CHUNK: Final = 50_000
"""Lines that are made at a time."""


def journal(history: History) -> Iterator[bytes]:
    """Yield the history as a journal, in pieces."""
    yield msgspec.json.encode(history.header) + b"\n"
    yield from _pieces(history, history.ended, _journal_lines)
    yield b'{"type":"end","time":%d}\n' % history.duration


def s2_porcupine(history: History) -> Iterator[bytes]:
    """Yield the history in s2-porcupine's format, in pieces."""
    if (history.appends.token == 0).any():
        first = '{"num_records":0,"record_hashes":[],"set_fencing_token":"","fencing_token":null,"match_seq_num":null}'
        ids = f'"client_id":{COLLECTOR},"op_id":{len(history)}}}\n'
        yield f'{{"event":{{"Start":{{"Append":{first}}}}},{ids}'.encode()
        yield f'{{"event":{{"Finish":{{"AppendSuccess":{{"tail":0}}}}}},{ids}'.encode()
    _, begins, process = np.unique(history.process, return_index=True, return_inverse=True)
    clients = (np.argsort(np.argsort(begins)) + COLLECTOR + 1)[process]
    yield from _pieces(history, history.returned, lambda rows: _s2_porcupine_lines(rows, clients))


_Lines = tuple[list[str], list[str]]
"""The line of its start and the line of its end, for each row."""


class _Rows:
    """Some rows of a history, their columns as lists of one entry per row."""

    def __init__(self, history: History, rows: Int64s) -> None:
        self.history = history
        self.rows = rows
        self.kind = self(history.kind)
        self.outcome = self(history.outcome)
        appends, reads = history.appends, history.reads
        self.digests, self.sizes = self.texts(appends.offset, appends.digest, appends.size)
        self.counts = self(np.diff(appends.offset))
        self.match = self(appends.match_seq_num)
        self.token = self(appends.token)
        self.fence = self(appends.last_fence)
        self.end = self(appends.end)
        self.observed = self(history.observed_tail)
        self.start = self(reads.from_seq_num)
        self.count = self(reads.count)

    def __call__(self, column: Any) -> list[Any]:
        return column[self.rows].tolist()  # type: ignore[no-any-return]

    def texts(self, offset: Int64s, *columns: Any) -> list[list[str]]:
        """Return for each ragged column the text of each row's list."""
        low, high = offset[self.rows], offset[self.rows + 1]
        ends = np.cumsum(high - low)
        items = np.repeat(high - ends, high - low) + np.arange(ends[-1])
        bounds = list(zip((ends - (high - low)).tolist(), ends.tolist(), strict=True))
        found = []
        for column in columns:
            values = list(map(str, column[items].tolist()))
            found.append([f"[{','.join(values[low:high])}]" for low, high in bounds])
        return found


def _pieces(history: History, ended: Int64s, make: Callable[[_Rows], _Lines]) -> Iterator[bytes]:
    """Yield the starts and ends of all rows in order of time. Among equal times, the order of the rows decides."""
    rows = len(history)
    order = np.argsort(np.concatenate((history.invoked, ended)), kind="stable")
    for low in range(0, len(order), _CHUNK):
        chunk = order[low : low + _CHUNK]
        some, place = np.unique(chunk % rows, return_inverse=True)
        starts, ends = make(_Rows(history, some))
        lines = zip(place.tolist(), (chunk < rows).tolist(), strict=True)
        yield "".join([starts[at] if is_start else ends[at] for at, is_start in lines]).encode()


def _journal_lines(rows: _Rows) -> _Lines:
    history = rows.history
    ops, processes, threads = rows(history.id), rows(history.process), rows(history.thread)
    invoked, ended, waits = rows(history.invoked), rows(history.ended), rows(history.reads.wait)
    acks, answers = _acks(rows), _answers(rows)
    starts, ends = [], []
    stream = history.header.streams[0].name
    for at, (row, op, kind, outcome) in enumerate(zip(rows.rows.tolist(), ops, rows.kind, rows.outcome, strict=True)):
        own = f'"op":{op},"time":{invoked[at]},"process":{processes[at]},"stream":"{stream}"'
        if kind == Kind.APPEND:
            given = f'"append",{own},"digests":{rows.digests[at]},"sizes":{rows.sizes[at]}{_conditions(rows, at)}'
            given += _commands(history, history.appends, row)
        elif kind == Kind.READ:
            count = "" if rows.count[at] == NONE else f',"count":{rows.count[at]}'
            wait = "" if waits[at] == NONE else f',"wait":{waits[at]}'
            given = f'"read",{own},"seq_num":{rows.start[at]}{count}{wait}'
        else:
            given = f'"check-tail",{own}'
        starts.append(f'{{"type":{given},"thread":{threads[at]}}}\n')
        answer = _failure(rows, at) if outcome != Outcome.OK else acks[at] if kind == Kind.APPEND else answers[at]
        name, _, rest = answer.partition(" ")
        ends.append(f'{{"type":"{name}","op":{op},"time":{ended[at]},{rest}}}\n')
    return starts, ends


def _conditions(rows: _Rows, at: int) -> str:
    match, token = rows.match[at], rows.token[at]
    text = "" if match == NONE else f',"match_seq_num":{match}'
    return text if token == NONE else f'{text},"fencing_token":"{rows.history.tokens[token]}"'


def _commands(history: History, of: Any, row: int) -> str:
    text = ""
    if (fences := of.fences.get(row)) is not None:
        texts = ",".join(f'"{index}":"{history.tokens[token]}"' for index, token in fences.items())
        text += f',"fences":{{{texts}}}'
    if (trims := of.trims.get(row)) is not None:
        texts = ",".join(f'"{index}":{seq_num}' for index, seq_num in trims.items())
        text += f',"trims":{{{texts}}}'
    return text


def _acks(rows: _Rows) -> list[str]:
    appends = rows.history.appends
    columns = rows(appends.start), rows(appends.start_timestamp), rows.end, rows(appends.end_timestamp)
    return [
        f'ack "start":[{start},{first}],"end":[{end},{last}],"tail":[{end},{last}]'
        for start, first, end, last in zip(*columns, strict=True)
    ]


def _answers(rows: _Rows) -> list[str]:
    """Return the answers of reads and check-tails."""
    history, reads = rows.history, rows.history.reads
    texts = rows.texts(reads.offset, reads.seq_num, reads.timestamp, reads.digest, reads.size)
    columns = rows.rows.tolist(), rows.kind, rows.observed, rows(history.observed_tail_timestamp), *texts
    return [
        f'tail "tail":[{tail},{stamp}]'
        if kind == Kind.CHECK_TAIL
        else f'batch "seq_nums":{seq_nums},"timestamps":{stamps},"digests":{digests},"sizes":{sizes}'
        + _commands(history, reads, row)
        for row, kind, tail, stamp, seq_nums, stamps, digests, sizes in zip(*columns, strict=True)
    ]


def _failure(rows: _Rows, at: int) -> str:
    history, row = rows.history, int(rows.rows[at])
    if rows.outcome[at] == Outcome.INDEFINITE:
        return f'indefinite "reason":"{history.codes[history.code[row]]}"'
    code, tail, token = history.codes[history.code[row]], history.seq_num_mismatch[row], history.token_mismatch[row]
    text = f"{tail}" if tail != NONE else f'"{history.tokens[token]}"'
    return f'failure "code":"{code}","status":412,"body":{{"{code}":{text}}}'


def _s2_porcupine_lines(rows: _Rows, clients: Int64s) -> _Lines:
    history = rows.history
    tails = _proven_tails(rows)
    starts, ends = [], []
    for at, (row, op, client, kind, outcome) in enumerate(
        zip(rows.rows.tolist(), rows(history.id), rows(clients), rows.kind, rows.outcome, strict=True)
    ):
        if kind == Kind.APPEND:
            match = "null" if rows.match[at] == NONE else rows.match[at]
            start = (
                f'{{"Append":{{"num_records":{rows.counts[at]},"record_hashes":{rows.digests[at]},'
                f'"set_fencing_token":{_token(history, rows.fence[at])},'
                f'"fencing_token":{_token(history, rows.token[at])},"match_seq_num":{match}}}}}'
            )
            unheard = '"AppendIndefiniteFailure"' if outcome == Outcome.INDEFINITE else '"AppendDefiniteFailure"'
            end = f'{{"AppendSuccess":{{"tail":{rows.end[at]}}}}}' if outcome == Outcome.OK else unheard
        elif tails[at] == NONE:
            start, end = '"Read"', '"ReadFailure"'
        elif rows.start[at] == 0:
            reads = history.reads
            chained = fold(reads.digest[reads.offset[row] : reads.offset[row + 1]].tolist())
            start, end = '"Read"', f'{{"ReadSuccess":{{"tail":{tails[at]},"stream_hash":{chained}}}}}'
        else:
            start, end = '"CheckTail"', f'{{"CheckTailSuccess":{{"tail":{tails[at]}}}}}'
        ids = f'"client_id":{client},"op_id":{op}}}\n'
        starts.append(f'{{"event":{{"Start":{start}}},{ids}')
        ends.append(f'{{"event":{{"Finish":{end}}},{ids}')
    return starts, ends


def _proven_tails(rows: _Rows) -> list[int]:
    """Return the tails that observations prove. A read does if it ended neither by a bound nor where a trim may be."""
    history, reads = rows.history, rows.history.reads
    number = np.diff(reads.offset)[rows.rows]
    count = reads.count[rows.rows]
    ended_early = (number > 0) & (number < np.where(count == NONE, PAGE_RECORDS, count))
    exact = ended_early & (not history.appends.trims)
    return np.where(exact, reads.from_seq_num[rows.rows] + number, history.observed_tail[rows.rows]).tolist()  # type: ignore[no-any-return]


def _token(history: History, token: int) -> str:
    return "null" if token == NONE else f'"{history.tokens[token]}"'
