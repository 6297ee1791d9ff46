"""Basins and streams; reads that wait, and stopping."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fencepost.harness.s2 import Append, Batch, Call, CheckTail, Position, Read, Tail
from fencepost.harness.server.catalogue import resolved
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.values import (
    BasinConfig,
    BasinReconfiguration,
    Provision,
    Retention,
    StreamConfig,
    StreamReconfiguration,
    TimestampingMode,
)
from tests.server.services import AT, BASIN, STREAM, fence, gated, gone, one, refused, serving, soon

from .gated import turns


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
        assert await service.get_stream(*AT) == resolved(config.default_stream_config, StreamConfig())
        arrival = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
        assert (await service.ensure_stream(*AT, arrival))[1] is Provision.UPDATED
        assert (await service.ensure_stream(*AT, arrival))[1] is Provision.NOOP
        assert await service.get_stream(*AT) == resolved(arrival, config.default_stream_config)


async def test_reconfiguring_changes_what_is_given_and_takes_effect() -> None:
    async with serving() as service:
        age = Retention(age=10)
        changed = await service.reconfigure_stream(*AT, StreamReconfiguration(retention=age))
        assert changed == resolved(StreamConfig(retention=age), StreamConfig())
        require = StreamReconfiguration(timestamping_mode=TimestampingMode.CLIENT_REQUIRE, retention=None)
        assert await service.reconfigure_stream(*AT, require) == resolved(
            StreamConfig(timestamping_mode=TimestampingMode.CLIENT_REQUIRE), StreamConfig()
        )
        assert await refused(service.perform(*AT, one())) == (422, "invalid")
        change = BasinReconfiguration(create_stream_on_append=True, default_stream_config=require)
        basin = await service.reconfigure_basin(BASIN, change)
        assert basin == await service.get_basin(BASIN)
        assert basin.create_stream_on_append
        assert basin.default_stream_config.timestamping_mode is TimestampingMode.CLIENT_REQUIRE
        assert await refused(service.reconfigure_stream(*AT, StreamReconfiguration(retention=Retention(age=0)))) == (
            422,
            "invalid",
        )


@pytest.mark.parametrize(
    "call", [Append(()), one(fencing_token="t" * 37), Read(seq_num=0, timestamp=0), Read(timestamp=2, until=1)]
)
async def test_an_invalid_call_creates_no_stream(call: Call[Any]) -> None:
    async with serving(stream=False) as service:
        await service.create_basin(BASIN, BasinConfig(create_stream_on_append=True, create_stream_on_read=True))
        assert await refused(service.perform(*AT, call)) == (422, "invalid")
        assert await service.list_streams(BASIN) == ([], False)
        await service.perform(*AT, CheckTail())
        assert len((await service.list_streams(BASIN))[0]) == 1


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
        await gone(service, BASIN, "ab")
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
        assert await refused(service.perform(BASIN, name, CheckTail())) == (422, "invalid")


async def test_names_at_the_limits_are_taken() -> None:
    async with serving() as service:
        for basin in ("b" * 8, "b" * 48, "0-------9"):
            await service.create_basin(basin)
        for stream in ("x" * 512, "ü" * 256, "...", " "):
            await service.create_stream(BASIN, stream)


async def test_what_is_not_there_is_not_found() -> None:
    async with serving() as service:
        for request in (service.perform("no-such-basin", STREAM, one()), service.list_streams("no-such-basin")):
            assert await refused(request) == (404, "basin_not_found")
        for request in (
            service.perform(BASIN, "no", one()),
            service.perform(BASIN, "no", Read()),
            service.perform(BASIN, "no", CheckTail()),
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
        assert await refused(service.perform("on-append", "s", CheckTail())) == (404, "stream_not_found")
        assert (await service.perform("on-append", "s", one())).start.seq_num == 0
        assert await service.get_stream("on-append", "s") == resolved(default, StreamConfig())
        assert await refused(service.perform("on-reading", "s", one())) == (404, "stream_not_found")
        assert await service.perform("on-reading", "s", CheckTail()) == Tail(Position(0, 0))
        with pytest.raises(StateMismatch):
            await service.perform("on-reading", "t", Read())
        assert [row.name for row in (await service.list_streams("on-reading"))[0]] == ["s", "t"]


async def test_a_stream_made_again_is_another_one() -> None:
    async with serving() as service:
        await service.perform(*AT, fence("a"))
        await service.delete_stream(*AT)
        await gone(service, *AT)
        assert await refused(service.perform(*AT, CheckTail())) == (404, "stream_not_found")
        await service.create_stream(*AT)
        assert await service.perform(*AT, CheckTail()) == Tail(Position(0, 0))
        assert (await service.perform(*AT, one(fencing_token="", match_seq_num=0))).end.seq_num == 1


async def test_a_read_that_waits_returns_the_terminal_trim() -> None:
    for begin in (lambda service: service.delete_stream(*AT), lambda service: service.delete_basin(BASIN)):
        async with serving() as service:
            waiting = asyncio.create_task(service.perform(*AT, Read(wait=60)))
            await turns()
            await begin(service)
            (record,) = (await soon(waiting)).records
            assert (record.headers, record.body) == (((b"", b"trim"),), b"\xff" * 8)


# -- waiting and stopping


async def test_a_read_waits_for_records_no_longer_than_it_said() -> None:
    async with serving() as service:
        assert await service.perform(*AT, Read(wait=1)) == Batch(())


async def test_a_read_that_waits_returns_when_a_bound_keeps_the_next_record_away() -> None:
    async with serving() as service:
        waiting = asyncio.create_task(service.perform(*AT, Read(until=500, wait=60)))
        await turns()
        await service.perform(*AT, one())
        batch = await soon(waiting)
        assert (batch.records, batch.tail) == ((), Position(1, 1000))


async def test_draining_ends_waits_finishes_appends_and_refuses_what_is_new() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, one()))
        waiting = asyncio.create_task(service.perform(*AT, Read(seq_num=0, wait=60)))
        await storage.writing()
        draining = asyncio.create_task(service.drain())
        await turns()
        assert await soon(waiting) == Batch(())
        assert not draining.done()
        assert await refused(service.perform(*AT, one())) == (503, "server_draining")
        assert await refused(service.list_basins()) == (503, "server_draining")
        await storage.let_through()
        await soon(draining)
        assert (await append).end.seq_num == 1
