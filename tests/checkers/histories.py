"""Histories written by hand: a line an operation, for tests of whatever reads a history.

::

    history(
        append(0, 1, 4, "a b", ack=0),                    # process 0, invoked at 1, returned at 4, acknowledged at 0
        append(1, 2, 5, "fence=x", token="", tail=2),     # refused: the tail was 2
        append(2, 2, 6, "c", token="y", fence="x"),       # refused: the token was "x"
        append(3, 3, None, "d"),                          # never returned (or: gave_up=7)
        append(4, 3, 5, "e", failed="rate_limited"),      # a definite failure of another kind
        read(5, 6, 8, 0, saw="a b c"),                    # from 0; records lie at 0, 1, 2
        read(5, 8, 9, 3, tail=3),                         # 416: the tail is 3
        check_tail(5, 9, 10, 3),
        append(6, 9, 12, "f", session=0, ack=3),          # batches of one session may overlap
        append(6, 10, 13, "g", session=0, ack=4),
        read(7, 9, 19, 0, session=1, parts=[part(10, "a b"), part(12, "c", followed=5)], saw="f"),
    )

A record is a word: ``a``, ``a~600`` (metered bytes), ``fence=x``, ``trim=3``, each with ``@1005`` for a timestamp (ms):
given, in an append; returned, in a read. What a read saw lies at consecutive positions from its start, or from
``at``; ``#7`` before a word moves on to position 7. Where nothing is said the record at position p has the timestamp
``TIME + p``, in every answer. Operations get ids in the order of their invocation.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import xxhash

from fencepost.harness.client import values
from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import History
from tests.checkers.operations import (
    TIME,
    Ack,
    Answer,
    Batch,
    Lost,
    Op,
    Part,
    Rec,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)

__all__ = [
    "TIME",
    "Ack",
    "Answer",
    "Batch",
    "Lost",
    "Op",
    "Part",
    "Rec",
    "Refused",
    "Seen",
    "Tail",
    "TailMismatch",
    "TokenMismatch",
    "Unsatisfiable",
    "Whole",
    "append",
    "by_invocation",
    "check_tail",
    "header",
    "history",
    "journal",
    "jsonl",
    "part",
    "position",
    "read",
    "recs",
    "show",
    "stream_hash",
    "stream_hash_after",
    "whole",
]


def recs(words: str | Sequence[Rec]) -> tuple[Rec, ...]:
    """Records from words."""
    return tuple(_rec(word) for word in shlex.split(words)) if isinstance(words, str) else tuple(words)


def _rec(word: str) -> Rec:
    word, _, timestamp = word.partition("@")
    word, _, size = word.partition("~")
    name, equals, value = word.partition("=")
    return Rec(
        word,
        int(size) if size else None,
        int(timestamp) if timestamp else None,
        value if equals and name == "fence" else None,
        int(value) if equals and name == "trim" else None,
    )


def position(seq_num: int) -> tuple[int, int]:
    """The tail at a position, with the timestamp of the record before it where nothing else is said."""
    return seq_num, TIME + seq_num - 1 if seq_num else 0


def append(
    process: int,
    invoked: int,
    ended: int | None,
    records: str | Sequence[Rec],
    *,
    match: int | None = None,
    token: str | None = None,
    ack: int | tuple[int, int] | tuple[int, int, int] | Ack | None = None,
    tail: int | None = None,
    fence: str | None = None,
    failed: str | None = None,
    status: int | None = 429,
    gave_up: int | None = None,
    stream: str = "s",
    session: int | None = None,
) -> Op:
    """An append: ``ack`` is its start, or (start, end), or (start, end, tail), or the whole answer.

    ``tail`` and ``fence`` are what a 412 named, ``failed`` the code of another definite failure. With none of
    them it is indefinite, and its client gave up at ``ended`` or ``gave_up`` (never, if None).
    """
    batch = recs(records)
    answer: Answer = Lost()
    if isinstance(ack, Ack):
        answer = ack
    elif ack is not None:
        start, *rest = (ack,) if isinstance(ack, int) else ack
        end = rest[0] if rest else start + len(batch)
        answer = Ack((start, TIME + start), position(end), position(rest[1] if len(rest) > 1 else end))
    elif tail is not None:
        answer = TailMismatch(tail)
    elif fence is not None:
        answer = TokenMismatch(fence)
    elif failed is not None:
        answer = Refused(failed, status)
    else:
        ended = gave_up if ended is None else ended
    return Op("append", process, invoked, ended, answer, batch, match, token, stream=stream, session=session)


def read(
    process: int,
    invoked: int,
    ended: int | None,
    start: int | None = None,
    *,
    saw: str | None = None,
    at: int | None = None,
    tail: int | None = None,
    followed: int | None = None,
    failed: str | None = None,
    status: int | None = 429,
    stream: str = "s",
    session: int | None = None,
    parts: Sequence[_Words] = (),
    **bounds: Any,
) -> Op:
    """A read from ``start`` (a seq_num): what it ``saw``, or the ``tail`` of a 416, or ``failed``, or else indefinite.

    ``bounds`` are the other parameters of :class:`~fencepost.harness.client.values.Read`; ``followed`` is the tail in
    the answer of a read that waited. ``parts`` came before the end, see :func:`part`; each goes on where the last
    ended, and so does what it ``saw``.
    """
    answer: Answer = Lost()
    after = start or 0
    came = []
    for words in parts:
        came.append(words.after(after))
        after = came[-1].seen[-1].seq_num + 1 if came[-1].seen else after
    if saw is not None:
        first = at if at is not None else after
        answer = Batch(_seen(saw, first), None if followed is None else position(followed))
    elif tail is not None:
        answer = Unsatisfiable(position(tail))
    elif failed is not None:
        answer = Refused(failed, status)
    call = values.Read(seq_num=start, **bounds)
    return Op("read", process, invoked, ended, answer, read=call, stream=stream, session=session, parts=tuple(came))


@dataclass(frozen=True, slots=True)
class _Words:
    """A part of an answer that does not know yet where it begins."""

    time: int
    words: str
    at: int | None
    followed: int | None

    def after(self, position_before: int) -> Part:
        seen = _seen(self.words, position_before if self.at is None else self.at)
        return Part(self.time, seen, None if self.followed is None else position(self.followed))


def part(time: int, words: str, *, at: int | None = None, followed: int | None = None) -> _Words:
    """A part of an answer, that came at ``time`` (ns)."""
    return _Words(time, words, at, followed)


def whole(process: int, invoked: int, ended: int, words: str | Sequence[Rec], *, tail: int | None = None) -> Op:
    """A read of the whole stream, of which all that is known is a hash: that of these records (and the tail)."""
    batch = recs(words)
    answer = Whole(position(len(batch) if tail is None else tail), stream_hash(rec.digest for rec in batch))
    return Op("read", process, invoked, ended, answer, read=values.Read(seq_num=0))


def stream_hash(digests: Iterable[int]) -> int:
    """The chained hash of records with these digests, as docs/history.md defines it."""
    return stream_hash_after(0, digests)


def stream_hash_after(found: int, digests: Iterable[int]) -> int:
    """The same for a stream that had this hash, and these records since."""
    for digest in digests:
        found = xxhash.xxh3_64_intdigest(digest.to_bytes(8, "little"), seed=found)
    return found


def _seen(words: str, first: int) -> tuple[Seen, ...]:
    found = []
    for word in shlex.split(words):
        if word.startswith("#"):
            first = int(word[1:])
            continue
        rec = _rec(word)
        timestamp = TIME + first if rec.timestamp is None else rec.timestamp
        found.append(Seen(first, timestamp, rec))
        first += 1
    return tuple(found)


def check_tail(
    process: int,
    invoked: int,
    ended: int | None,
    tail: int | None = None,
    *,
    failed: str | None = None,
    stream: str = "s",
) -> Op:
    """A check-tail, answered with ``tail``; or ``failed``; or else indefinite."""
    answer: Answer = Tail(position(tail)) if tail is not None else Refused(failed) if failed is not None else Lost()
    return Op("check-tail", process, invoked, ended, answer, stream=stream)


# -- what becomes of them


def header(
    streams: Iterable[str] = ("s",), tail: int = 0, token: str | None = "", unique: bool = True
) -> events.Header:
    """The header of a history by hand; every stream begins in the same state."""
    return events.Header(
        schema=events.SCHEMA,
        version="0",
        workload="by-hand",
        seed=0,
        started="2026-01-01T00:00:00+00:00",
        streams=[events.StreamState(name, tail, token) for name in streams],
        unique_records=unique,
    )


def by_invocation(ops: Iterable[Op]) -> list[Op]:
    """Operations in the order of their invocation: the index of each is its id."""
    return sorted(ops, key=lambda op: (op.invoked, op.returned))


def journal(*ops: Op, tail: int = 0, token: str | None = "", unique: bool = True, closed: bool = True) -> list[Any]:
    """Header, events, end mark (if ``closed``). The parts of answers get the ids after those of the operations."""
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
    return [header(streams, tail, token, unique), *(event for _, event in timed), *end]


def history(*ops: Op, tail: int = 0, token: str | None = "", unique: bool = True, closed: bool = True) -> History:
    """The operations as columns. ``tail`` and ``token`` are the stream's state before the first."""
    head, *rest = journal(*ops, tail=tail, token=token, unique=unique, closed=closed)
    builder = Builder(head)
    for event in rest:
        builder.add(event)
    return builder.build()


def jsonl(*ops: Op, tail: int = 0, token: str | None = "", unique: bool = True, closed: bool = True) -> bytes:
    """The operations as a journal's bytes."""
    encode = msgspec.json.encode
    lines = journal(*ops, tail=tail, token=token, unique=unique, closed=closed)
    return b"".join(encode(event) + b"\n" for event in lines)


def _invoked(op: int, each: Op) -> events.Invoked:
    if each.kind == "check-tail":
        return events.CheckTailInvoked(op=op, time=each.invoked, process=each.process, stream=each.stream)
    if each.kind == "read":
        given = {name: getattr(each.read, name) for name in values.Read.__slots__}
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
    """The fields that parts and ends of answers have in common."""
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


# -- for people


def show(ops: Iterable[Op], tail: int = 0, token: str | None = "") -> str:
    """The operations, a line each, with their ids."""
    lines = [f"stream begins with tail {tail} and token {token!r}"]
    for op, each in enumerate(by_invocation(ops)):
        ended = "…" if each.ended is None else each.ended
        of = "" if each.session is None else f" session {each.session}"
        came = "".join(f" at {one.time} {_answered(Batch(one.seen, one.tail))}," for one in each.parts)
        told = f"{_asked(each)}{of} ->{came} {_answered(each.answer)}"
        lines.append(f"  #{op} p{each.process} [{each.invoked}, {ended}] {told}")
    return "\n".join(lines)


def _asked(op: Op) -> str:
    if op.kind == "append":
        given = [f"{n}={v!r}" for n, v in (("match", op.match), ("token", op.token)) if v is not None]
        return " ".join(["append", "'" + " ".join(_word(rec) for rec in op.records) + "'", *given])
    if op.kind == "read":
        bounds = [(name, getattr(op.read, name)) for name in values.Read.__slots__]
        return " ".join(["read", *(f"{n}={v}" for n, v in bounds if v is not None and v is not False)])
    return "check-tail"


def _word(rec: Rec) -> str:
    return rec.name + (f"~{rec.size}" if rec.size else "") + (f"@{rec.timestamp}" if rec.timestamp is not None else "")


def _answered(answer: Answer) -> str:
    match answer:
        case Batch(seen, tail):
            text = " ".join(f"{one.seq_num}:{one.rec.name}@{one.timestamp}" for one in seen)
            return f"saw [{text}]" + (f" followed tail {tail}" if tail else "")
        case Lost():
            return "indefinite"
        case _:
            return str(answer)
