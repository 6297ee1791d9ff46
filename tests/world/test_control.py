"""The control channel: its messages, its two ends, and a real server at the other end of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import fencepost.harness.server as server_room
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Indefinite, Ok
from fencepost.harness.s2 import Ack, Append, Batch, Read, Record
from fencepost.harness.server.controls import Controls
from fencepost.harness.server.failpoints import FAILPOINTS, Failpoints
from fencepost.harness.targets.reference import ReferenceServer
from fencepost.harness.targets.target import Controllable, TargetFailure, TargetOptions
from fencepost.harness.world.clock import AdjustableClock, ScriptedClock
from fencepost.harness.world.control import ControlClient, ControlServer
from fencepost.harness.world.control_messages import (
    MAX_LINE,
    Action,
    Arm,
    Ask,
    ControlError,
    Count,
    Disarm,
    Done,
    Lines,
    Reached,
    Refused,
    SetClock,
    SetDisk,
    line,
)
from fencepost.harness.world.faulty_disk import DiskFaults
from fencepost.harness.world.memory_network import connected
from fencepost.harness.world.scripted_spawn import ScriptedChild, ScriptedSpawner
from fencepost.harness.world.spawn import Child, Spawner
from fencepost.harness.world.world import real_world
from fencepost.testing.control import CONTROL_CHECKS, ControlCheck
from tests.world.test_world import named

SECONDS = 20.0
COMMANDS = (
    SetClock(-5, 1.5),
    SetDisk(DiskFaults(room=7, delay=0.5)),
    Arm("journal.before-sync", Action.DELAY, 3, None, 0.25),
    Disarm("journal.before-sync"),
    Count(),
)


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_messages_survive_any_cut(cut: int) -> None:
    asked = [Ask(number, command) for number, command in enumerate(COMMANDS)]
    data = b"".join(map(line, asked))
    lines = Lines(Ask)
    assert [m for at in range(0, len(data), cut) for m in lines.feed(data[at : at + cut])] == asked


def test_events_and_answers_are_told_apart() -> None:
    told = [Done(1, {"a": 2}), Refused(2, "no"), Reached("a", 1)]
    assert Lines(Done | Refused | Reached).feed(b"".join(map(line, told))) == told  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"\n", b"{}\n", b'{"type":"ask","id":1,"command":{"type":"explode"}}\n', b"\xff\n"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ControlError):
        Lines(Ask).feed(data)


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ControlError, match="longer"):
        Lines(Ask).feed(b"x" * (MAX_LINE + 1))


@asynccontextmanager
async def channel() -> AsyncIterator[tuple[ControlClient, ControlServer, Controls, asyncio.Event]]:
    clock = ScriptedClock()
    controls = Controls(AdjustableClock(clock), DiskFaults(), Failpoints())
    ended = asyncio.Event()
    client, server = ControlClient(), ControlServer(controls.obey, ended.set)
    controls.failpoints.reached = server.reached
    connected(client, server)
    async with asyncio.timeout(SECONDS):
        yield client, server, controls, ended
        client.close()
        await ended.wait()


async def test_commands_are_carried_out() -> None:
    async with channel() as (client, _, controls, _):
        true = controls.clock.wall_ms()
        await client.set_clock(offset_ms=-1000)
        assert controls.clock.wall_ms() == true - 1000
        await client.set_clock()
        assert controls.clock.wall_ms() == true
        await client.set_disk(DiskFaults(room=5))
        assert controls.disk == DiskFaults(room=5)
        await client.set_disk()
        assert controls.disk == DiskFaults()


async def test_hits_are_counted_and_told() -> None:
    async with channel() as (client, _, controls, _):
        failpoints = controls.failpoints
        await client.arm("service.sequenced", Action.DELAY, skip=1, times=2)
        watching = asyncio.create_task(client.reached("service.sequenced"))
        await failpoints.hit("service.sequenced")
        assert await client.counts() == {"service.sequenced": 1}
        assert not watching.done()
        for _ in range(4):
            await failpoints.hit("service.sequenced")
        await watching
        assert await client.counts() == {"service.sequenced": 5}
        await client.disarm("service.sequenced")
        assert await client.counts() == {}
        assert not failpoints.armed


async def test_what_is_held_goes_on_when_it_is_disarmed_or_the_channel_ends() -> None:
    async with channel() as (client, _, controls, ended):
        failpoints = controls.failpoints
        await client.arm("service.sequenced", Action.HOLD)
        await client.arm("journal.before-sync", Action.HOLD)
        held = asyncio.create_task(failpoints.hit("service.sequenced"))
        blocked = asyncio.create_task(asyncio.to_thread(failpoints.pass_by, "journal.before-sync"))
        await client.reached("service.sequenced")
        await client.reached("journal.before-sync")
        assert not held.done()
        assert not blocked.done()
        await client.disarm("service.sequenced")
        await held
        client.close()
        await ended.wait()
        failpoints.disarm_all()
        await blocked


async def test_errors_come_from_where_they_were_asked_for() -> None:
    failpoints = Failpoints()
    failpoints.arm("service.before-append", Action.ERROR, times=1)
    failpoints.arm("journal.before-sync", Action.ERROR, times=1)
    with pytest.raises(Exception, match=r"service\.before-append is armed to fail"):
        await failpoints.hit("service.before-append")
    with pytest.raises(OSError, match=r"journal\.before-sync is armed to fail"):
        failpoints.pass_by("journal.before-sync")
    await failpoints.hit("service.before-append")
    failpoints.pass_by("journal.before-sync")


async def test_the_end_of_a_child_fails_what_was_asked_of_it() -> None:
    client = ControlClient()
    with pytest.raises(ControlError, match="not connected"):
        await client.set_clock()
    near, far = connected(client, asyncio.Protocol())
    asked = asyncio.create_task(client.set_clock())
    watching = asyncio.create_task(client.reached("service.sequenced"))
    await asyncio.sleep(0)
    far.close()
    for task in (asked, watching):
        with pytest.raises(ControlError, match="has ended"):
            await task
    with pytest.raises(ControlError, match="has ended"):
        await client.counts()
    assert near.is_closing()


async def test_bytes_that_are_no_message_end_the_channel() -> None:
    client = ControlClient()
    _, far = connected(client, asyncio.Protocol())
    asked = asyncio.create_task(client.set_clock())
    await asyncio.sleep(0)
    far.write(b"good morning\n")
    with pytest.raises(ControlError, match="not a message"):
        await asked
    ended = asyncio.Event()
    near, _ = connected(asyncio.Protocol(), ControlServer(lambda command: {}, ended.set))
    near.write(b"good morning\n")
    await asyncio.wait_for(ended.wait(), SECONDS)


def test_every_failpoint_is_hit_somewhere_and_every_hit_is_a_row() -> None:
    room = Path(server_room.__file__ or "").parent
    sources = "".join(path.read_text() for path in room.glob("*.py"))
    for name in FAILPOINTS:
        if not name.endswith("-sync"):  # those come from the disk: see the tests with a real server
            assert f'failpoints.hit("{name}")' in sources or f'failpoints.pass_by("{name}")' in sources, name
    hits = {part.split('"')[1] for part in sources.split("failpoints.hit(")[1:] if part.startswith('"')}
    assert hits <= FAILPOINTS.keys()


# -- with a server


async def serve(child: ScriptedChild) -> int:
    """A child that obeys."""
    ended = asyncio.Event()
    clock = AdjustableClock(ScriptedClock())
    server = ControlServer(Controls(clock, DiskFaults(), Failpoints()).obey, ended.set)
    child.control(lambda: server)
    await ended.wait()
    return 0


@pytest.mark.parametrize("check", CONTROL_CHECKS, ids=named)
@pytest.mark.parametrize("kind", ["real", "scripted"])
async def test_children_that_take_commands(kind: str, check: ControlCheck, tmp_path: Path) -> None:
    spawner: Spawner = real_world(0).spawn if kind == "real" else ScriptedSpawner({sys.executable: serve})

    async def start(control: ControlClient) -> Child:
        command = [sys.executable, "-m", "fencepost", "serve", "--port", "0", "--control"]
        return await spawner.spawn(command, log=tmp_path / "log", control=lambda: control)

    await check(start)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ReferenceServer]:
    target = ReferenceServer(TargetOptions(folder=tmp_path, run_id="run", world=real_world(0)))
    await target.set_up()
    yield target
    await target.tear_down()


@pytest.fixture
async def client(server: ReferenceServer) -> AsyncIterator[HttpStreamClient]:
    client = server.connect()
    yield client
    await client.aclose()


STREAM = "run-0"


async def append(client: HttpStreamClient, body: bytes = b"x") -> Ack:
    outcome = await client.perform(STREAM, Append((Record(body),)))
    assert isinstance(outcome, Ok), outcome
    return outcome.value


async def bodies(client: HttpStreamClient) -> list[bytes]:
    outcome = await client.perform(STREAM, Read(seq_num=0, clamp=True))
    assert isinstance(outcome, Ok), outcome
    assert isinstance(outcome.value, Batch)
    return [record.body for record in outcome.value.records]


async def test_the_clock_of_a_server_moves_the_timestamps_of_records(
    server: ReferenceServer, client: HttpStreamClient
) -> None:
    assert isinstance(server, Controllable)
    first = (await append(client)).start.timestamp
    await server.control().set_clock(offset_ms=3_600_000)
    ahead = (await append(client)).start.timestamp
    assert 3_600_000 <= ahead - first < 3_660_000
    await server.control().set_clock(offset_ms=-3_600_000)
    assert (await append(client)).start.timestamp == ahead, "timestamps never go back, whatever the clock does"


@pytest.mark.parametrize(
    ("failpoint", "kept"),
    [("journal.before-write", False), ("journal.before-sync", True), ("service.before-answer", True)],
)
async def test_a_server_crashes_where_it_is_told(
    server: ReferenceServer, client: HttpStreamClient, failpoint: str, kept: bool
) -> None:
    """What was written survives the process, synced or not: only a loss of power takes it."""
    await append(client, b"before")
    control = server.control()
    await control.arm(failpoint, Action.CRASH)
    assert isinstance(await client.perform(STREAM, Append((Record(b"last"),))), Indefinite)
    with pytest.raises(ControlError, match="has ended"):
        await control.reached(failpoint)
    with pytest.raises(TargetFailure, match=f"exit code -{signal.SIGKILL.value}"):
        await poll_until_ended(server)
    await server.restart()
    again = server.connect()
    assert await bodies(again) == [b"before", b"last"][: 2 if kept else 1]
    await again.aclose()


async def test_the_disk_of_a_server_is_full_and_has_room_again(
    server: ReferenceServer, client: HttpStreamClient
) -> None:
    await append(client, b"before")
    await server.control().set_disk(DiskFaults(room=0))
    refused = await client.perform(STREAM, Append((Record(b"too much"),)))
    assert not isinstance(refused, Ok)
    assert "No space left" in str(refused)
    assert await bodies(client) == [b"before"], "reads go on"
    await server.control().set_disk()
    await append(client, b"after")
    assert await bodies(client) == [b"before", b"after"]


async def test_a_sync_that_is_held_holds_the_answer(server: ReferenceServer, client: HttpStreamClient) -> None:
    await append(client, b"before")
    control = server.control()
    await control.arm("journal.before-sync", Action.HOLD)
    held = asyncio.create_task(append(client, b"held"))
    await control.reached("journal.before-sync")
    other = server.connect()
    assert await bodies(other) == [b"before"], "what is not durable is not shown"
    await other.aclose()
    await control.disarm("journal.before-sync")
    await held


async def test_an_append_is_held_between_its_durability_and_its_answer(
    server: ReferenceServer, client: HttpStreamClient
) -> None:
    control = server.control()
    await control.arm("service.before-answer", Action.HOLD)
    held = asyncio.create_task(append(client, b"held"))
    await control.reached("service.before-answer")
    other = server.connect()
    assert await bodies(other) == [b"held"], "it is durable, and to be read"
    await other.aclose()
    assert not held.done()
    await control.disarm("service.before-answer")
    await held
    assert await control.counts() == {}


async def poll_until_ended(server: ReferenceServer) -> None:
    """Ask for the channel until that is refused."""
    async with asyncio.timeout(SECONDS):
        while True:
            server.control()
            await asyncio.sleep(0.005)
