"""Bytes on a real socket that are nearly HTTP, and clients that stall."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import h2.connection
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost.harness.s2 import Append, CheckTail, Record, protobuf
from fencepost.harness.server.app import App
from fencepost.harness.server.limits import Limits
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.serving import bind, serve
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock
from fencepost.harness.world.network import SystemNetwork
from tests.s2 import drawn
from tests.server.victim import PATH, STREAM, VALID, Victim, relentless

from .processes import BASIN, Connection, records_of


def _request(stream: str, batch: Any) -> bytes:
    body = json.dumps(batch, separators=(",", ":")).encode()
    head = (
        f"POST {records_of(stream)} HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


WHOLE = _request(STREAM, VALID)
UNCONDITIONAL = _request("changed", {"records": [{"body": "x"}]})


def _talk(port: int, data: bytes, *, finish: bool = True, patience: float = 20.0) -> bytes:
    """Send, with ``finish`` say that there is no more, read until the server has done. A reset counts as an end.

    To the server a client that finishes is one that has gone, and its answer may be lost.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        received = b""
        try:
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                received += more
        except OSError:
            pass
    return received


@relentless(150)
@given(cut=st.integers(0, len(WHOLE) - 1))
def test_a_request_cut_short_has_no_effect(victim: Victim, cut: int) -> None:
    received = _talk(victim.process.port, WHOLE[:cut])
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


@relentless(150)
@given(data=st.binary(max_size=300))
def test_any_bytes_on_the_socket_have_no_effect(victim: Victim, data: bytes) -> None:
    received = _talk(victim.process.port, data)
    assert not received.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5")), received
    victim.expect_untouched()


@pytest.fixture
def length(http: Connection) -> Iterator[Callable[[], int]]:
    """Makes a stream for the appends that get through; how many did."""
    assert http.request("PUT", "/v1/streams/changed").status == 201
    yield lambda: int(http.request("GET", records_of("changed") + "/tail").json["tail"]["seq_num"])
    assert http.request("DELETE", "/v1/streams/changed").status == 202


@relentless(200)
@given(place=st.integers(0, UNCONDITIONAL.index(b"\r\n\r\n") + 3), byte=st.integers(0, 255))
def test_a_changed_byte_in_the_head_gives_an_append_or_a_refusal(
    http: Connection, length: Callable[[], int], place: int, byte: int
) -> None:
    """Some bytes do not matter (the host's): then the record is there, and else nothing is."""
    before = length()
    request = bytearray(UNCONDITIONAL)
    request[place] = byte
    # The second request ends the connection. It may be swallowed by the first, as the rest of a longer body.
    request += b"GET /health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    received = _talk(http.socket.getpeername()[1], bytes(request), finish=False, patience=1.0)
    applied = received[8:13] == b" 200 "  # HTTP/1.0 is taken, too
    assert length() - before == applied, received
    if not applied:
        assert not received or 400 <= int(received.split()[1]) < 500, received


@pytest.mark.parametrize("lie", [-1, -5, 1, 100])
def test_a_content_length_that_lies_has_no_effect(victim: Victim, lie: int) -> None:
    request = WHOLE
    body = request.partition(b"\r\n\r\n")[2]
    request = request.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) + lie))
    received = _talk(victim.process.port, request)
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


@pytest.mark.parametrize("end", [b"", b"0", b"0\r\n", b"5\r\nx", b"zz\r\n\r\n", b"-1\r\n\r\n"])
def test_chunks_that_do_not_end_have_no_effect(victim: Victim, end: bytes) -> None:
    """The JSON in the first chunk is whole; the body is not."""
    head, _, body = WHOLE.partition(b"\r\n\r\n")
    head = head[: head.index(b"content-length")] + b"transfer-encoding: chunked\r\n\r\n"
    received = _talk(victim.process.port, head + b"%x\r\n%s\r\n" % (len(body), body) + end)
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "identity, Chunked", "xchunked", "gzip"])
def test_a_body_in_another_transfer_coding_is_refused(victim: Victim, coding: str) -> None:
    head, _, body = UNCONDITIONAL.replace(b"changed", STREAM.encode()).partition(b"\r\n\r\n")
    head = head[: head.index(b"content-length")] + b"transfer-encoding: %b\r\n\r\n" % coding.encode()
    received = _talk(victim.process.port, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), finish=False)
    assert received.startswith(b"HTTP/1.1 400 "), received
    victim.expect_untouched()


# ---------------------------------------------------------------- HTTP/2


def _http2() -> bytes:
    """An append that is refused, whatever is made of its records."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    head = {":method": "POST", ":path": PATH, ":scheme": "http", ":authority": "test", "s2-basin": BASIN}
    client.send_headers(1, list((head | {"content-type": "application/protobuf"}).items()))
    client.send_data(
        1, protobuf.encode_append(Append((Record(b"x" * 20),), fencing_token="no such token")), end_stream=True
    )
    return client.data_to_send()


@relentless(80)
@given(data=drawn.damaged(_http2()))
def test_http2_with_changed_bytes_has_no_effect(victim: Victim, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", victim.process.port), timeout=0.02) as connection, suppress(OSError):
        connection.sendall(data)
        while connection.recv(1 << 16):  # to the end, or until nothing more comes
            pass
    victim.expect_untouched()


# ---------------------------------------------------------------- clients that stall


async def test_clients_that_stall_are_shown_the_door() -> None:
    """One stops in its body, one in its head, one after its answer. Others are served meanwhile."""
    service = Service(MemoryStorage(), SystemClock().wall_ms)
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, STREAM)
    network = SystemNetwork()
    listener = bind(network, "127.0.0.1", 0)
    port = listener.address[1]
    stop, ready = asyncio.Event(), asyncio.Event()
    limits = Limits(body_seconds=0.3, idle_seconds=1.0)
    app = App(service, Metrics(), SystemClock(), limits=limits)
    serving = asyncio.create_task(
        serve(app, listener, network, ready=lambda _: ready.set(), stop=stop, drain=service.drain, limits=limits)
    )
    async with asyncio.timeout(20):
        await ready.wait()
        request = WHOLE
        in_body = await _stalling(port, request[:-1])
        in_head = await _stalling(port, request[:30])
        idle = await _stalling(port, f"GET {PATH}/tail HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\n\r\n".encode())
        assert in_body.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in in_body
        assert in_head == b""
        assert idle.startswith(b"HTTP/1.1 200 ")
        assert (await service.perform(BASIN, STREAM, CheckTail())).tail.seq_num == 0
        stop.set()
        assert await serving, "a connection was left behind"
        await service.close()


async def _stalling(port: int, data: bytes) -> bytes:
    """Send this and no more, and keep the connection open until the server ends it; what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    received = await reader.read()
    writer.close()
    return received
