"""Streams that are created, deleted, made again, expire and vanish, on a server that crashes or loses power.

Batches are appended one by one and in sessions, with conditions, fences and trims among them.

Every answer must agree with :mod:`.lives`, in this life of the server and in all later ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from random import Random
from typing import Any

import pytest

from fencepost.harness.s2 import Append, Batch, CheckTail, Read
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import NoSpaceError, StorageError
from fencepost.harness.server.values import Retention, StreamConfig
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .lives import LOST, Name, Sent, Writer
from .services import BASIN, FakeClock
from .storages import DATA, simulated, stored
from .virtual_time import run

FOREVER, SECOND = Retention(None), Retention(1)
CONFIGS = {
    "kept": StreamConfig(retention=FOREVER),
    "expiring": StreamConfig(retention=SECOND),
    "vanishing": StreamConfig(retention=FOREVER, delete_on_empty_min_age=1),
    "fleeting": StreamConfig(retention=SECOND, delete_on_empty_min_age=1),
}


class Crashed(Exception):
    """The server answers no more."""


class Client:
    """The one client of a stream. It survives every server, and numbers its bodies."""

    def __init__(self, name: str) -> None:
        self.at = (BASIN, name)
        self.config = CONFIGS[name]
        self.known = Name(self.config.retention == SECOND, bool(self.config.delete_on_empty_min_age))
        self.writer = Writer(name, Random())

    async def work(self, service: Service, random: Random, steps: int) -> None:
        self.service = service
        self.writer.random = random
        try:
            for _ in range(steps):
                await asyncio.sleep(random.choice([0, 0, 0.001, 0.05, 0.5]))
                await self.step(random)
        except Crashed:
            pass

    async def step(self, random: Random) -> None:
        match random.choice([*["append", "session"] * 2, "trim", *["create"] * 2, "delete", *["read"] * 2, "tail"]):
            case "create":
                outcome, _ = await self.ask(self.service.create_stream(*self.at, self.config))
                self.known.created(outcome)
            case "delete":
                outcome, _ = await self.ask(self.service.delete_stream(*self.at))
                self.known.deleted(outcome)
            case "append":
                await self.append(self.writer.batch(self.known.guess()))
            case "trim":
                await self.append(self.writer.batch(self.known.guess(), trims=True))
            case "session":
                await self.session(self.writer.session(self.known.guess(), 12))
            case "tail":
                outcome, answer = await self.ask(self.service.perform(*self.at, CheckTail()))
                if outcome != LOST:
                    self.known.saw_tail(outcome, answer.tail.seq_num if outcome == "ok" else -1)
            case "read":
                await self.read()
        if outcome_is_final(self.service):
            raise Crashed

    async def append(self, sent: Sent) -> None:
        outcome, answer = await self.ask(self.service.perform(*self.at, sent.append))
        self.known.appended(sent, outcome, answer.start.seq_num if outcome == "ok" else answer)

    async def session(self, batches: list[Sent]) -> None:
        left = list(batches)
        outcome, answer = await self.ask(self.acks(left))
        if outcome == LOST:
            self.known.lost(left)
        elif outcome != "ok":
            self.known.appended(left[0], outcome, answer)
        else:
            assert not left, "a session ended before its batches"

    async def acks(self, left: list[Sent]) -> None:
        """Send the batches, and remove those that are acknowledged."""
        session = await self.service.append_session(*self.at)
        async with aclosing(session.acks(paced([sent.append for sent in left], self.writer.random))) as groups:
            async for group in groups:
                for ack in group:
                    self.known.appended(left.pop(0), "ok", ack.start.seq_num)

    async def read(self) -> None:
        outcome, answer = await self.ask(self.service.perform(*self.at, Read(seq_num=0)))
        if outcome == "416":
            self.known.saw_tail("ok", answer.seq_num)
        elif outcome != LOST:
            records = answer.records if isinstance(answer, Batch) else ()
            self.known.saw_records(outcome, [(record.seq_num, record.body) for record in records])

    async def ask(self, request: Awaitable[Any]) -> tuple[str, Any]:
        """``ok`` with the answer, 416 with the tail, a condition with what it shows, the code of a refusal, or LOST."""
        try:
            return "ok", await request
        except StateMismatch as mismatch:
            return "416" if mismatch.status == 416 else next(iter(mismatch.body)), mismatch.value
        except ServiceError as error:
            return LOST if error.code == "storage" else error.code, None


async def paced(batches: list[Append], random: Random) -> AsyncGenerator[Append, None]:
    """The batches, some of which come when earlier ones are durable already."""
    for batch in batches:
        await asyncio.sleep(random.choice([0, 0, 0, 0.01]))
        yield batch


def outcome_is_final(service: Service) -> bool:
    """Whether the journal takes nothing any more."""
    return service.failure is not None and not isinstance(service.failure, NoSpaceError)


async def survive(seed: int, faults: str, lives: int = 8) -> None:
    random = Random(seed)
    disk = simulated(seed)
    clock = FakeClock()
    clients = [Client(name) for name in CONFIGS]
    for _ in range(lives):
        await one_life(disk, random, clients, clock, faults)
        disk = disk.crash_process() if random.random() < 0.5 else disk.lose_power()
    service = await start(disk, clock, random)
    await service.ensure_basin(BASIN)
    for client in clients:
        await client.work(service, random, 10)
    await service.close()


async def start(disk: SimulatedDisk | FaultyDisk, clock: FakeClock, random: Random) -> Service:
    storage = stored(DATA, disk, segment_bytes=random.choice([300, 2000]))
    service = Service(storage, clock, deleting=random.choice([0.0, 0.001, 1.0, 1000.0]))
    await service.start()
    return service


async def one_life(disk: SimulatedDisk, random: Random, clients: list[Client], clock: FakeClock, faults: str) -> None:
    """Recovery and a while of work, and a death that may come at any moment of either."""
    disk.crash_after(random.choice([random.randrange(12), random.randrange(150)]))
    faulty = FaultyDisk(disk)
    try:
        service = await start(faulty, clock, random)
        await service.ensure_basin(BASIN)
    except (StorageError, ServiceError) as error:
        if "the process has crashed" not in str(error):
            raise
        return

    async def disturb() -> None:
        for _ in range(12):
            await asyncio.sleep(random.random())
            clock.now += random.choice([0, 300, 2000, 2000, -1500])
            if faults == "full disks":
                faulty.faults.room = random.choice([None, random.randrange(300)])
        faulty.faults.room = None

    await asyncio.gather(disturb(), *(client.work(service, Random(random.random()), 25) for client in clients))


def survive_all(seeds: range, faults: str) -> None:
    for seed in seeds:
        try:
            run(survive(seed, faults))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("faults", ["none", "full disks"])
def test_a_stream_is_what_its_client_was_told(faults: str) -> None:
    survive_all(range(15), faults)


@pytest.mark.slow
@pytest.mark.parametrize("faults", ["none", "full disks"])
def test_a_stream_is_always_what_its_client_was_told(faults: str) -> None:
    survive_all(range(15, 600), faults)
