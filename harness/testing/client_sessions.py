"""The client contract, second part: append sessions and read sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.client.protocol import StreamClient
from fencepost.harness.s2 import Append, Batch, CheckTail, Read, SequencedRecord

from .client_subject import Check, Subject, acked, bodies, definite, expect, ok, one, records


async def session_acks_come_in_order(subject: Subject) -> None:
    """Batches submitted without waiting are applied and acknowledged in the order of submission."""
    client = subject.client()
    session = client.append_session(subject.stream)
    batches = [records(1 + number % 3) for number in range(30)]
    order: list[int] = []
    tickets = []
    for number, batch in enumerate(batches):
        tickets.append(session.submit(batch))
        tickets[-1].on_outcome(lambda _, number=number: order.append(number))  # type: ignore[misc]
    acks = [ok(await ticket) for ticket in reversed(tickets)][::-1]
    await session.aclose()
    expect(order == list(range(30)), f"tickets resolved in the order {order}")
    at = 0
    for batch, ack in zip(batches, acks, strict=True):
        expect(
            (ack.start.seq_num, ack.end.seq_num) == (at, at + len(batch.records)),
            f"the batch at {at} was acknowledged as {ack}",
        )
        at = ack.end.seq_num
    returned = ok(await client.perform(subject.stream, Read(seq_num=0))).records
    sent = [record.body for batch in batches for record in batch.records]
    expect(bodies(returned) == sent, "the records of the session are stored in another order")


async def session_batches_have_conditions(subject: Subject) -> None:
    """A batch's conditions are tested against the effects of earlier batches, even unanswered ones."""
    session = subject.client().append_session(subject.stream)
    tickets = [session.submit(Append(records(2).records, match_seq_num=2 * number)) for number in range(10)]
    for ticket in tickets:
        ok(await ticket)
    await session.aclose()


async def a_refusal_poisons_the_session(subject: Subject) -> None:
    """The refused batch gets its own answer. No later batch is applied, or acknowledged."""
    client = subject.client()
    session = client.append_session(subject.stream)
    before = [session.submit(records(1)) for _ in range(3)]
    refused = session.submit(Append((one("refused"),), match_seq_num=99))
    later = [session.submit(records(1)) for _ in range(3)]
    for ticket in before:
        ok(await ticket)
    definite(await refused, "seq_num_mismatch", 412, {"seq_num_mismatch": 3})
    late = session.submit(records(1))
    for ticket in (*later, late):
        outcome = await ticket
        expect(
            isinstance(outcome, Definite) and outcome.code in ("session_poisoned", "not_sent"),
            f"a batch after a refused one ended as {outcome}",
        )
        expect("seq_num_mismatch" in str(outcome), f"the reason does not name what poisoned the session: {outcome}")
    expect((await late) == Definite("not_sent", None, (await late).body), "a session that has failed sent a batch")  # type: ignore[union-attr]
    await session.aclose()
    tail = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(tail.seq_num == 3, f"batches after a refused one were applied: the tail is {tail}")
    await acked(client, subject.stream, records(1))


async def a_session_on_no_stream_fails(subject: Subject) -> None:
    """A failure to open a session is the outcome of its first batch."""
    session = subject.client().append_session(f"{subject.stream}-absent")
    first, second = session.submit(records(1)), session.submit(records(1))
    definite(await first, "stream_not_found", 404)
    outcome = await second
    expect(isinstance(outcome, Definite), f"a batch after a refused one ended as {outcome}")
    await session.aclose()


async def closing_a_session_waits_for_its_answers(subject: Subject) -> None:
    """``aclose`` returns once every batch has its outcome. It may be called twice. No batch is sent after it."""
    client = subject.client()
    session = client.append_session(subject.stream)
    tickets = [session.submit(records(1)) for _ in range(20)]
    await session.aclose()
    for ticket in tickets:
        expect(isinstance(ticket.outcome, Ok), f"a batch of a session that was closed ended as {ticket.outcome}")
    await session.aclose()
    outcome = await session.submit(records(1))
    expect(
        isinstance(outcome, Definite) and outcome.code == "not_sent",
        f"a batch submitted after the end ended as {outcome}",
    )
    tail = ok(await client.perform(subject.stream, CheckTail())).tail
    expect(tail.seq_num == 20, f"twenty records made a tail of {tail}")
    unused = client.append_session(subject.stream)
    await unused.aclose()


async def closing_the_client_ends_its_sessions(subject: Subject) -> None:
    """Every ticket gets an outcome, and every read session ends."""
    client = subject.client()
    session = client.append_session(subject.stream)
    tickets = [session.submit(records(1)) for _ in range(5)]
    following = asyncio.create_task(client.read_session(subject.stream, Read(seq_num=0), lambda _: None))
    await asyncio.sleep(0)
    await client.aclose()
    for ticket in tickets:
        await ticket
    outcome = await following
    expect(not isinstance(outcome, Ok), f"a session that was cut off ended as {outcome}")


async def a_cancelled_waiter_withdraws_nothing(subject: Subject) -> None:
    """A batch stays submitted when the task that awaits its ticket is cancelled."""
    client = subject.client()
    session = client.append_session(subject.stream)
    ticket = session.submit(records(1))

    async def wait() -> None:
        await ticket

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    ok(await ticket)
    ok(await session.submit(records(1)))
    await session.aclose()


async def sessions_and_calls_go_on_side_by_side(subject: Subject) -> None:
    """Two append sessions, a follower and single appends share one client, and nothing is lost or repeated."""
    client = subject.client()
    sessions = [client.append_session(subject.stream) for _ in range(2)]
    follower = Follower(client, subject.stream, Read(seq_num=0))
    tickets = []
    for _ in range(10):
        tickets += [session.submit(records(1)) for session in sessions]
        await acked(client, subject.stream, records(1))
    for ticket in tickets:
        ok(await ticket)
    await follower.until(lambda: len(follower.records) == 30)
    await follower.cancel()
    expect([record.seq_num for record in follower.records] == list(range(30)), "a follower skipped or repeated records")
    for session in sessions:
        await session.aclose()


async def a_read_session_ends_at_its_bounds(subject: Subject) -> None:
    """It yields consecutive records up to count, bytes, until or the tail, even more than one answer can hold."""
    client = subject.client()
    for _ in range(3):
        await acked(client, subject.stream, records(500))
    cases = [
        (Read(seq_num=0, count=1300), 1300),
        (Read(seq_num=100, count=5000), 1400),
        (Read(seq_num=0, until=2**50), 1500),
        (Read(tail_offset=7, wait=0), 7),
    ]
    for read, number in cases:
        frames: list[Batch] = []
        ok(await client.read_session(subject.stream, read, frames.append))
        found = [record.seq_num for frame in frames for record in frame.records]
        start = 1500 - read.tail_offset if read.tail_offset else read.seq_num or 0
        expect(found == list(range(start, start + number)), f"{read} returned {len(found)} records, not {number}")
        expect(
            all(frame.tail is None for frame in frames), f"{read} does not follow the tail, but a frame reported one"
        )
    sized: list[Batch] = []
    ok(await client.read_session(subject.stream, Read(seq_num=0, bytes=100), sized.append))
    size = sum(8 + len(record.body) for frame in sized for record in frame.records)
    expect(0 < size <= 100, f"a session bounded to 100 bytes returned {size}")


async def a_read_session_beyond_the_tail_is_refused(subject: Subject) -> None:
    """A session with a bound and no wait must start below the tail, as a single read must."""
    client = subject.client()
    ack = await acked(client, subject.stream, records(2))
    body = {"tail": {"seq_num": 2, "timestamp": ack.end.timestamp}}
    frames: list[Batch] = []
    for read in (Read(seq_num=2, count=1), Read(seq_num=3), Read(seq_num=2, wait=0)):
        outcome = await client.read_session(subject.stream, read, frames.append)
        definite(outcome, "range_not_satisfiable", 416, body)
    absent = await client.read_session(f"{subject.stream}-absent", Read(seq_num=0), frames.append)
    definite(absent, "stream_not_found", 404)
    expect(not frames, f"sessions that were refused returned {frames}")


async def a_read_session_follows_the_tail(subject: Subject) -> None:
    """Without bounds it returns the existing records, then a frame with only the tail, then every new record."""
    client, writer = subject.client(), subject.client()
    await acked(writer, subject.stream, records(2))
    follower = Follower(client, subject.stream, Read(seq_num=0))
    await follower.until(lambda: follower.heartbeats == [2])
    expect(
        all(frame.tail is None for frame in follower.frames[:-1]),
        "a frame reported the tail before the session followed",
    )
    for _ in range(5):
        await acked(writer, subject.stream, records(2))
    await follower.until(lambda: len(follower.records) == 12)
    await follower.cancel()
    expect([record.seq_num for record in follower.records] == list(range(12)), "a follower skipped or repeated records")
    tails = [frame.tail.seq_num for frame in follower.frames if frame.tail is not None]
    expect(tails == sorted(tails), f"the tails of one session went back: {tails}")
    await acked(client, subject.stream, records(1))


async def a_read_session_waits_and_then_ends(subject: Subject) -> None:
    """With ``wait`` it follows until that many seconds have passed without a record, and ends successfully."""
    client, writer = subject.client(), subject.client()
    frames: list[Batch] = []
    begin = asyncio.get_running_loop().time()
    reading = asyncio.create_task(client.read_session(subject.stream, Read(seq_num=0, wait=1), frames.append))
    await acked(writer, subject.stream, records(1))
    ok(await reading)
    waited = asyncio.get_running_loop().time() - begin
    expect(waited > 0.9, f"a session with a wait of 1 s ended after {waited:.1f} s")
    found = [record.seq_num for frame in frames for record in frame.records]
    expect(found == [0], f"a session that waited returned {found}")


async def an_exception_of_the_reader_ends_its_session(subject: Subject) -> None:
    """An exception of ``on_frame`` reaches the caller, and the client stays usable."""
    client = subject.client()
    await acked(client, subject.stream, records(1))

    def raising(frame: Batch) -> None:
        raise LookupError("enough")

    try:
        outcome = await client.read_session(subject.stream, Read(seq_num=0), raising)
    except LookupError:
        pass
    else:
        expect(False, f"an exception of on_frame was swallowed: {outcome}")
    await acked(client, subject.stream, records(1))


class Follower:
    """A read session in its own task, and the frames that it has returned so far."""

    def __init__(self, client: StreamClient, stream: str, read: Read) -> None:
        self.frames: list[Batch] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(client.read_session(stream, read, self._take))
        self._task.add_done_callback(lambda _: self._news.set())

    def _take(self, frame: Batch) -> None:
        self.frames.append(frame)
        self._news.set()

    @property
    def records(self) -> list[SequencedRecord]:
        """All records so far."""
        return [record for frame in self.frames for record in frame.records]

    @property
    def heartbeats(self) -> list[int]:
        """The tails of the frames without records."""
        return [frame.tail.seq_num for frame in self.frames if frame.tail is not None and not frame.records]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once frames have made the condition true. Raise ContractBroken if the session ends first."""
        while not condition():
            expect(not self._task.done(), f"a session that follows has ended: {self._task}")
            await self._news.wait()
            self._news.clear()

    async def cancel(self) -> None:
        """Cancel the session."""
        self._task.cancel()
        (ended,) = await asyncio.gather(self._task, return_exceptions=True)
        expect(isinstance(ended, asyncio.CancelledError | Indefinite), f"a cancelled session ended as {ended!r}")


CHECKS: Final[tuple[Check, ...]] = (
    session_acks_come_in_order,
    session_batches_have_conditions,
    a_refusal_poisons_the_session,
    a_session_on_no_stream_fails,
    closing_a_session_waits_for_its_answers,
    closing_the_client_ends_its_sessions,
    a_cancelled_waiter_withdraws_nothing,
    sessions_and_calls_go_on_side_by_side,
    a_read_session_ends_at_its_bounds,
    a_read_session_beyond_the_tail_is_refused,
    a_read_session_follows_the_tail,
    a_read_session_waits_and_then_ends,
    an_exception_of_the_reader_ends_its_session,
)
