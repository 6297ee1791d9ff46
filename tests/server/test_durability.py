"""Restarts, and the promise that every answer comes from durable state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.s2 import Append, CheckTail, Position, Read, Record, Tail
from fencepost.harness.server import durable
from fencepost.harness.server.catalogue import resolved
from fencepost.harness.server.entries import (
    Appended,
    BasinDeleted,
    BasinDeleting,
    Expired,
    StreamDeleted,
    StreamDeleting,
    encode,
)
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import StorageError
from fencepost.harness.server.values import StreamConfig, TimestampingMode
from fencepost.harness.world.clock import ScriptedClock
from tests.server.services import AT, BASIN, fence, gated, gone, one, refused, serving, soon

from .gated import GatedStorage, turns
from .storages import FIRST, stored


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    config = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
    record = Record(b"\x00\xff", ((b"k", b"\xfe"), (b"k", b"")), 7)
    async with serving(stored(tmp_path)) as service:
        await service.create_basin("basin-two", None, "token")
        await service.create_stream("basin-two", "s", config, "t")
        await service.perform(*AT, Append((record, Record())))
        await service.perform(*AT, fence("a"))
        await service.perform("basin-two", "s", one(b"old"))
        await service.delete_stream("basin-two", "s")
        await gone(service, "basin-two", "s")
        await service.create_stream("basin-two", "s", config, "t")
        await service.perform("basin-two", "s", one(b"new"))
        await service.create_basin("basin-three")
        await service.create_stream("basin-three", "s")
        await service.perform("basin-three", "s", one(b"gone"))
        await service.delete_basin("basin-three")
        await gone(service, "basin-three")
        before = await service.perform(*AT, Read(seq_num=0))
    async with serving(stored(tmp_path), stream=False) as service:
        assert await service.perform(*AT, Read(seq_num=0)) == before
        assert (before.records[0].headers, before.records[0].timestamp) == (record.headers, 7)
        assert await service.perform(*AT, CheckTail()) == Tail(Position(3, 1000))
        with pytest.raises(StateMismatch) as failed:
            await service.perform(*AT, one(fencing_token=""))
        assert failed.value.body == {"fencing_token_mismatch": "a"}
        assert [row.name for row in (await service.list_basins())[0]] == [BASIN, "basin-two"]
        assert (await service.create_basin("basin-two", None, "token"))[1] is False
        assert (await service.create_stream("basin-two", "s", config, "t"))[1] is False
        assert await service.get_stream("basin-two", "s") == resolved(config, StreamConfig())
        assert [r.body for r in (await service.perform("basin-two", "s", Read(seq_num=0))).records] == [b"new"]
        await service.create_stream("basin-two", "another")
        assert await service.perform("basin-two", "another", CheckTail()) == Tail(Position(0, 0))


async def test_a_journal_that_contradicts_itself_is_refused_by_name(tmp_path: Path) -> None:
    contradictions = [
        (encode(Appended(5, (), 0)), "stream 5"),
        (encode(Expired(6, 1)), "stream 6"),
        (encode(StreamDeleting(7, 0)), "does not exist: 7"),
        (encode(StreamDeleted(8)), "does not exist: 8"),
        (encode(BasinDeleting("basin-nine", 0)), "basin-nine"),
        (encode(BasinDeleted("basin-nine")), "basin-nine"),
        (b"\x07", "unknown kind"),
        (b"\x00\xc1", "cannot be read"),
    ]
    for entry, complaint in contradictions:
        storage = stored(tmp_path)
        list(storage.recover())
        await storage.write([entry])
        storage.close()
        size = (tmp_path / FIRST).stat().st_size
        service = Service(stored(tmp_path), ScriptedClock().wall_ms)
        with pytest.raises(StorageError, match=rf"{tmp_path}/{FIRST}: .* offset {size}: .*{complaint}"):
            await service.start()
        (tmp_path / FIRST).unlink()


# -- durability of answers


async def test_an_append_is_answered_when_its_sync_has_returned() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, one()))
        await storage.writing()
        await turns()
        assert not append.done()
        await storage.let_through()
        assert (await soon(append)).end.seq_num == 1


async def test_reads_and_tails_show_nothing_that_is_not_durable() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, one(b"a")))
        waiting = asyncio.create_task(service.perform(*AT, Read(seq_num=0, wait=60)))
        await storage.writing()
        assert await soon(service.perform(*AT, CheckTail())) == Tail(Position(0, 0))
        with pytest.raises(StateMismatch) as beyond:
            await soon(service.perform(*AT, Read(seq_num=0)))
        assert beyond.value.value == Position(0, 0)
        assert not waiting.done()
        await storage.let_through()
        batch = await soon(waiting)
        assert [record.body for record in batch.records] == [b"a"]
        assert batch.tail == Position(1, 1000)
        assert (await soon(append)).end == (await soon(service.perform(*AT, CheckTail()))).tail


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (one(match_seq_num=0), {"seq_num_mismatch": 1}),
        (one(match_seq_num=7), {"seq_num_mismatch": 1}),
        (one(fencing_token=""), {"fencing_token_mismatch": "a"}),
    ],
)
async def test_a_412_is_held_until_the_state_that_it_reveals_is_durable(
    refusal: Append, body: dict[str, object]
) -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, fence("a")))
        await storage.writing()
        waiting = asyncio.create_task(service.perform(*AT, refusal))
        await turns()
        assert not waiting.done()
        await storage.let_through()
        with pytest.raises(StateMismatch) as failed:
            await soon(waiting)
        assert failed.value.body == body
        await soon(append)
        # With nothing in flight it is answered at once.
        with pytest.raises(StateMismatch):
            await soon(service.perform(*AT, refusal))


async def test_appends_are_sequenced_at_once_and_share_syncs() -> None:
    async with gated() as (service, storage):
        before = len(storage.groups)
        first = asyncio.create_task(service.perform(*AT, one(match_seq_num=0)))
        await storage.writing()
        rest = [asyncio.create_task(service.perform(*AT, one(match_seq_num=at))) for at in range(1, 30)]
        await turns()
        await storage.let_through()
        await storage.let_through()
        acks = await soon(asyncio.gather(first, *rest))
        assert [ack.start.seq_num for ack in acks] == list(range(30))
        assert len(storage.groups) - before == 2


async def test_a_hung_up_client_leaves_its_append_whole() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, one(b"a")))
        await storage.writing()
        append.cancel()
        await turns()
        await storage.let_through()
        await turns()
        assert await soon(service.perform(*AT, CheckTail())) == Tail(Position(1, 1000))


async def test_appends_are_shed_while_too_much_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "MAX_BACKLOG", 5000)
    async with gated() as (service, storage):
        taken = [asyncio.create_task(service.perform(*AT, one(b"x" * 3000))) for _ in range(2)]
        await storage.writing()
        assert await refused(service.perform(*AT, one())) == (502, "hot_server")
        await storage.let_through()
        await storage.finish()
        await soon(asyncio.gather(*taken))
        assert (await soon(service.perform(*AT, one()))).start.seq_num == 2


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
            "append": lambda: service.perform(BASIN, "new", one(match_seq_num=9)),
            "check_tail": lambda: service.perform(BASIN, "new", CheckTail()),
            "delete": lambda: service.delete_stream(BASIN, "new"),
            "not found": lambda: service.get_stream(BASIN, "other"),
            "append not found": lambda: service.perform(BASIN, "other", one()),
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
            "append": StateMismatch,
            "not found": ServiceError,
            "append not found": ServiceError,
        }
        assert isinstance(result, expected[what]) if what in expected else not isinstance(result, Exception)


async def test_after_a_failed_sync_appends_stay_off_and_reads_of_what_was_durable_go_on() -> None:
    """Failed before: every request was refused."""
    storage = GatedStorage()
    storage.open = True
    async with serving(storage) as service:
        await service.perform(*AT, one(b"durable"))
        storage.open = False
        asked = [asyncio.create_task(service.perform(*AT, fence("lost")))]
        await storage.writing()
        asked.append(asyncio.create_task(service.perform(*AT, one(match_seq_num=0))))
        asked.append(asyncio.create_task(service.create_stream(BASIN, "lost")))
        reader = asyncio.create_task(service.perform(*AT, Read(wait=1)))
        await turns()
        await storage.let_through(StorageError("the disk is gone"))
        for task in asked:
            assert await refused(task) == (500, "storage")
        assert str(service.failure) == "the disk is gone"
        for request in (service.perform(*AT, one()), service.create_stream(BASIN, "new"), service.delete_stream(*AT)):
            assert await refused(request) == (500, "storage")
        assert await soon(service.perform(*AT, CheckTail())) == Tail(Position(1, 1000))
        batch = await soon(service.perform(*AT, Read(seq_num=0)))
        assert [record.body for record in batch.records] == [b"durable"]
        assert [row.name for row in (await soon(service.list_streams(BASIN)))[0]] == [AT[1]]
        assert (await soon(reader)).records == ()
