"""Each seeded bug misbehaves where the correct server, put through the same, does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from benchmarks.detect import WORKLOADS

from fencepost.harness.failure import UsageFailure
from fencepost.harness.s2 import Ack, Append, CheckTail, Read, Record, SequencedRecord
from fencepost.harness.server.bugs import BUGS, compose
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.rules import Rules, ServiceRules, StorageRules, StreamRules
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage, Storage

from .gated import GatedStorage, turns
from .storages import stored

AT = ("basin-one", "s")


class Server:
    """A service with one stream, a clock that stands still, and what a test asks of it."""

    def __init__(self, bugs: tuple[str, ...], storage: Storage | None = None) -> None:
        self.now = 1_000_000
        self.service = Service(storage or MemoryStorage(), lambda: self.now, bugs)

    async def __aenter__(self) -> Server:
        await self.service.start()
        await self.service.ensure_basin(AT[0])
        await self.service.ensure_stream(*AT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.service.close()

    async def put(self, *bodies: bytes, **conditions: Any) -> Ack:
        records = tuple(Record(body, ((b"a", b"1"), (b"b", b"2"))) for body in bodies or (b"body",))
        return await self.service.perform(*AT, Append(records, **conditions))

    async def fence(self, token: str, **conditions: Any) -> Ack:
        record = Record(token.encode(), ((b"", b"fence"),))
        return await self.service.perform(*AT, Append((record,), **conditions))

    async def accepts(self, **conditions: Any) -> bool:
        try:
            await self.put(**conditions)
        except StateMismatch:
            return False
        return True

    async def refusal(self, **conditions: Any) -> dict[str, str | int]:
        with pytest.raises(StateMismatch) as failed:
            await self.put(**conditions)
        return failed.value.body

    async def tail(self) -> int:
        return (await self.service.perform(*AT, CheckTail())).tail.seq_num

    async def everything(self) -> list[SequencedRecord]:
        records: list[SequencedRecord] = []
        while True:
            try:
                page = await self.service.perform(*AT, Read(seq_num=records[-1].seq_num + 1 if records else 0))
            except StateMismatch:
                return records
            records += page.records


async def stale_token_accepted(server: Server) -> bool:
    await server.fence("old")
    for _ in range(8):
        await server.accepts(fencing_token="old")
    await server.fence("new")
    return any([await server.accepts(fencing_token="old") for _ in range(8)])


async def own_fence_counts(server: Server) -> bool:
    await server.fence("old")
    try:
        await server.fence("new", fencing_token="old")
    except StateMismatch as failed:
        return failed.body == {"fencing_token_mismatch": "new"}
    return False


async def prefix_accepted(server: Server) -> bool:
    await server.fence("token")
    return await server.accepts(fencing_token="tok")


async def empty_accepted(server: Server) -> bool:
    await server.fence("token")
    return await server.accepts(fencing_token="")


async def wrong_token_named(server: Server) -> bool:
    await server.fence("token")
    return await server.refusal(fencing_token="other") != {"fencing_token_mismatch": "token"}


async def both_racers_accepted(server: Server) -> bool:
    return all(await asyncio.gather(*(server.accepts(match_seq_num=0) for _ in range(2))))


async def neighbours_accepted(server: Server) -> bool:
    await server.put()
    before = [await server.accepts(match_seq_num=at) for at in (0, 3)]
    return any(before)


async def wrong_tail_named(server: Server) -> bool:
    return any([await server.refusal(match_seq_num=7) != {"seq_num_mismatch": 0} for _ in range(4)])


async def right_match_refused(server: Server) -> bool:
    return not all([await server.accepts(match_seq_num=at) for at in range(10)])


async def tail_is_behind(server: Server) -> bool:
    await server.tail()
    ack = await server.put()
    return await server.tail() < ack.end.seq_num


async def read_is_behind(server: Server) -> bool:
    await server.put()
    await server.everything()
    await server.put()
    return len(await server.everything()) < 2


async def record_left_out(server: Server) -> bool:
    for _ in range(20):
        await server.put(b"a", b"b")
    return len(await server.everything()) < 40


async def altered(server: Server) -> bool:
    for _ in range(5):
        await server.put(*[b"body"] * 10)
    return any(
        (record.body, record.headers) != (b"body", ((b"a", b"1"), (b"b", b"2"))) for record in await server.everything()
    )


async def ack_of_another_length(server: Server) -> bool:
    acks = [await server.put() for _ in range(50)]
    return any(ack.end.seq_num - ack.start.seq_num != 1 for ack in acks)


async def timestamps_decrease(server: Server) -> bool:
    await server.put(*[b"x"] * 60)
    stamps = [record.timestamp for record in await server.everything()]
    return stamps != sorted(stamps)


async def appended_twice(server: Server) -> bool:
    for number in range(50):
        await server.put(b"%d" % number)
    bodies = [record.body for record in await server.everything()]
    return len(bodies) != len(set(bodies))


async def batch_torn_apart(server: Server) -> bool:
    acks = await asyncio.gather(*(server.put(*[b"%d" % number] * 4) for number in range(20)))
    bodies = b"".join(record.body for record in await server.everything())
    return any(b"%d" % number * 4 not in bodies for number in range(20)) and any(
        ack.end.seq_num - ack.start.seq_num != 4 for ack in acks
    )


async def applied_though_refused(server: Server) -> bool:
    for _ in range(50):
        before = await server.tail()
        try:
            await server.put()
        except ServiceError as error:
            return error.definite and await server.tail() > before
    return False


async def session(server: Server, *batches: Append) -> list[Ack]:
    async def given() -> AsyncGenerator[Append, None]:
        for batch in batches:
            yield batch

    acks: list[Ack] = []
    with suppress(StateMismatch):
        async for group in (await server.service.append_session(*AT)).acks(given()):
            acks += group
    return acks


def one(body: bytes, **conditions: Any) -> Append:
    return Append((Record(body),), **conditions)


async def applied_after_a_failure(server: Server) -> bool:
    await session(server, one(b"a"), one(b"b", match_seq_num=7), one(b"c"))
    return await server.tail() > 1


async def acks_go_back(server: Server) -> bool:
    ends: list[list[int]] = []
    for _ in range(10):
        ends.append([ack.end.seq_num for ack in await session(server, *[one(b"x")] * 20)])
    return any(one != sorted(one) for one in ends)


async def read_session(server: Server, **query: Any) -> list[int]:
    frames = await server.service.read_session(*AT, Read(**query))
    return [record.seq_num async for frame in frames for record in frame.records]


async def gap_between_frames(server: Server) -> bool:
    for _ in range(25):
        await server.put(*[b"x"] * 900)
    seen = await read_session(server, seq_num=0, count=25 * 900)
    return seen != list(range(len(seen)))


async def resumes_too_early(server: Server) -> bool:
    await server.put(b"a", b"b", b"c")
    return any([(await read_session(server, seq_num=2, count=1)) != [2] for _ in range(5)])


async def trims_too_far(server: Server) -> bool:
    await server.put(b"a", b"b", b"c")
    await server.service.perform(*AT, Append((Record.trim(1),)))
    return (await server.everything())[0].seq_num != 1


async def leaks_to_another_stream(server: Server) -> bool:
    await server.service.ensure_stream(AT[0], "t")
    for number in range(50):
        await server.put(b"%d" % number)
        await server.service.perform(AT[0], "t", one(b"elsewhere"))
    return any(record.body == b"elsewhere" for record in await server.everything())


Symptom: TypeAlias = Callable[[Server], Awaitable[bool]]

# The bugs of durability are shown below, each by a test of its own.
SYMPTOMS: dict[str, Symptom] = {
    "stale-fence-cache": stale_token_accepted,
    "fence-async": stale_token_accepted,
    "fence-after-batch": own_fence_counts,
    "token-prefix-match": prefix_accepted,
    "empty-token-matches-any": empty_accepted,
    "wrong-mismatch-token": wrong_token_named,
    "check-then-append-race": both_racers_accepted,
    "match-off-by-one": neighbours_accepted,
    "match-ignored-under-load": both_racers_accepted,
    "match-against-durable-tail": both_racers_accepted,
    "wrong-mismatch-tail": wrong_tail_named,
    "spurious-412": right_match_refused,
    "stale-tail-cache": tail_is_behind,
    "read-from-replica": read_is_behind,
    "read-skips-batch-boundary": record_left_out,
    "body-corruption": altered,
    "header-dropped": altered,
    "ack-wrong-range": ack_of_another_length,
    "timestamp-regress": timestamps_decrease,
    "duplicate-on-retry": appended_twice,
    "torn-batch": batch_torn_apart,
    "definite-error-but-applied": applied_though_refused,
    "session-not-poisoned": applied_after_a_failure,
    "session-applies-after-failure": applied_after_a_failure,
    "session-reorders-acks": acks_go_back,
    "session-skips-batch-boundary": gap_between_frames,
    "read-repeats-on-resume": resumes_too_early,
    "trim-too-far": trims_too_far,
    "cross-stream-leak": leaks_to_another_stream,
}
DURABILITY = {"ack-before-durable", "lost-batch-on-restart", "fence-not-durable", "trim-resurrects"}


def test_every_bug_is_shown_to_misbehave() -> None:
    assert set(SYMPTOMS) | DURABILITY == set(BUGS)


@pytest.mark.parametrize("name", SYMPTOMS)
async def test_a_bug_shows_its_symptom_and_the_correct_server_does_not(name: str) -> None:
    async with Server((name,)) as server:
        assert await SYMPTOMS[name](server), "the bug does not bite"
    async with Server(()) as server:
        assert not await SYMPTOMS[name](server), "the correct server has the symptom"


@pytest.mark.parametrize(("bugs", "lost"), [((), False), (("ack-before-durable",), True)])
async def test_ack_before_durable_answers_before_the_write(bugs: tuple[str, ...], lost: bool) -> None:
    storage = GatedStorage()
    storage.open = True
    async with Server(bugs, storage) as server:
        append = asyncio.create_task(server.put(b"precious"))
        await turns(100)
        written = any(b"precious" in entry for group in storage.groups for entry in group)
        assert append.done(), "both answer: one because it has written, the other although it has not"
        assert written is not lost
        assert (await append).end.seq_num == await server.tail() == 1
    assert any(b"precious" in entry for group in storage.groups for entry in group), "a clean stop loses nothing"


@pytest.mark.parametrize(("bugs", "kept"), [((), 40), (("lost-batch-on-restart",), 32)])
async def test_lost_batch_on_restart_forgets_the_last_groups(tmp_path: Path, bugs: tuple[str, ...], kept: int) -> None:
    async with Server(bugs, stored(tmp_path)) as server:
        for number in range(40):
            await server.put(b"%d" % number)
    for _ in range(2):
        async with Server(bugs, stored(tmp_path)) as server:
            assert [record.body for record in await server.everything()] == [b"%d" % number for number in range(kept)]
        kept = kept - 8 if bugs else kept


@pytest.mark.parametrize(("bugs", "token"), [((), "a"), (("fence-not-durable",), "")])
async def test_fence_not_durable_forgets_the_token(tmp_path: Path, bugs: tuple[str, ...], token: str) -> None:
    async with Server(bugs, stored(tmp_path)) as server:
        await server.fence("a")
        assert await server.refusal(fencing_token="b") == {"fencing_token_mismatch": "a"}
    async with Server(bugs, stored(tmp_path)) as server:
        assert await server.refusal(fencing_token="b") == {"fencing_token_mismatch": token}
        assert await server.tail() == 1


@pytest.mark.parametrize(("bugs", "first"), [((), 1), (("trim-resurrects",), 0)])
async def test_trim_resurrects_forgets_the_trim(tmp_path: Path, bugs: tuple[str, ...], first: int) -> None:
    async with Server(bugs, stored(tmp_path)) as server:
        await server.put(b"a", b"b")
        await server.service.perform(*AT, Append((Record.trim(1),)))
        assert (await server.everything())[0].seq_num == 1
    async with Server(bugs, stored(tmp_path)) as server:
        assert (await server.everything())[0].seq_num == first


async def test_caches_catch_up() -> None:
    """A server with a stale cache is mostly right: what it forgot it learns in time."""
    async with Server(("stale-fence-cache", "stale-tail-cache", "read-from-replica", "fence-async")) as server:
        await stale_token_accepted(server)
        await tail_is_behind(server)
        server.now += 5000
        assert not await server.accepts(fencing_token="old")
        assert await server.accepts(fencing_token="new")
        server.now += 5000
        assert len(await server.everything()) == await server.tail()


async def test_a_clock_that_goes_back_does_not_freeze_a_cache() -> None:
    async with Server(("stale-tail-cache",)) as server:
        await server.tail()
        await server.put()
        server.now -= 1_000_000
        assert await server.tail() == 1


async def test_bugs_combine() -> None:
    bugs = ("empty-token-matches-any", "token-prefix-match", "body-corruption", "header-dropped", "spurious-412")
    async with Server(bugs) as server:
        assert await prefix_accepted(server)
        assert await empty_accepted(server)
        await altered(server)
        records = [record for record in await server.everything() if len(record.headers) and record.headers[0][0]]
        assert any(record.body != b"body" for record in records)
        assert any(len(record.headers) == 1 for record in records)
        tail = await server.tail()
        assert not all([await server.accepts(match_seq_num=tail + step) for step in range(10)])


def test_without_bugs_the_rules_are_the_correct_ones() -> None:
    assert compose(()) == Rules(StreamRules, ServiceRules, StorageRules)


def test_an_unknown_bug_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageFailure, match=r"'nonsense'.*there are:.*stale-fence-cache"):
        compose(("nonsense",))


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_a_row_says_what_the_bug_is(bug: Any) -> None:
    assert bug.how.endswith(".")
    assert bug.breaks
    assert bug.workload in WORKLOADS
    assert set(bug.faults) <= {"kill"}


async def test_every_bug_at_once_does_not_crash_the_server(tmp_path: Path) -> None:
    """Answers may be as wrong as they like, as long as they are answers."""
    errors: list[str] = []
    async with Server(tuple(BUGS), stored(tmp_path)) as server:

        async def client(number: int) -> None:
            for step in range(30):
                try:
                    if step % 5 == number % 5:
                        await server.fence(f"t{number}")
                    await server.put(b"x" * number, b"y", fencing_token=f"t{number}" if step % 2 else None)
                    await server.put(match_seq_num=await server.tail())
                    await server.service.perform(*AT, Read(tail_offset=3))
                except StateMismatch:
                    pass
                except ServiceError as error:
                    errors.append(error.code)

        await asyncio.gather(*(client(number) for number in range(10)))
        assert set(errors) <= {"hot_server"}
        assert server.service.failure is None
    async with Server(tuple(BUGS), stored(tmp_path)) as server:
        assert await server.everything()
