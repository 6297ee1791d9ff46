"""The language of hand-written histories: one line per operation, for tests of code that reads histories.

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

A record is a word: ``a``, ``a~600`` (metered bytes), ``fence=x``, ``trim=3``. ``@1005`` after a word is a timestamp
(ms): the one that an append gives, or a read returns. By default, the record at position p has the timestamp
``TIME + p`` in every answer. The records that a read saw have consecutive positions, beginning at its start or at
``at``. ``#7`` before a word moves on to position 7. Operations get ids in the order of their invocation.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from fencepost.harness import s2

from .operations import (
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


def recs(words: str | Sequence[Rec]) -> tuple[Rec, ...]:
    """Return the records that words describe."""
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
    """Return the tail at a position, with the default timestamp of the record before it."""
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
    """Return an append. ``ack`` is its start, or (start, end), or (start, end, tail), or the whole answer.

    ``tail`` and ``fence`` are the tail and the token that a 412 named, ``failed`` is the code of another definite
    failure. Without any of these the append is indefinite, and its client gave up at ``ended`` or ``gave_up`` (or
    never, if both are None).
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
    """Return a read from ``start`` (a seq_num).

    ``saw`` is what it returned, ``tail`` is the tail of a 416, and ``failed`` is the code of another definite failure.
    Without any of these the read is indefinite.

    ``bounds`` are the other parameters of :class:`~fencepost.harness.s2.Read`. ``followed`` is the tail in the answer
    of a read that waited. ``parts`` arrived before the end of the answer; see :func:`part`. Each part continues where
    the previous one ended, and ``saw`` continues where the last one ended.
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
    call = s2.Read(seq_num=start, **bounds)
    return Op("read", process, invoked, ended, answer, read=call, stream=stream, session=session, parts=tuple(came))


@dataclass(frozen=True, slots=True)
class _Words:
    """A part of an answer whose first position is not known yet."""

    time: int
    words: str
    at: int | None
    followed: int | None

    def after(self, position_before: int) -> Part:
        seen = _seen(self.words, position_before if self.at is None else self.at)
        return Part(self.time, seen, None if self.followed is None else position(self.followed))


def part(time: int, words: str, *, at: int | None = None, followed: int | None = None) -> _Words:
    """Return a part of an answer that arrived at ``time`` (ns)."""
    return _Words(time, words, at, followed)


def whole(process: int, invoked: int, ended: int, words: str | Sequence[Rec], *, tail: int | None = None) -> Op:
    """Return a read of the whole stream that returned only the chained hash of these records, and the tail."""
    batch = recs(words)
    answer = Whole(position(len(batch) if tail is None else tail), stream_hash(rec.digest for rec in batch))
    return Op("read", process, invoked, ended, answer, read=s2.Read(seq_num=0))


def stream_hash(digests: Iterable[int]) -> int:
    """Return the chained hash of records with these digests, as docs/history.md defines it."""
    return stream_hash_after(0, digests)


def stream_hash_after(found: int, digests: Iterable[int]) -> int:
    """Return the chained hash of a stream that had the hash ``found``, followed by records with these digests."""
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
    """Return a check-tail that returned ``tail``, or ``failed`` with a code, or else is indefinite."""
    answer: Answer = Tail(position(tail)) if tail is not None else Refused(failed) if failed is not None else Lost()
    return Op("check-tail", process, invoked, ended, answer, stream=stream)
