"""Basins and streams, restarts, and the promise that every answer comes from durable state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fencepost.harness.server import durable
from fencepost.harness.server.errors import ConditionFailed, RangeNotSatisfiable, ServiceError
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import FileStorage, MemoryStorage, Storage, StorageError
from fencepost.harness.server.values import (
    AppendInput,
    AppendRecord,
    BasinConfig,
    BasinReconfiguration,
    Provision,
    ReadBatch,
    ReadInput,
    Retention,
    StreamConfig,
    StreamPosition,
    StreamReconfiguration,
    TimestampingMode,
)

from .gated import GatedStorage, turns

T = TypeVar("T")
BASIN, STREAM = "basin-one", "stream/1"
AT = (BASIN, STREAM)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


def one(body: bytes = b"x", **conditions: Any) -> AppendInput:
    return AppendInput((AppendRecord(body),), **conditions)


def fence(token: str, **conditions: Any) -> AppendInput:
    return AppendInput((AppendRecord(token.encode(), ((b"", b"fence"),)),), **conditions)


async def soon(awaitable: Awaitable[T]) -> T:
    """It happens, or the test fails."""
    return await asyncio.wait_for(awaitable, 5)


async def refused(awaitable: Awaitable[Any]) -> tuple[int, str]:
    with pytest.raises(ServiceError) as error:
        await soon(awaitable)
    return error.value.status, error.value.code


@asynccontextmanager
async def serving(storage: Storage | None = None, *, stream: bool = True, **options: Any) -> AsyncIterator[Service]:
    """A service; with a basin and a stream in it unless told otherwise."""
    service = Service(storage or MemoryStorage(), FakeClock(), **options)
    await service.start()
    if stream:
        await service.ensure_basin(BASIN)
        await service.ensure_stream(BASIN, STREAM)
    try:
        yield service
    finally:
        await soon(service.close())


@asynccontextmanager
async def gated() -> AsyncIterator[tuple[Service, GatedStorage]]:
    """A service with a stream, whose every further write waits to be let through."""
    storage = GatedStorage()
    storage.open = True
    async with serving(storage) as service:
        storage.open = False
        yield service, storage
        await storage.finish()


# -- basins and streams


async def test_creating_what_exists_is_a_conflict_unless_it_is_the_same_request() -> None:
    async with serving(stream=False) as service:
        config = BasinConfig(create_stream_on_read=True)
        info, made = await service.create_basin(BASIN, config, "token")
        assert (info.name, info.created_at, made) == (BASIN, 1000, True)
        assert await service.create_basin(BASIN, config, "token") == (info, False)
        taken = (409, "resource_already_exists")
        assert await refused(service.create_basin(BASIN, BasinConfig(), "token")) == taken
        assert await refused(service.create_basin(BASIN, config, "other")) == taken
        assert await refused(service.create_basin(BASIN, config)) == taken
        wanted = StreamConfig(retention=Retention(age=60))
        await service.create_stream(BASIN, STREAM, wanted, "t")
        assert (await service.create_stream(BASIN, STREAM, wanted, "t"))[1] is False
        assert await refused(service.create_stream(BASIN, STREAM, None, "t")) == taken
        assert await refused(service.create_stream(BASIN, STREAM, wanted)) == taken


async def test_without_a_token_the_same_request_is_a_conflict() -> None:
    async with serving() as service:
        assert await refused(service.create_basin(BASIN)) == (409, "resource_already_exists")
        assert await refused(service.create_stream(*AT)) == (409, "resource_already_exists")


async def test_ensure_creates_updates_or_does_nothing() -> None:
    async with serving(stream=False) as service:
        config = BasinConfig(default_stream_config=StreamConfig(timestamping_uncapped=True))
        assert (await service.ensure_basin(BASIN, config))[1] is Provision.CREATED
        assert (await service.ensure_basin(BASIN, config))[1] is Provision.NOOP
        assert (await service.ensure_basin(BASIN))[1] is Provision.NOOP
        assert await service.get_basin(BASIN) == config
        assert (await service.ensure_stream(*AT))[1] is Provision.CREATED
        assert await service.get_stream(*AT) == config.default_stream_config
        arrival = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
        assert (await service.ensure_stream(*AT, arrival))[1] is Provision.UPDATED
        assert (await service.ensure_stream(*AT, arrival))[1] is Provision.NOOP
        assert await service.get_stream(*AT) == StreamConfig(
            timestamping_mode=TimestampingMode.ARRIVAL, timestamping_uncapped=True
        )


async def test_reconfiguring_changes_what_is_given_and_takes_effect() -> None:
    async with serving() as service:
        age = Retention(age=10)
        assert await service.reconfigure_stream(*AT, StreamReconfiguration(retention=age)) == StreamConfig(
            retention=age
        )
        require = StreamReconfiguration(timestamping_mode=TimestampingMode.CLIENT_REQUIRE, retention=None)
        assert await service.reconfigure_stream(*AT, require) == StreamConfig(
            timestamping_mode=TimestampingMode.CLIENT_REQUIRE
        )
        assert await refused(service.append(*AT, one())) == (422, "invalid")
        change = BasinReconfiguration(create_stream_on_append=True, default_stream_config=require)
        changed = await service.reconfigure_basin(BASIN, change)
        assert changed == await service.get_basin(BASIN)
        assert changed.create_stream_on_append
        assert changed.default_stream_config.timestamping_mode is TimestampingMode.CLIENT_REQUIRE
        assert await refused(service.reconfigure_stream(*AT, StreamReconfiguration(retention=Retention(age=0)))) == (
            422,
            "invalid",
        )


async def test_lists_are_in_order_of_name_and_in_pages() -> None:
    async with serving() as service:
        names = ["a", "ab", "abc", "b", "ä", "\U0001f600"]
        for name in reversed(names):
            await service.create_stream(BASIN, name)

        async def page(*args: Any) -> tuple[list[str], bool]:
            rows, more = await service.list_streams(BASIN, *args)
            return [row.name for row in rows], more

        assert await page() == (sorted([*names, STREAM], key=str.encode), False)
        assert await page("a", "", 2) == (["a", "ab"], True)
        assert await page("a", "ab", 2) == (["abc"], False)
        assert await page("", "abc", 1) == (["b"], True)
        assert await page("zz") == ([], False)
        assert await refused(page("b", "a")) == (422, "invalid")
        await service.delete_stream(BASIN, "ab")
        assert await page("a") == (["a", "abc"], False)
        basins, more = await service.list_basins("basin-", "", 1)
        assert ([row.name for row in basins], more) == ([BASIN], False)


@pytest.mark.parametrize("name", ["", "short-7", "-basin-one", "basin-one-", "Basin-one", "basin_one", "b" * 49])
async def test_bad_basin_names_are_refused(name: str) -> None:
    async with serving() as service:
        assert await refused(service.create_basin(name)) == (422, "invalid")
        assert await refused(service.get_basin(name)) == (422, "invalid")


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 513, "ü" * 257])
async def test_bad_stream_names_are_refused(name: str) -> None:
    async with serving() as service:
        assert await refused(service.create_stream(BASIN, name)) == (422, "invalid")
        assert await refused(service.check_tail(BASIN, name)) == (422, "invalid")


async def test_names_at_the_limits_are_taken() -> None:
    async with serving() as service:
        for basin in ("b" * 8, "b" * 48, "0-------9"):
            await service.create_basin(basin)
        for stream in ("x" * 512, "ü" * 256, "...", " "):
            await service.create_stream(BASIN, stream)


async def test_what_is_not_there_is_not_found() -> None:
    async with serving() as service:
        for request in (service.append("no-such-basin", STREAM, one()), service.list_streams("no-such-basin")):
            assert await refused(request) == (404, "basin_not_found")
        for request in (
            service.append(BASIN, "no", one()),
            service.read(BASIN, "no", ReadInput()),
            service.check_tail(BASIN, "no"),
            service.get_stream(BASIN, "no"),
            service.delete_stream(BASIN, "no"),
        ):
            assert await refused(request) == (404, "stream_not_found")
        assert await refused(service.delete_basin("no-such-basin")) == (404, "basin_not_found")


async def test_streams_are_made_on_append_and_on_read_as_the_basin_says() -> None:
    default = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
    async with serving(stream=False) as service:
        await service.create_basin(
            "on-append", BasinConfig(create_stream_on_append=True, default_stream_config=default)
        )
        await service.create_basin("on-reading", BasinConfig(create_stream_on_read=True))
        assert await refused(service.check_tail("on-append", "s")) == (404, "stream_not_found")
        assert (await service.append("on-append", "s", one())).start.seq_num == 0
        assert await service.get_stream("on-append", "s") == default
        assert await refused(service.append("on-reading", "s", one())) == (404, "stream_not_found")
        assert await service.check_tail("on-reading", "s") == StreamPosition(0, 0)
        with pytest.raises(RangeNotSatisfiable):
            await service.read("on-reading", "t", ReadInput())
        assert [row.name for row in (await service.list_streams("on-reading"))[0]] == ["s", "t"]


async def test_a_stream_made_again_is_another_one() -> None:
    async with serving() as service:
        await service.append(*AT, fence("a"))
        await service.delete_stream(*AT)
        assert await refused(service.check_tail(*AT)) == (404, "stream_not_found")
        await service.create_stream(*AT)
        assert await service.check_tail(*AT) == StreamPosition(0, 0)
        assert (await service.append(*AT, one(fencing_token="", match_seq_num=0))).end.seq_num == 1


async def test_a_read_that_waits_is_told_of_the_deletion() -> None:
    async with serving() as service:
        for delete in (service.delete_stream(*AT), service.delete_basin(BASIN)):
            await service.ensure_stream(*AT)
            waiting = asyncio.create_task(service.read(*AT, ReadInput(wait=60)))
            await turns()
            await delete
            assert await refused(waiting) == (404, "stream_not_found")


# -- restarts


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    config = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
    record = AppendRecord(b"\x00\xff", ((b"k", b"\xfe"), (b"k", b"")), 7)
    async with serving(FileStorage(tmp_path)) as service:
        await service.create_basin("basin-two", None, "token")
        await service.create_stream("basin-two", "s", config, "t")
        await service.append(*AT, AppendInput((record, AppendRecord())))
        await service.append(*AT, fence("a"))
        await service.append("basin-two", "s", one(b"old"))
        await service.delete_stream("basin-two", "s")
        await service.create_stream("basin-two", "s", config, "t")
        await service.append("basin-two", "s", one(b"new"))
        await service.create_basin("basin-three")
        await service.create_stream("basin-three", "s")
        await service.append("basin-three", "s", one(b"gone"))
        await service.delete_basin("basin-three")
        before = await service.read(*AT, ReadInput(seq_num=0))
    async with serving(FileStorage(tmp_path), stream=False) as service:
        assert await service.read(*AT, ReadInput(seq_num=0)) == before
        assert (before.records[0].headers, before.records[0].timestamp) == (record.headers, 7)
        assert await service.check_tail(*AT) == StreamPosition(3, 1000)
        with pytest.raises(ConditionFailed) as failed:
            await service.append(*AT, one(fencing_token=""))
        assert failed.value.body == {"fencing_token_mismatch": "a"}
        assert [row.name for row in (await service.list_basins())[0]] == [BASIN, "basin-two"]
        assert (await service.create_basin("basin-two", None, "token"))[1] is False
        assert (await service.create_stream("basin-two", "s", config, "t"))[1] is False
        assert await service.get_stream("basin-two", "s") == config
        assert [r.body for r in (await service.read("basin-two", "s", ReadInput(seq_num=0))).records] == [b"new"]
        await service.create_stream("basin-two", "another")
        assert await service.check_tail("basin-two", "another") == StreamPosition(0, 0)


async def test_a_journal_that_contradicts_itself_is_refused_by_name(tmp_path: Path) -> None:
    from fencepost.harness.server.entries import Appended, encode

    storage = FileStorage(tmp_path)
    list(storage.recover())
    await storage.write([encode(Appended(5, ()))])
    storage.close()
    for entry, complaint in ((None, "stream 5"), (b"\x07", "unknown kind"), (b"\x00\xc1", "cannot be read")):
        if entry is not None:
            (tmp_path / "journal").unlink()
            storage = FileStorage(tmp_path)
            list(storage.recover())
            await storage.write([entry])
            storage.close()
        size = (tmp_path / "journal").stat().st_size
        service = Service(FileStorage(tmp_path))
        with pytest.raises(StorageError, match=rf"{tmp_path}/journal: .* offset {size}: .*{complaint}"):
            await service.start()


# -- durability of answers


async def test_an_append_is_answered_when_its_sync_has_returned() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.append(*AT, one()))
        await storage.writing()
        await turns()
        assert not append.done()
        await storage.let_through()
        assert (await soon(append)).end.seq_num == 1


async def test_reads_and_tails_show_nothing_that_is_not_durable() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.append(*AT, one(b"a")))
        waiting = asyncio.create_task(service.read(*AT, ReadInput(seq_num=0, wait=60)))
        await storage.writing()
        assert await soon(service.check_tail(*AT)) == StreamPosition(0, 0)
        with pytest.raises(RangeNotSatisfiable) as beyond:
            await soon(service.read(*AT, ReadInput(seq_num=0)))
        assert beyond.value.tail == StreamPosition(0, 0)
        assert not waiting.done()
        await storage.let_through()
        batch = await soon(waiting)
        assert [record.body for record in batch.records] == [b"a"]
        assert batch.tail == StreamPosition(1, 1000)
        assert (await soon(append)).end == await soon(service.check_tail(*AT))


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (one(match_seq_num=0), {"seq_num_mismatch": 1}),
        (one(match_seq_num=7), {"seq_num_mismatch": 1}),
        (one(fencing_token=""), {"fencing_token_mismatch": "a"}),
    ],
)
async def test_a_412_is_held_until_the_state_that_it_reveals_is_durable(
    refusal: AppendInput, body: dict[str, object]
) -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.append(*AT, fence("a")))
        await storage.writing()
        waiting = asyncio.create_task(service.append(*AT, refusal))
        await turns()
        assert not waiting.done()
        await storage.let_through()
        with pytest.raises(ConditionFailed) as failed:
            await soon(waiting)
        assert failed.value.body == body
        await soon(append)
        # With nothing in flight it is answered at once.
        with pytest.raises(ConditionFailed):
            await soon(service.append(*AT, refusal))


async def test_appends_are_sequenced_at_once_and_share_syncs() -> None:
    async with gated() as (service, storage):
        before = len(storage.groups)
        first = asyncio.create_task(service.append(*AT, one(match_seq_num=0)))
        await storage.writing()
        rest = [asyncio.create_task(service.append(*AT, one(match_seq_num=at))) for at in range(1, 30)]
        await turns()
        await storage.let_through()
        await storage.let_through()
        acks = await soon(asyncio.gather(first, *rest))
        assert [ack.start.seq_num for ack in acks] == list(range(30))
        assert len(storage.groups) - before == 2


async def test_a_hung_up_client_leaves_its_append_whole() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.append(*AT, one(b"a")))
        await storage.writing()
        append.cancel()
        await turns()
        await storage.let_through()
        await turns()
        assert await soon(service.check_tail(*AT)) == StreamPosition(1, 1000)


async def test_appends_are_shed_while_too_much_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "MAX_BACKLOG", 5000)
    async with gated() as (service, storage):
        taken = [asyncio.create_task(service.append(*AT, one(b"x" * 3000))) for _ in range(2)]
        await storage.writing()
        assert await refused(service.append(*AT, one())) == (502, "hot_server")
        await storage.let_through()
        await storage.finish()
        await soon(asyncio.gather(*taken))
        assert (await soon(service.append(*AT, one()))).start.seq_num == 2


@pytest.mark.parametrize(
    "what", ["create", "conflict", "list", "append", "check_tail", "delete", "not found", "append not found"]
)
async def test_what_is_said_of_basins_and_streams_is_durable(what: str) -> None:
    async with gated() as (service, storage):
        making = asyncio.create_task(service.create_stream(BASIN, "new"))
        await storage.writing()
        asked: dict[str, Callable[[], Awaitable[Any]]] = {
            "create": lambda: making,
            "conflict": lambda: service.create_stream(BASIN, "new"),
            "list": lambda: service.list_streams(BASIN),
            "append": lambda: service.append(BASIN, "new", one(match_seq_num=9)),
            "check_tail": lambda: service.check_tail(BASIN, "new"),
            "delete": lambda: service.delete_stream(BASIN, "new"),
            "not found": lambda: service.get_stream(BASIN, "other"),
            "append not found": lambda: service.append(BASIN, "other", one()),
        }
        answer = asyncio.ensure_future(asked[what]())
        await turns()
        assert not answer.done()
        storage.open = True
        await storage.let_through()
        result = (await soon(asyncio.gather(answer, return_exceptions=True)))[0]
        await soon(making)
        expected = {
            "conflict": ServiceError,
            "append": ConditionFailed,
            "not found": ServiceError,
            "append not found": ServiceError,
        }
        assert isinstance(result, expected[what]) if what in expected else not isinstance(result, Exception)


async def test_after_a_failed_sync_nothing_is_answered_but_the_failure() -> None:
    storage = GatedStorage()
    storage.open = True
    async with serving(storage) as service:
        storage.open = False
        asked = [asyncio.create_task(service.append(*AT, one()))]
        await storage.writing()
        asked.append(asyncio.create_task(service.append(*AT, one(match_seq_num=0))))
        asked.append(asyncio.create_task(service.read(*AT, ReadInput(wait=60))))
        await turns()
        await storage.let_through(StorageError("the disk is gone"))
        for task in asked:
            assert await refused(task) == (500, "storage")
        assert str(service.failure) == "the disk is gone"
        for request in (
            service.append(*AT, one()),
            service.check_tail(*AT),
            service.read(*AT, ReadInput()),
            service.list_basins(),
        ):
            assert await refused(request) == (500, "storage")


# -- waiting and stopping


async def test_a_read_waits_for_records_no_longer_than_it_said() -> None:
    async with serving() as service:
        assert await service.read(*AT, ReadInput(wait=1)) == ReadBatch(())


async def test_a_read_that_waits_returns_when_a_bound_keeps_the_next_record_away() -> None:
    async with serving() as service:
        waiting = asyncio.create_task(service.read(*AT, ReadInput(until=500, wait=60)))
        await turns()
        await service.append(*AT, one())
        batch = await soon(waiting)
        assert (batch.records, batch.tail) == ((), StreamPosition(1, 1000))


async def test_draining_ends_waits_finishes_appends_and_refuses_what_is_new() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.append(*AT, one()))
        waiting = asyncio.create_task(service.read(*AT, ReadInput(seq_num=0, wait=60)))
        await storage.writing()
        draining = asyncio.create_task(service.drain())
        await turns()
        assert await soon(waiting) == ReadBatch(())
        assert not draining.done()
        assert await refused(service.append(*AT, one())) == (503, "server_draining")
        assert await refused(service.list_basins()) == (503, "server_draining")
        await storage.let_through()
        await soon(draining)
        assert (await append).end.seq_num == 1
