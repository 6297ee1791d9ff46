"""Every two seeded bugs combine: the server starts, serves, starts again, and the code of both has run.

One bug may hide what the other does, but not keep it from being done. So lines are watched here: each line of both bugs
must have run in a scenario that has work for every bug.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from itertools import combinations
from random import Random
from types import CodeType, FrameType
from typing import Any

import pytest

from fencepost.harness.s2 import Append, CheckTail, Read, Record
from fencepost.harness.server.bugs import BUGS, Bug
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.rules import StorageRules
from fencepost.harness.server.service import Service
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .services import FakeClock
from .storages import DATA, simulated, stored
from .virtual_time import run

AT = ("basin-one", "s")
PAIRS = list(combinations(sorted(BUGS), 2))


def lines_of(bug: Bug) -> set[tuple[CodeType, int]]:
    """Every line of every method of the bug, those of comprehensions too."""
    codes = [method.__code__ for method in vars(bug.rules).values() if hasattr(method, "__code__")]
    for code in codes:
        codes += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    return {(code, line) for code in codes for _, _, line in code.co_lines() if line and line > code.co_firstlineno}


@contextmanager
def watching(codes: set[CodeType], ran: set[tuple[CodeType, int]]) -> Iterator[None]:
    """Note the lines that run."""

    def line(frame: FrameType, event: str, _: Any) -> Any:
        ran.add((frame.f_code, frame.f_lineno))
        return line

    before = sys.gettrace()
    sys.settrace(lambda frame, event, _: line if frame.f_code in codes else None)
    try:
        yield
    finally:
        sys.settrace(before)


class Shed(Exception):
    """A refusal that only a seeded bug makes up."""


async def serve(disk: SimulatedDisk, bugs: tuple[str, ...], work: int) -> Service:
    """One life of a server, with something to do for every bug."""
    clock = FakeClock()
    service = Service(stored(DATA, disk), clock, bugs)
    await service.start()
    await service.ensure_basin(AT[0])
    await service.ensure_stream(*AT)
    await service.ensure_stream(AT[0], "t")

    async def put(*records: Record, **conditions: Any) -> None:
        with suppress(StateMismatch, Shed):
            try:
                await service.perform(*AT, Append(records, **conditions))
            except ServiceError as error:
                raise (Shed if error.code == "hot_server" else error) from error

    async def append(*bodies: bytes, **conditions: Any) -> None:
        await put(*(Record(body, ((b"a", b"1"), (b"b", b"2"))) for body in bodies), **conditions)

    async def look() -> int:
        with suppress(StateMismatch):
            await service.perform(*AT, Read(seq_num=0))
        return (await service.perform(*AT, CheckTail())).tail.seq_num

    async def pipelined() -> None:
        async def batches() -> AsyncGenerator[Append, None]:
            for match in (*[None] * 6, 10**9, None, None):
                yield Append((Record(b"p"),), match_seq_num=match)

        with suppress(StateMismatch, ServiceError):
            async for _ in (await service.append_session(*AT)).acks(batches()):
                pass

    async def follow(tail: int) -> None:
        with suppress(StateMismatch):
            async for _ in await service.read_session(*AT, Read(seq_num=tail - 3, count=2)):
                pass

    for number in range(work):
        clock.now += 300
        await asyncio.sleep(0.3)
        await append(b"x", b"y")
        if number % 5 == 0:
            await put(Record.fence(f"token {number}"))
            for token in ("", "tok", "other", f"token {number}"):
                await append(b"t", fencing_token=token)
            await put(Record.fence("own"), fencing_token="own")
            tail = await look()
            await asyncio.gather(*(append(b"m", match_seq_num=tail) for _ in range(2)))
            for distance in (-1, 0, 1, 7):
                await append(b"n", match_seq_num=max(0, await look() + distance))
            await put(Record.trim(await look() - 1))
            await pipelined()
            with suppress(ServiceError):  # a bug may refuse it
                await service.perform(AT[0], "t", Append((Record(b"elsewhere"),)))
            await follow(await look())
    assert service.failure is None
    return service


async def live(bugs: tuple[str, ...]) -> None:
    disk = simulated(1)
    service = await serve(disk, bugs, work=60)
    await service.close()
    again = await serve(disk, bugs, work=1)
    await again.close()


def check_pair(pair: tuple[str, ...]) -> None:
    rows = [BUGS[name] for name in pair]
    wanted = {name: lines_of(row) for name, row in zip(pair, rows, strict=True)}
    ran: set[tuple[CodeType, int]] = set()
    with watching({code for lines in wanted.values() for code, _ in lines}, ran):
        run(live(pair))
    for name, lines in wanted.items():
        missed = sorted(f"{code.co_qualname}:{line}" for code, line in lines - ran)
        assert not missed, f"{pair}: lines of {name} that did not run: {missed}"


def test_both_bugs_of_some_pairs_run() -> None:
    """Failed before: of some pairs one bug replaced what the other would have done. Here each bug is in one pair."""
    names = sorted(BUGS)
    Random(1).shuffle(names)
    for pair in zip(names[::2], [*names[1::2], names[0]], strict=False):
        check_pair(pair)


@pytest.mark.slow
def test_both_bugs_of_every_pair_run() -> None:
    for pair in PAIRS:
        check_pair(pair)


def test_a_bug_without_lines_is_one_whose_attributes_are_wrong() -> None:
    without = [name for name, row in BUGS.items() if not lines_of(row)]
    assert without == ["ack-before-durable"]
    for name in without:
        wrong = {key for key in vars(BUGS[name].rules) if key in vars(StorageRules) and not key.startswith("__")}
        assert wrong == {"acknowledge_when_submitted", "hold_back"}
