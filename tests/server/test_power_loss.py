"""Crashes and losses of power at random moments: nothing that was shown is taken back, and what was acknowledged stays.

The server runs on a simulated disk. Its clients note every position that any answer showed: acknowledgements, reads,
tails, and the tails and tokens of refusals. After every recovery all of that must still hold, and what the recovered
server shows is noted in turn.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest

from fencepost.harness.s2 import Append, CheckTail, Read, Record
from fencepost.harness.server.encryption import EncryptionKey
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import NoSpaceError, StorageError
from fencepost.harness.server.values import BasinConfig, Cipher
from fencepost.harness.world.disk import Disk
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .services import AT, FakeClock, fence, one
from .storages import DATA, simulated, stored

KEY = EncryptionKey("A" * 43 + "=")  # a stream without a cipher ignores it


@dataclass
class Shown:
    """What clients have been shown of one stream. ``next`` numbers bodies."""

    tail: int = 0
    bodies: dict[int, bytes] = field(default_factory=dict)  # by seq_num
    tokens: set[str] = field(default_factory=lambda: {""})  # every token that a fence was sent with
    next: int = 0

    def body(self) -> bytes:
        self.next += 1
        return b"body %d" % self.next

    def record(self, seq_num: int, body: bytes) -> None:
        assert self.bodies.setdefault(seq_num, body) == body, f"seq_num {seq_num} was shown with another body"
        self.tail = max(self.tail, seq_num + 1)

    def refusal(self, failed: StateMismatch) -> None:
        if isinstance(failed.value, int):
            self.tail = max(self.tail, failed.value)
        else:
            assert failed.value in self.tokens


async def start(disk: Disk, segment_bytes: int = 2000) -> Service:
    service = Service(stored(DATA, disk, segment_bytes), FakeClock())
    await service.start()
    return service


async def client(service: Service, shown: Shown, random: Random, steps: int) -> None:
    """Ask for this and that until the server fails."""
    for _ in range(steps):
        try:
            match random.choice(["append", "append", "append", "match", "fence", "token", "read", "tail"]):
                case "append":
                    bodies = [shown.body() for _ in range(random.randint(1, 4))]
                    ack = await service.perform(*AT, Append(tuple(Record(body) for body in bodies)), key=KEY)
                    for at, body in enumerate(bodies):
                        shown.record(ack.start.seq_num + at, body)
                case "match":
                    body = shown.body()
                    ack = await service.perform(*AT, one(body, match_seq_num=shown.tail), key=KEY)
                    shown.record(ack.start.seq_num, body)
                case "fence":
                    token = f"t{random.randrange(1000)}"
                    shown.tokens.add(token)
                    ack = await service.perform(*AT, fence(token), key=KEY)
                    shown.record(ack.start.seq_num, token.encode())
                case "token":
                    await service.perform(*AT, one(fencing_token="no such token"), key=KEY)
                case "read":
                    await read(service, shown, random.randint(0, shown.tail))
                case "tail":
                    shown.tail = max(shown.tail, (await service.perform(*AT, CheckTail(), key=KEY)).tail.seq_num)
        except StateMismatch as failed:
            shown.refusal(failed)
        except ServiceError as error:
            if error.code != "storage":
                raise
            if not isinstance(service.failure, NoSpaceError):
                return


async def read(service: Service, shown: Shown, start: int) -> None:
    try:
        batch = await service.perform(*AT, Read(seq_num=start), key=KEY)
    except StateMismatch as beyond:
        shown.tail = max(shown.tail, beyond.value.seq_num)
        return
    for record in batch.records:
        shown.record(record.seq_num, record.body)


async def check(service: Service, shown: Shown) -> None:
    """Everything that was shown is still there; look at all of it, so that it counts as shown from now on."""
    tail = (await service.perform(*AT, CheckTail(), key=KEY)).tail.seq_num
    assert tail >= shown.tail, f"the tail was shown as {shown.tail} and is {tail}"
    for start in range(0, tail, 500):
        await read(service, shown, start)
    assert sorted(shown.bodies) == list(range(tail))
    fences = [body.decode() for _, body in sorted(shown.bodies.items()) if body.startswith(b"t")]
    with pytest.raises(StateMismatch) as failed:
        await service.perform(*AT, one(fencing_token="no such token"), key=KEY)
    assert failed.value.value == ["", *fences][-1]


async def survive(seed: int, faults: str, cipher: Cipher | None, lives: int = 10) -> None:
    random = Random(seed)
    disk = simulated(seed)
    shown = Shown()
    config = BasinConfig(stream_cipher=cipher)
    for _ in range(lives):
        await one_life(disk, random, shown, faults, config)
        disk = disk.crash_process() if random.random() < 0.5 else disk.lose_power()
    service = await start(disk)
    await service.ensure_basin(AT[0], config)
    await service.ensure_stream(*AT)
    await check(service, shown)
    await service.close()


async def one_life(disk: SimulatedDisk, random: Random, shown: Shown, faults: str, config: BasinConfig) -> None:
    """Recovery and a while of work (or only a look), and a death that may come at any moment of either."""
    disk.crash_after(random.choice([random.randrange(12), random.randrange(150)]))
    faulty = FaultyDisk(disk)
    try:
        service = await start(faulty, segment_bytes=random.choice([300, 2000]))
        await service.ensure_basin(AT[0], config)
        await service.ensure_stream(*AT)
        await check(service, shown)
    except (StorageError, ServiceError) as error:
        if "the process has crashed" not in str(error):
            raise
        return

    async def strike() -> None:
        for _ in range(random.randrange(60)):
            await asyncio.sleep(0)
        faulty.faults.sync_error = faults == "failed syncs"
        for _ in range(12 if faults == "full disks" else 0):
            faulty.faults.room = random.choice([None, random.randrange(300)])
            for _ in range(random.randrange(10)):
                await asyncio.sleep(0)

    if random.random() < 0.7:
        await asyncio.gather(strike(), *(client(service, shown, Random(random.random()), 15) for _ in range(4)))


async def survive_all(seeds: range, faults: str, cipher: Cipher | None = None) -> None:
    for seed in seeds:
        try:
            await survive(seed, faults, cipher)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("faults", ["none", "failed syncs", "full disks"])
async def test_nothing_that_was_shown_is_taken_back(faults: str) -> None:
    """Failed before: recovery showed the last frame without a sync, and a loss of power took it back."""
    await survive_all(range(40), faults)


@pytest.mark.slow
@pytest.mark.parametrize("faults", ["none", "failed syncs", "full disks"])
async def test_nothing_that_was_shown_is_ever_taken_back(faults: str) -> None:
    await survive_all(range(40, 1000), faults)
