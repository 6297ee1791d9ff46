"""The whole certificate: every stream of the history has its proof, and together they make the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import History, Int64s

from . import exhaustion, invalid, unknown, valid
from .refutation import Refuted
from .statement import Stated, read


@dataclass(frozen=True, slots=True)
class Checked:
    """What holds, one line a stream, and what does not."""

    lines: list[str]
    failures: list[str]


def check(history: History, parts: Mapping[str, bytes], claimed: str) -> Checked:
    """Re-check the parts of a certificate that claims a validity. Raises Damaged where they cannot be read."""
    statement = read(history, parts)
    checked = Checked([], [])
    names = [stream.name for stream in history.header.streams]
    if [stated.stream for stated in statement.streams] != names:
        checked.failures.append("the certificate is not of the streams of the history, each once and in their order")
        return checked
    rows = _rows(history)
    for index, stated in enumerate(statement.streams):
        try:
            first, *more = _stream(history, index, rows[index], stated)
            checked.lines.extend([f"{stated.stream}: {first}", *(f"  {line}" for line in more)])
        except Refuted as refuted:
            checked.failures.append(f"stream {stated.stream} is not {stated.validity} by this proof: {refuted}")
    validities = {stated.validity for stated in statement.streams} | ({"unknown"} if statement.reasons else set())
    worst = next((one for one in ("invalid", "unknown") if one in validities), "valid" if validities else "unknown")
    if worst != claimed:
        checked.failures.append(f"the verdict is {claimed}, and what is proven is {worst}")
    return checked


def _rows(history: History) -> list[Int64s]:
    """The rows of each stream, ascending."""
    number = len(history.header.streams)
    if number == 1:
        return [np.arange(len(history), dtype=np.int64)]
    order = np.argsort(history.stream, kind="stable")
    ends = np.cumsum(np.bincount(history.stream, minlength=number))
    return np.split(order, ends[:-1])


def _stream(history: History, index: int, rows: Int64s, stated: Stated) -> list[str]:
    if stated.validity == "valid":
        if stated.order is None or stated.second is None:
            raise Refuted("no order is given")
        valid.check(history, index, rows, stated.order, stated.second, stated.token)
        return [f"valid: {len(stated.order):,} moments replayed, of {len(rows):,} operations"]
    if stated.validity == "invalid":
        return _invalid(history, index, rows, stated)
    if stated.validity != "unknown":
        raise Refuted(f"nobody knows what {stated.validity!r} means")
    unknown.check(history, index, rows, stated.holes, stated.reasons)
    return [f"unknown: {len(stated.holes):,} holes are open, and their candidates fit", *stated.reasons]


def _invalid(history: History, index: int, rows: Int64s, stated: Stated) -> list[str]:
    found = invalid.check(history, index, rows, stated.claims)
    searched = None if stated.log is None else exhaustion.check(history, index, rows, stated.log)
    if not found.proven and searched is None and not stated.exhausted:
        raise Refuted("none of its violations was proven from the raw operations")
    told = [f"invalid: {len(found.proven)} of {len(stated.claims)} violations proven by themselves"]
    told += [f"{stated.claims[number].anomaly}: {why}" for number, why in found.proven.items()]
    told += [] if searched is None else [searched]
    if searched is not None:
        why = "it is what the log comes to"
    elif stated.exhausted:
        why = "it rests on a search that tried everything, of which no log was kept"
    else:
        why = "it rests on more than its operations"
    return told + [f"{stated.claims[number].anomaly}: not proven by itself, {why}" for number in found.open]
