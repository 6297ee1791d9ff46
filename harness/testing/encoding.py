"""Conversion of hand-written operations to the events, the columns and the bytes of a history."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fencepost.harness import s2
from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import History

from .operations import (
    Ack,
    Batch,
    Lost,
    Op,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)


def header(
    streams: Iterable[str] = ("s",), tail: int = 0, token: str | None = "", unique: bool = True, **declared: Any
) -> events.Header:
    """Return the header of a hand-written history. Every stream begins in the same state.

    ``declared`` are other fields of the header (:class:`~fencepost.harness.history.events.Header`).
    """
    return events.Header(
        schema=events.SCHEMA,
        version="0",
        workload="by-hand",
        seed=0,
        started="2026-01-01T00:00:00+00:00",
        streams=[events.StreamState(name, tail, token) for name in streams],
        unique_records=unique,
        **declared,
    )


def by_invocation(ops: Iterable[Op]) -> list[Op]:
    """Return the operations in the order of their invocation. The index of each is its id."""
    return sorted(ops, key=lambda op: (op.invoked, op.returned))


def journal(*ops: Op, closed: bool = True, **declared: Any) -> list[Any]:
    """Return the header, the events and, if ``closed``, the end mark. Ids of parts follow the ids of operations.

    ``declared`` are the other arguments of :func:`header`, here and below.
    """
    ordered = by_invocation(ops)
    sent = {rec.digest for op in ordered for rec in op.records}
    timed: list[tuple[tuple[int, int], Any]] = []
    ids = iter(range(len(ordered), 1 << 30))
    for op, each in enumerate(ordered):
        timed.append(((each.invoked, 2 * op), _invoked(op, each)))
        for one in each.parts:
            fields = _records(one.seen, one.tail, sent)
            timed.append(((one.time, 2 * op + 1), events.Frame(op=next(ids), of=op, time=one.time, **fields)))
        if each.ended is not None:
            timed.append(((each.ended, 2 * op + 1), _returned(op, each, each.ended, sent)))
    timed.sort(key=lambda pair: pair[0])
    streams = dict.fromkeys(["s"] if not ordered else [op.stream for op in ordered])
    last = max((key[0] for key, _ in timed), default=0)
    end = [events.End(last)] if closed else []
    return [header(streams, **declared), *(event for _, event in timed), *end]


def history(*ops: Op, closed: bool = True, **declared: Any) -> History:
    """Return the operations as columns. The arguments are those of :func:`journal`."""
    head, *rest = journal(*ops, closed=closed, **declared)
    builder = Builder(head)
    for event in rest:
        builder.add(event)
    return builder.build()


def jsonl(*ops: Op, closed: bool = True, **declared: Any) -> bytes:
    """Return the operations as the bytes of a JSON Lines history. The arguments are those of :func:`journal`."""
    encode = msgspec.json.encode
    lines = journal(*ops, closed=closed, **declared)
    return b"".join(encode(event) + b"\n" for event in lines)


def _invoked(op: int, each: Op) -> events.Invoked:
    if each.kind == "check-tail":
        return events.CheckTailInvoked(op=op, time=each.invoked, process=each.process, stream=each.stream)
    if each.kind == "read":
        given = {name: getattr(each.read, name) for name in s2.Read.__struct_fields__}
        return events.ReadInvoked(
            op=op, time=each.invoked, process=each.process, stream=each.stream, session=each.session, **given
        )
    timestamps = [rec.timestamp for rec in each.records]
    return events.AppendInvoked(
        op=op,
        time=each.invoked,
        process=each.process,
        stream=each.stream,
        digests=[rec.digest for rec in each.records],
        sizes=[rec.metered for rec in each.records],
        match_seq_num=each.match,
        fencing_token=each.token,
        timestamps=timestamps if any(t is not None for t in timestamps) else None,
        fences=_fences(each.records),
        trims=_trims(each.records),
        session=each.session,
    )


def _returned(op: int, each: Op, ended: int, sent: set[int]) -> events.Completed:
    match each.answer:
        case Ack(start, end, tail):
            return events.Acked(op, ended, start, end, tail)
        case Batch(seen, tail):
            return events.BatchRead(op=op, time=ended, **_records(seen, tail, sent))
        case Whole(tail, found):
            return events.WholeRead(op, ended, tail, found)
        case Tail(tail):
            return events.TailRead(op, ended, tail)
        case TailMismatch(seq_num):
            return events.Failed(op, ended, "condition_failed", 412, {"seq_num_mismatch": seq_num})
        case TokenMismatch(token):
            return events.Failed(op, ended, "condition_failed", 412, {"fencing_token_mismatch": token})
        case Unsatisfiable((seq_num, timestamp)):
            body = {"tail": {"seq_num": seq_num, "timestamp": timestamp}}
            return events.Failed(op, ended, "range_not_satisfiable", 416, body)
        case Refused(code, status):
            return events.Failed(op, ended, code, status, {"code": code, "message": ""})
        case Lost():
            return events.Indefinite(op, ended, "timed out")


def _records(seen: Sequence[Seen], tail: tuple[int, int] | None, sent: set[int]) -> dict[str, Any]:
    """Return the fields that parts and ends of answers have in common."""
    records = [one.rec for one in seen]
    strange = {i: _content(rec) for i, rec in enumerate(records) if rec.digest not in sent}
    return {
        "seq_nums": [one.seq_num for one in seen],
        "timestamps": [one.timestamp for one in seen],
        "digests": [rec.digest for rec in records],
        "sizes": [rec.metered for rec in records],
        "fences": _fences(records),
        "trims": _trims(records),
        "contents": strange or None,
        "tail": tail,
    }


def _fences(records: Sequence[Rec]) -> dict[int, str] | None:
    return {i: rec.fence for i, rec in enumerate(records) if rec.fence is not None} or None


def _trims(records: Sequence[Rec]) -> dict[int, int] | None:
    return {i: rec.trim for i, rec in enumerate(records) if rec.trim is not None} or None


def _content(rec: Rec) -> events.Content:
    def encode(data: bytes) -> str:
        return base64.b64encode(data).decode()

    content = rec.content
    return events.Content([(encode(name), encode(value)) for name, value in content.headers], encode(content.body))
