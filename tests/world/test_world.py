"""The real parts of the world and their doubles pass the same suites."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest
import uvloop

from fencepost.harness.world.clock import AdjustableClock, ScriptedClock, SystemClock
from fencepost.harness.world.memory_network import MemoryNetwork, MemoryTransport
from fencepost.harness.world.network import SystemNetwork
from fencepost.harness.world.randomness import SeededRandomness, SystemRandomness
from fencepost.testing.network import HOST, NETWORK_CHECKS, NetworkCheck, Peer, reset_socket
from fencepost.testing.world import CLOCK_CHECKS, RANDOMNESS_CHECKS, ClockCheck, RandomnessCheck


def named(check: object) -> str:
    return getattr(check, "__name__", "").strip("_")


@pytest.mark.parametrize("check", CLOCK_CHECKS, ids=named)
@pytest.mark.parametrize("kind", ["system", "scripted", "adjusted"])
def test_clocks(kind: str, check: ClockCheck) -> None:
    if kind == "system":
        check(SystemClock(), time.sleep)
        return
    clock = ScriptedClock()
    adjusted = AdjustableClock(clock)
    adjusted.adjust(offset_ms=5, rate=1.5)
    check(clock if kind == "scripted" else adjusted, clock.advance)


def test_a_scripted_clock_stands_still_and_cannot_go_back() -> None:
    clock = ScriptedClock(wall_ms=1000)
    assert (clock.wall_ms(), clock.monotonic_ns()) == (1000, 0)
    clock.advance(0.0015)
    assert (clock.wall_ms(), clock.monotonic_ns()) == (1001, 1_500_000)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        AdjustableClock(ScriptedClock()).adjust(rate=rate)


@pytest.mark.parametrize("check", RANDOMNESS_CHECKS, ids=named)
@pytest.mark.parametrize("make", [SystemRandomness, SeededRandomness])
def test_randomness(make: type[SeededRandomness], check: RandomnessCheck) -> None:
    check(make)


def test_a_stream_is_the_same_in_every_process() -> None:
    """Python's own hash of a text is not: a seed that went through it repeated nothing."""
    code = (
        "from fencepost.harness.world.randomness import SystemRandomness as R; print(R(1).stream('a').getrandbits(64))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


def test_only_seeded_randomness_repeats_its_fresh_bytes() -> None:
    assert SeededRandomness(7).fresh(8) == SeededRandomness(7).fresh(8) != SeededRandomness(8).fresh(8)
    assert SystemRandomness(7).fresh(8) != SystemRandomness(7).fresh(8)


@pytest.mark.parametrize("check", NETWORK_CHECKS, ids=named)
async def test_the_real_network(check: NetworkCheck) -> None:
    await check(SystemNetwork(), reset=reset_socket)


@pytest.mark.parametrize("check", NETWORK_CHECKS, ids=named)
def test_the_real_network_on_uvloop(check: NetworkCheck) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check(SystemNetwork(), reset=reset_socket))  # type: ignore[arg-type]


def broken(transport: asyncio.Transport) -> None:
    assert isinstance(transport, MemoryTransport)
    transport.reset()


@pytest.mark.parametrize("check", NETWORK_CHECKS, ids=named)
@pytest.mark.parametrize("delay", [0.0, 0.002])
async def test_the_network_in_memory(check: NetworkCheck, delay: float) -> None:
    await check(MemoryNetwork(delay), reset=broken)


async def served(network: MemoryNetwork) -> tuple[Peer, Peer]:
    accepted: list[Peer] = []
    listener = network.bind(HOST, 0)
    await listener.serve(lambda: accepted.append(Peer()) or accepted[-1])
    _, near = await network.connect(Peer, *listener.address)
    return near, accepted[0]


async def test_a_network_in_memory_can_refuse() -> None:
    network = MemoryNetwork()
    near, far = await served(network)
    network.refusing = True
    with pytest.raises(ConnectionRefusedError):
        await network.connect(Peer, *near.transport.get_extra_info("peername"))
    near.transport.write(b"what stands goes on")
    await far.has("data")
    network.refusing = False
    await network.connect(Peer, *near.transport.get_extra_info("peername"))


async def test_a_network_in_memory_can_break_every_connection() -> None:
    network = MemoryNetwork()
    pairs = [await served(network) for _ in range(3)]
    pairs[0][0].transport.write(b"lost on the way")
    network.reset()
    for near, far in pairs:
        await near.has("lost")
        await far.has("lost")
        assert not far.received
        assert {type(near.error), type(far.error)} == {ConnectionResetError}


async def test_a_shorter_delay_lets_nothing_overtake() -> None:
    network = MemoryNetwork(0.02)
    near, far = await served(network)
    loop = asyncio.get_running_loop()
    began = loop.time()
    near.transport.write(b"first ")
    network.delay = 0.0
    near.transport.write(b"second")
    await far.until(lambda: far.received == b"first second")
    assert loop.time() - began >= 0.02


async def test_what_is_written_to_a_closed_end_comes_back_as_a_reset() -> None:
    near, far = await served(MemoryNetwork())
    far.transport.close()
    near.transport.write(b"is anybody there?")
    await near.has("lost")
    assert near.error is None or isinstance(near.error, ConnectionResetError)
