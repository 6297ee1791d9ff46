"""Conformance suite for networks, real or simulated: the checks of :data:`NETWORK_CHECKS`.

With pytest:

    @pytest.mark.parametrize("check", NETWORK_CHECKS, ids=lambda check: check.__name__)
    async def test_my_network(check):
        await check(MyNetwork(), reset=my_reset)
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, cast

from fencepost.harness.world.network import Network

HOST: Final = "127.0.0.1"

_SECONDS: Final = 10.0
"""Seconds within which everything that a check waits for must happen."""

_BIG: Final = bytes(range(256)) * (1 << 15)
"""8 MB, which is more than any buffer on the way holds."""


class Peer(asyncio.Protocol):
    """One end of a connection, which logs its events. ``half_open`` keeps it open after the other end has ended."""

    def __init__(self, half_open: bool = False) -> None:
        self.transport: asyncio.Transport
        self.received = bytearray()
        self.happened: list[str] = []
        self.error: Exception | None = None
        self._half_open = half_open
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self.transport = cast("asyncio.Transport", transport)
        self._note("made")

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self.received += data
        self._note("data")

    def eof_received(self) -> bool:
        """See asyncio."""
        self._note("end")
        return self._half_open

    def pause_writing(self) -> None:
        """See asyncio."""
        self._note("pause")

    def resume_writing(self) -> None:
        """See asyncio."""
        self._note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.error = exc
        self._note("lost")

    def _note(self, what: str) -> None:
        self.happened.append(what)
        self._news.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Return once an event has made the condition true. Raise TimeoutError if that takes too long."""
        async with asyncio.timeout(_SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def has(self, *what: str) -> None:
        """Return once all of these events have happened."""
        await self.until(lambda: set(what) <= set(self.happened))


Reset = Callable[[asyncio.Transport], None]
"""A function that breaks a connection as a RST does, from the end of the given transport."""


class NetworkCheck(Protocol):
    """A check of a network."""

    __name__: str

    def __call__(self, network: Network, reset: Reset) -> Awaitable[None]:
        """Raise AssertionError if the network fails the check."""


def reset_socket(transport: asyncio.Transport) -> None:
    """Break a connection of the real network as a RST does."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@asynccontextmanager
async def _connected(network: Network, **far: bool) -> AsyncIterator[tuple[Peer, Peer]]:
    """Yield the two ends of a new connection, the connecting end first. Close both after the block."""
    accepted: list[Peer] = []

    def accept() -> Peer:
        accepted.append(Peer(**far))
        return accepted[-1]

    listener = network.bind(HOST, 0)
    await listener.serve(accept)
    try:
        _, near = await network.connect(Peer, *listener.address)
        await _polled(lambda: accepted and accepted[0].happened)
        yield near, accepted[0]
        for end in (near, accepted[0]):
            end.transport.abort()
            await end.has("lost")
    finally:
        listener.close()


async def _polled(condition: Callable[[], Any]) -> None:
    """Return once the condition is true. It is polled, because no event says so."""
    async with asyncio.timeout(_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def _bytes_go_both_ways_in_order(network: Network, reset: Reset) -> None:
    async with _connected(network) as (near, far):
        for number in range(100):
            near.transport.write(b"%d," % number)
            far.transport.writelines([b"%d" % number, b";"])
        await far.until(lambda: far.received == b"".join(b"%d," % n for n in range(100)))
        await near.until(lambda: near.received == b"".join(b"%d;" % n for n in range(100)))
        assert near.happened[0] == far.happened[0] == "made"
        assert near.transport.get_extra_info("peername")[1] == far.transport.get_extra_info("sockname")[1]


async def _nobody_is_where_nobody_serves(network: Network, reset: Reset) -> None:
    listener = network.bind(HOST, 0)
    address = listener.address
    await _is_refused(network, address)
    far = Peer()
    await listener.serve(lambda: far)
    _, near = await network.connect(Peer, *address)
    await far.has("made")
    listener.close()
    listener.close()
    await _is_refused(network, address)
    assert not near.transport.is_closing(), "an open connection must stay open"
    near.transport.abort()
    await near.has("lost")
    await far.has("lost")


async def _is_refused(network: Network, address: tuple[str, int]) -> None:
    try:
        await network.connect(Peer, *address)
    except ConnectionRefusedError:
        return
    raise AssertionError("a connection was made to an address that nobody serves")


async def _an_address_is_taken_once(network: Network, reset: Reset) -> None:
    one, other = network.bind(HOST, 0), network.bind(HOST, 0)
    assert one.address[1] != other.address[1]
    assert 0 not in (one.address[1], other.address[1])
    await one.serve(Peer)
    for address in (one.address, ("198.51.100.1", 0)):
        try:
            network.bind(*address)
        except OSError:
            continue
        raise AssertionError(f"{address} could be bound")
    address = one.address
    one.close()
    network.bind(*address).close()
    other.close()


async def _what_was_written_arrives_before_the_end(network: Network, reset: Reset) -> None:
    async with _connected(network) as (near, far):
        near.transport.write(b"last words")
        near.transport.close()
        assert near.transport.is_closing()
        near.transport.write(b"too late")
        await near.has("lost")
        await far.has("lost")
        assert far.received == b"last words"
        assert [what for what in far.happened if what != "data"] == ["made", "end", "lost"]
        assert near.happened == ["made", "lost"]
        assert near.error is None
        assert far.error is None


async def _half_a_connection_can_end(network: Network, reset: Reset) -> None:
    async with _connected(network, half_open=True) as (near, far):
        near.transport.write(b"a question")
        assert near.transport.can_write_eof()
        near.transport.write_eof()
        await far.has("end")
        assert "lost" not in near.happened
        far.transport.write(b"an answer")
        far.transport.close()
        await near.has("lost")
        assert near.received == b"an answer"


async def _a_reset_is_an_error_at_the_other_end(network: Network, reset: Reset) -> None:
    async with _connected(network) as (near, far):
        reset(far.transport)
        await near.has("lost")
        await far.has("lost")
        assert isinstance(near.error, ConnectionResetError)
        assert "end" not in near.happened


async def _a_slow_reader_holds_the_writer_back(network: Network, reset: Reset) -> None:
    async with _connected(network) as (near, far):
        far.transport.pause_reading()
        assert not far.transport.is_reading()
        near.transport.write(_BIG)
        await near.has("pause")
        assert near.transport.get_write_buffer_size() > 0
        for _ in range(10):
            await asyncio.sleep(0)
        assert not far.received
        far.transport.resume_reading()
        await near.has("resume")
        await far.until(lambda: len(far.received) == len(_BIG))
        assert far.received == _BIG


async def _an_end_is_readable_before_it_is_delivered(network: Network, reset: Reset) -> None:
    for ending in (asyncio.Transport.close, reset, None):
        async with _connected(network) as (near, far):
            readable = network.readable(near.transport)
            assert not readable()
            near.transport.pause_reading()
            if ending is asyncio.Transport.close:
                far.transport.close()
            elif ending is None:
                far.transport.write(b"unasked")
            else:
                ending(far.transport)
            await _polled(readable)
            assert near.happened == ["made"]


async def _aborting_ends_it_once(network: Network, reset: Reset) -> None:
    async with _connected(network) as (near, far):
        near.transport.abort()
        near.transport.abort()
        near.transport.close()
        await far.has("lost")
        await near.has("lost")
        assert near.happened == ["made", "lost"]
        assert near.error is None


NETWORK_CHECKS: Final[tuple[NetworkCheck, ...]] = (
    _bytes_go_both_ways_in_order,
    _nobody_is_where_nobody_serves,
    _an_address_is_taken_once,
    _what_was_written_arrives_before_the_end,
    _half_a_connection_can_end,
    _a_reset_is_an_error_at_the_other_end,
    _a_slow_reader_holds_the_writer_back,
    _an_end_is_readable_before_it_is_delivered,
    _aborting_ends_it_once,
)
