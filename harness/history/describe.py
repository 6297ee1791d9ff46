"""Describes operations in words, the same in terminals, sentences and pictures."""

from __future__ import annotations

import numpy as np

from ..printable import quoted
from .evidence import MISMATCHES
from .history import NONE, Kind, Operation, Outcome
from .tables import FOLLOWING


def name(operation: Operation) -> str:
    """Return a short name such as ``append #17``, or ``part #17`` of an answer."""
    is_part = operation.history.part_of[operation.row] != NONE
    return f"{'part' if is_part else operation.kind.label} #{operation.id}"


def request(operation: Operation) -> str:
    """Return what the operation asked for, such as ``append 3 records, match_seq_num 12, token "a", fence "b"``."""
    words = {Kind.APPEND: _append, Kind.READ: _read}.get(operation.kind)
    return operation.kind.label if words is None else words(operation)


def answer(operation: Operation) -> str:
    """Return how it ended, such as ``at [12, 15), tail 15`` or ``412: the tail is 15``."""
    if operation.outcome is Outcome.INDEFINITE:
        return "never returned" if operation.ended is None else f"indefinite: {operation.code}"
    for one in MISMATCHES:
        value = one.of(operation.history, operation.row)
        if value is not None:
            return f"{one.status}: the {one.noun} is {quoted(value) if isinstance(value, str) else value}"
    if operation.outcome is Outcome.FAILED:
        where = "" if operation.observed_tail is None else f", the tail is {operation.observed_tail}"
        return f"{operation.status or 'failed:'} {operation.code}{where}"
    if operation.ack is not None:
        start, end, tail = operation.ack
        return f"at [{start}, {end})" + (f", tail {tail}" if tail != end else "")
    if operation.observed_tail is not None:
        return f"the tail is {operation.observed_tail}"
    seq_nums = operation.seq_nums
    return f"{_records(len(seq_nums))}, {seq_nums[0]} to {seq_nums[-1]}" if seq_nums else "no records"


def _append(operation: Operation) -> str:
    parts = [f"append {_records(operation.records)}"]
    if operation.match_seq_num is not None:
        parts.append(f"match_seq_num {operation.match_seq_num}")
    if operation.fencing_token is not None:
        parts.append(f"token {quoted(operation.fencing_token)}")
    if operation.last_fence is not None:
        parts.append(f"fence {quoted(operation.last_fence)}")
    return ", ".join(parts)


def _read(operation: Operation) -> str:
    """What the whole read asked for, of the part of an answer as well: a part asks for nothing by itself."""
    history, reads = operation.history, operation.history.reads
    part_of = int(history.part_of[operation.row])
    whole = operation.row if part_of == NONE else part_of
    parts = np.flatnonzero(history.part_of == whole)
    row = int(parts[0]) if len(parts) else whole  # the read's own row has what was left to ask for in the end
    given = {
        "from": reads.from_seq_num[row],
        "from timestamp": reads.from_timestamp[row],
        "from tail −": reads.tail_offset[row],
        "count": reads.count[row],
        "bytes": reads.bytes[row],
        "until": reads.until[row],
        "wait": reads.wait[whole],
    }
    bounded = any(given[bound] != NONE for bound in ("count", "bytes", "until"))
    if history.session[whole] != NONE and not bounded and given["wait"] == FOLLOWING:
        del given["wait"]  # it follows the tail because nothing ends it, whether or not it gave that
    told = [f"{label} {value}" for label, value in given.items() if value != NONE]
    return " ".join(["read", ", ".join(told) or "from the tail", *(["clamped"] if reads.clamp[row] else [])])


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number:,} records"
