"""The client contract, first part: one request, one answer. It holds for every client."""

from __future__ import annotations

import asyncio
from typing import Final

from fencepost.harness.client.outcome import Ok
from fencepost.harness.s2 import Append, CheckTail, Position, Read, Record

from .client_subject import Check, Subject, acked, bodies, definite, expect, ok, one, records


async def appends_are_acknowledged_with_their_positions(subject: Subject) -> None:
    """An ack spans exactly the records of its batch, and the next batch starts at its end."""
    client = subject.client()
    first = await acked(client, subject.stream, records(3))
    expect((first.start.seq_num, first.end.seq_num) == (0, 3), f"three records were acknowledged as {first}")
    expect(first.tail.seq_num >= 3, f"the tail of an ack is before its end: {first}")
    second = await acked(client, subject.stream, records(1))
    expect((second.start.seq_num, second.end.seq_num) == (3, 4), f"the fourth record was acknowledged as {second}")
    expect(second.start.timestamp >= first.end.timestamp, "timestamps went back")


async def match_seq_num_is_a_condition(subject: Subject) -> None:
    """An append whose match_seq_num is wrong is refused with the right one, and has no effect."""
    client = subject.client()
    await acked(client, subject.stream, Append(records(2).records, match_seq_num=0))
    wrong = await client.perform(subject.stream, Append((one("wrong"),), match_seq_num=7))
    definite(wrong, "seq_num_mismatch", 412, {"seq_num_mismatch": 2})
    tail = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(tail.seq_num == 2, f"a refused append moved the tail to {tail}")
    await acked(client, subject.stream, Append((one("right"),), match_seq_num=2))


async def fencing_tokens_are_conditions(subject: Subject) -> None:
    """A token is compared with the token in force, before match_seq_num is. The empty token is a token."""
    client = subject.client()
    await acked(client, subject.stream, Append((one("empty"),), fencing_token=""))
    await acked(client, subject.stream, Append((Record.fence("mine"),)))
    stale = await client.perform(subject.stream, Append((one("stale"),), match_seq_num=99, fencing_token=""))
    definite(stale, "fencing_token_mismatch", 412, {"fencing_token_mismatch": "mine"})
    await acked(client, subject.stream, Append((one("held"),), match_seq_num=2, fencing_token="mine"))
    await acked(client, subject.stream, records(1))


async def records_come_back_as_they_were_sent(subject: Subject) -> None:
    """Bytes that are not UTF-8, empty bodies, several headers, and commands survive a round trip."""
    client = subject.client()
    sent = (
        Record(b"\xff\x00\xfe", ((b"k\xff", b""), (b"k\xff", b"\x80"))),
        Record(b""),
        Record("ünïcode".encode(), timestamp=1),
        Record.fence("tökén"),
        Record.trim(0),
    )
    await acked(client, subject.stream, Append(sent))
    returned = ok(await client.perform(subject.stream, Read(seq_num=0))).records
    tail = ok(await client.perform(subject.stream, CheckTail())).tail.seq_num
    expect(tail == len(sent), f"five records made a tail of {tail}")
    expect(len(returned) == len(sent), f"{len(sent)} records came back as {len(returned)}")
    for was, record in zip(sent, returned, strict=True):
        expect((record.headers, record.body) == (was.headers, was.body), f"{was} came back as {record}")


async def reads_keep_their_bounds(subject: Subject) -> None:
    """The service receives every start and every bound of a read."""
    client = subject.client()
    for number in range(4):
        await acked(client, subject.stream, Append((Record(b"%d" % number, timestamp=1000 * (number + 1)),)))
    cases: list[tuple[Read, list[int]]] = [
        (Read(seq_num=1), [1, 2, 3]),
        (Read(seq_num=0, count=2), [0, 1]),
        (Read(seq_num=0, bytes=20), [0, 1]),  # each record meters 9 bytes
        (Read(seq_num=0, until=3000), [0, 1]),
        (Read(tail_offset=1), [3]),
        (Read(timestamp=1500), [1, 2, 3]),
        (Read(seq_num=3, wait=1), [3]),
    ]
    for read, wanted in cases:
        found = [record.seq_num for record in ok(await client.perform(subject.stream, read)).records]
        expect(found == wanted, f"{read} returned {found}, not {wanted}")
    stamps = [record.timestamp for record in ok(await client.perform(subject.stream, Read(seq_num=0))).records]
    expect(stamps == [1000, 2000, 3000, 4000], f"timestamps came back as {stamps}")


async def reads_beyond_the_tail_are_refused_with_the_tail(subject: Subject) -> None:
    """A start beyond the tail, or at it without a wait, is a 416 with the exact tail; ``clamp`` makes it the tail."""
    client = subject.client()
    ack = await acked(client, subject.stream, records(2))
    body = {"tail": {"seq_num": 2, "timestamp": ack.end.timestamp}}
    for read in (Read(seq_num=9), Read(seq_num=2), Read(), Read(seq_num=9, clamp=True), Read(seq_num=9, wait=1)):
        definite(await client.perform(subject.stream, read), "range_not_satisfiable", 416, body)


async def a_read_waits_for_records(subject: Subject) -> None:
    """A read with ``wait`` at the tail returns records that another client appends meanwhile."""
    reader, writer = subject.client(), subject.client()
    reading = asyncio.create_task(reader.perform(subject.stream, Read(seq_num=0, wait=10)))
    await asyncio.sleep(0.02)
    await acked(writer, subject.stream, records(1))
    found = ok(await reading).records
    expect([record.seq_num for record in found] == [0], f"the read that waited returned {found}")


async def the_tail_is_checked(subject: Subject) -> None:
    """A check-tail returns the tail: 0 for an empty stream, and the end of the last ack after an append."""
    client = subject.client()
    empty = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(empty.seq_num == 0, f"the tail of an empty stream is {empty}")
    ack = await acked(client, subject.stream, records(5))
    tail = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(tail == Position(5, ack.end.timestamp), f"after {ack} the tail is {tail}")


async def large_batches_pass(subject: Subject) -> None:
    """A batch of 1000 records, and one of almost 1 MiB, are appended and read back completely."""
    client = subject.client()
    await acked(client, subject.stream, Append(tuple(Record(b"%d" % number) for number in range(1000))))
    returned = ok(await client.perform(subject.stream, Read(seq_num=0))).records
    expect(bodies(returned) == [b"%d" % number for number in range(1000)], "1000 records came back changed")
    large = bytes(range(256)) * 4095
    await acked(client, subject.stream, Append((Record(large),)))
    returned = ok(await client.perform(subject.stream, Read(seq_num=1000))).records
    expect(bodies(returned) == [large], "a large record came back changed")


async def refusals_are_definite(subject: Subject) -> None:
    """A refusal with a code that promises no effect is definite, and has its code, status and message."""
    client = subject.client()
    absent = f"{subject.stream}-absent"
    for outcome in (
        await client.perform(absent, records(1)),
        await client.perform(absent, Read(seq_num=0)),
        await client.perform(absent, CheckTail()),
        await client.delete_stream(absent),
    ):
        definite(outcome, "stream_not_found", 404)
    definite(await client.create_stream(subject.stream), "resource_already_exists", 409)
    definite(await client.perform(subject.stream, Append(())), "invalid", 422)
    definite(await client.perform(subject.stream, Append((Record(b"", ((b"", b"no-command"),)),))), "invalid", 422)
    tail = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(tail.seq_num == 0, f"refused appends moved the tail to {tail}")


async def streams_are_made_and_deleted(subject: Subject) -> None:
    """A new stream can be used until it is deleted, whatever characters its name contains."""
    client = subject.client()
    for name in (f"{subject.stream}/a b?c#d%e", f"{subject.stream}-ü", ".." + subject.stream):
        expect(await client.create_stream(name) == Ok(None), f"{name!r} was not made")
        await acked(client, name, records(1))
        expect(await client.delete_stream(name) == Ok(None), f"{name!r} was not deleted")
        outcome = await client.perform(name, CheckTail())
        expect(not isinstance(outcome, Ok), f"{name!r} was deleted but still has a tail: {outcome}")


async def a_cancelled_call_ends_at_once(subject: Subject) -> None:
    """Cancellation reaches the caller. The client can still be closed, and other clients are not disturbed."""
    client, other = subject.client(), subject.client()
    reading = asyncio.create_task(client.perform(subject.stream, Read(seq_num=0, wait=60)))
    await asyncio.sleep(0.02)
    reading.cancel()
    (outcome,) = await asyncio.gather(reading, return_exceptions=True)
    expect(isinstance(outcome, asyncio.CancelledError), f"a cancelled read ended as {outcome!r}")
    await client.aclose()
    await acked(other, subject.stream, records(1))


async def closing_is_idempotent(subject: Subject) -> None:
    """A client may be closed twice, and without having been used."""
    used, unused = subject.client(), subject.client()
    await acked(used, subject.stream, records(1))
    for client in (used, unused):
        await client.aclose()
        await client.aclose()


CHECKS: Final[tuple[Check, ...]] = (
    appends_are_acknowledged_with_their_positions,
    match_seq_num_is_a_condition,
    fencing_tokens_are_conditions,
    records_come_back_as_they_were_sent,
    reads_keep_their_bounds,
    reads_beyond_the_tail_are_refused_with_the_tail,
    a_read_waits_for_records,
    the_tail_is_checked,
    large_batches_pass,
    refusals_are_definite,
    streams_are_made_and_deleted,
    a_cancelled_call_ends_at_once,
    closing_is_idempotent,
)
