"""Histories of streams that the server deletes, and whose records it lets expire: what their checker needs is there."""

from __future__ import annotations

import asyncio

import pytest

from fencepost import HistoryBuilder, StreamState, check
from fencepost.harness.client.in_process import InProcessClient
from fencepost.harness.client.outcome import Definite
from fencepost.harness.s2 import Append, Batch, CheckTail, Read, Record
from fencepost.harness.server.service import Service
from fencepost.harness.server.values import Retention, StreamConfig

from .gated import turns
from .services import BASIN, STREAM, FakeClock, gone, serving, soon


async def ask(builder: HistoryBuilder, service: Service, call: Append | Read | CheckTail) -> None:
    client = InProcessClient(service, BASIN)
    match call:
        case Append(records):
            recorded = builder.append(records)
        case Read():
            recorded = builder.read(seq_num=call.seq_num)
        case CheckTail():
            recorded = builder.check_tail()
    with recorded:
        recorded.complete(await client.perform(STREAM, call))


async def test_a_deletion_that_a_follower_saw_is_valid_and_explains_what_comes_after() -> None:
    builder = HistoryBuilder(STREAM)
    async with serving() as service:
        await ask(builder, service, Append((Record(b"a"), Record(b"b"))))
        with builder.read_session(seq_num=0) as session:
            frames: list[Batch] = []

            def on_frame(frame: Batch) -> None:
                frames.append(frame)
                session.part(frame.records, frame.tail)

            client = InProcessClient(service, BASIN)
            following = asyncio.ensure_future(client.read_session(STREAM, Read(seq_num=0), on_frame))
            await turns(20)
            await service.delete_stream(BASIN, STREAM)
            outcome = await soon(following)
            assert isinstance(outcome, Definite)
            session.complete(outcome)
        await ask(builder, service, CheckTail())
        await gone(service, BASIN, STREAM)
        await ask(builder, service, Append((Record(b"c"),)))
    assert frames[-1].records[-1].body == b"\xff" * 8
    result = check(builder)
    assert result.valid, result


@pytest.mark.parametrize("declared", [True, False])
async def test_records_that_expired_are_explained_by_the_retention_that_is_declared(declared: bool) -> None:
    builder = HistoryBuilder(StreamState(STREAM), retention_ms=60_000 if declared else None)
    clock = FakeClock()
    async with serving(clock=clock, stream=False) as service:
        await service.create_basin(BASIN)
        await service.create_stream(BASIN, STREAM, StreamConfig(retention=Retention(60)))
        for body in (b"a", b"b"):
            await ask(builder, service, Append((Record(body),)))
            await ask(builder, service, Read(seq_num=0))
            clock.now += 40_000
        await ask(builder, service, Read(seq_num=0))
        await ask(builder, service, CheckTail())
    assert check(builder).valid is declared
