"""Small random histories about timestamps that nobody reports: a few answers, each of which narrows them.

Some reads are answered as a stream with certain timestamps would, others as if they had asked for a little more or
less. So some of the histories can be explained, and many cannot.
"""

from __future__ import annotations

from random import Random

from msgspec import structs

from fencepost.harness import s2
from fencepost.testing import append
from fencepost.testing.operations import Ack, Answer, Batch, Op, Rec, Seen, Unsatisfiable
from tests.checkers.forgetful_stream import ForgetfulStream
from tests.checkers.stories import Story

EARLIEST = 1000


def timed_story(seed: int) -> Story:
    """Up to three appends, acknowledged without timestamps, then two to five reads, which may overlap."""
    random = Random(seed)
    stream = ForgetfulStream()
    first = random.choice((0, 0, 1, 2))
    _write(random, stream, [Rec(f"before{seq_num}") for seq_num in range(first)])
    ops = [_append(random, stream, time) for time in range(0, 2 * random.randint(1, 3), 2)]
    stream.first_tail = max([first, *(min(one.rec.trim, one.seq_num + 1) for one in stream.records if one.rec.trim)])
    overlap = random.random() < 0.3
    for process in range(1, random.choice((3, 4, 5, 6))):
        invoked = 10 + process * 2
        ended = 30 if overlap and random.random() < 0.5 else invoked + 1
        if random.random() < 0.4:
            stream.forget(random)
        read = _read(random, len(stream.records))
        answer = _answer(random, stream, read if random.random() < 0.6 else _changed(random, read))
        ops.append(Op("read", process, invoked, ended, answer, read=read))
    return Story(tuple(ops), first, "", f"seed {seed}: timestamps")


def _write(random: Random, stream: ForgetfulStream, recs: list[Rec]) -> None:
    for rec in recs:
        newest = stream.records[-1].timestamp if stream.records else EARLIEST
        stream.records.append(Seen(len(stream.records), newest + random.choice((0, 1, 1)), rec))


def _append(random: Random, stream: ForgetfulStream, time: int) -> Op:
    start = len(stream.records)
    recs = [Rec(f"r{start + i}", random.choice((20, 40))) for i in range(random.randint(1, 3))]
    if random.random() < 0.4:
        trim = random.randint(1, start + len(recs) + 1)
        recs.append(Rec(f"trim={trim}", trim=trim))
    _write(random, stream, recs)
    end = len(stream.records), None
    return append(0, time, time + 1, recs, ack=Ack((start, None), end, end))


def _read(random: Random, tail: int) -> s2.Read:
    time, until = EARLIEST + random.randint(0, 4), random.choice((None, EARLIEST + random.randint(0, 5)))
    start = {"timestamp": time} if random.random() < 0.6 else {"seq_num": random.randint(0, tail - 1)}
    count, size = random.choice((None, 0, 1, 1, 2)), random.choice((None, None, None, 19, 39))
    clamp, wait = random.random() < 0.15, random.choice((None,) * 6 + (1,))
    return s2.Read(**start, count=count, bytes=size, until=until, clamp=clamp, wait=wait)


def _changed(random: Random, read: s2.Read) -> s2.Read:
    changes = {name: random.choice((-1, 1)) for name in ("timestamp", "until") if getattr(read, name) is not None}
    return structs.replace(read, **{name: getattr(read, name) + by for name, by in changes.items()})


def _answer(random: Random, stream: ForgetfulStream, read: s2.Read) -> Answer:
    start = stream.start(read, bool(read.wait))
    if start is None:
        return Unsatisfiable((len(stream.records), stream.records[-1].timestamp))
    return Batch(stream.page(start, read))
