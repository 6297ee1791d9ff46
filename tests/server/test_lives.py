"""Streams that are created, deleted, made again, expire and vanish, on a server that crashes or loses power.

Every answer must agree with :mod:`.lives`, in this life of the server and in all later ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Any

import pytest

from fencepost.harness.s2 import Append, Batch, CheckTail, Read, Record
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import NoSpaceError, StorageError
from fencepost.harness.server.values import Retention, StreamConfig
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .lives import LOST, Name
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
        self.counter = 0

    async def work(self, service: Service, random: Random, steps: int) -> None:
        self.service = service
        try:
            for _ in range(steps):
                await asyncio.sleep(random.choice([0, 0, 0.001, 0.05, 0.5]))
                await self.step(random)
        except Crashed:
            pass

    async def step(self, random: Random) -> None:
        match random.choice(["append", "append", "trim", "create", "create", "delete", "read", "read", "tail"]):
            case "create":
                outcome, _ = await self.ask(self.service.create_stream(*self.at, self.config))
                self.known.created(outcome)
            case "delete":
                outcome, _ = await self.ask(self.service.delete_stream(*self.at))
                self.known.deleted(outcome)
            case "append":
                await self.append([Record(self.body()) for _ in range(random.randint(1, 3))])
            case "trim":
                await self.append([Record(self.body()), Record.trim(1 << 40)])
            case "tail":
                outcome, answer = await self.ask(self.service.perform(*self.at, CheckTail()))
                if outcome != LOST:
                    self.known.saw_tail(outcome, answer.tail.seq_num if outcome == "ok" else -1)
            case "read":
                await self.read()
        if outcome_is_final(self.service):
            raise Crashed

    def body(self) -> bytes:
        self.counter += 1
        return b"%s %d" % (self.at[1].encode(), self.counter)

    async def append(self, records: list[Record]) -> None:
        outcome, ack = await self.ask(self.service.perform(*self.at, Append(tuple(records))))
        start = ack.start.seq_num if outcome == "ok" else -1
        self.known.appended(tuple(record.body for record in records), outcome, start, trims=bool(records[-1].headers))

    async def read(self) -> None:
        outcome, answer = await self.ask(self.service.perform(*self.at, Read(seq_num=0)))
        if outcome == "416":
            self.known.saw_tail("ok", answer.seq_num)
        elif outcome != LOST:
            records = answer.records if isinstance(answer, Batch) else ()
            self.known.saw_records(outcome, [(record.seq_num, record.body) for record in records])

    async def ask(self, request: Awaitable[Any]) -> tuple[str, Any]:
        """``ok`` with the answer, 416 with the tail, the code of a refusal, or LOST."""
        try:
            return "ok", await request
        except StateMismatch as mismatch:
            return "416", mismatch.value
        except ServiceError as error:
            return LOST if error.code == "storage" else error.code, None


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
