"""How sessions end when a client leaves, stalls or dies, or the server stops; and what that costs others."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fencepost.harness.s2 import protobuf
from fencepost.harness.s2.frames import Message, Terminal

from .http2 import Http2, Stream, frame_of
from .processes import Connection, ServerProcess, wait_until

STREAM = "s"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "log", "--memory") as process:
        with Connection(process.port) as http:
            assert http.request("POST", "/v1/streams", {"stream": STREAM}).status == 201
        yield process
        assert "Traceback" not in process.log.read_text()


def until_stuck(client: Http2, session: Stream) -> int:
    """Send batches until the server takes no more, and return the number of bytes."""
    batches = frame_of(b"x" * 1000) * 16
    client.socket.settimeout(0.3)
    sent = 0
    try:
        while True:
            client.send(session, batches)
            sent += len(batches)
    except TimeoutError:
        return sent
    finally:
        client.socket.settimeout(20)


LEAVE: dict[str, Callable[[Http2, Stream], None]] = {
    "reset": lambda client, session: client.reset(session),
    "close": lambda client, session: client.close(),
    "abort": lambda client, session: client.abort(),
    "half-close": lambda client, session: client.socket.shutdown(socket.SHUT_WR),
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
def test_sessions_whose_clients_leave_end(
    server: ServerProcess, http: Connection, leave: Callable[[Http2, Stream], None]
) -> None:
    """Idle, half-closed, in the middle of a frame, following, or never read from."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Http2(server.port, window=window)) for window in (65_535, 65_535, 65_535, 0, 0)]
        sessions = [client.append_session(STREAM) for client in clients[:2]]
        sessions += [client.read_session(STREAM) for client in clients[2:4]]
        sessions += [clients[4].append_session(STREAM)]
        clients[1].send(sessions[1], frame_of(b"a") + frame_of(b"b")[:8])
        clients[1].until(lambda: len(sessions[1].frames) == 1)
        until_stuck(clients[4], sessions[4])
        wait_until(lambda: http.in_flight() == 5, "all are open")
        for client, session in zip(clients, sessions, strict=True):
            leave(client, session)
        wait_until(lambda: http.in_flight() == 0, "all have ended")


def test_a_client_that_does_not_read_its_acks_is_held_back(server: ServerProcess, http: Connection) -> None:
    """And so is one whose acks cannot leave for lack of a window. Nobody else is."""
    http.request("POST", "/v1/streams", {"stream": "other"})
    with ExitStack() as stack:
        before = server.resident()
        for _ in range(3):
            client = stack.enter_context(Http2(server.port, window=0))
            assert until_stuck(client, client.append_session(STREAM)) < 16 << 20
        assert server.resident() - before < 96
        assert http.append("other", "x").status == 200
        other = client.append_session("other")  # on the very connection
        client.send(other, frame_of(b"x"))
        wait_until(lambda: http.tail("other") == 2, "another session of this connection goes on")


def test_readers_that_do_not_read_cost_little(server: ServerProcess, http: Connection) -> None:
    for _ in range(12):
        assert http.append(STREAM, *["x" * 1000] * 1000).status == 200
    with Http2(server.port, window=0) as stalled, Http2(server.port) as client:
        before = server.resident()
        for _ in range(20):
            stalled.read_session(STREAM, "seq_num=0")
        wait_until(lambda: http.in_flight() == 20, "they are open")
        reading = client.read_session(STREAM, "seq_num=0&count=3000")
        client.until_end(reading)
        found = sum(
            len(protobuf.decode_batch(frame.body).records) for frame in reading.frames if isinstance(frame, Message)
        )
        assert found == 3000, "others read on"
        assert server.resident() - before < 130, "20 readers of 12 MB"


def test_a_stopping_server_advises_to_reconnect_and_ends_its_sessions(server: ServerProcess, http: Connection) -> None:
    http.append(STREAM, "a")
    with Http2(server.port) as client:
        reading, appending = client.read_session(STREAM, "seq_num=0"), client.append_session(STREAM)
        events = client.read_session(STREAM, "seq_num=0", {"accept": "text/event-stream"})
        client.send(appending, frame_of(b"b"))
        client.until(lambda: len(reading.frames) >= 3 and len(appending.frames) == 1)
        assert not any(frame.reconnect_advised for frame in reading.frames if isinstance(frame, Message))
        server.process.terminate()
        for session in (reading, appending, events):
            client.until_end(session)
            assert not session.was_reset
        for session in (reading, appending):
            last = session.frames[-1]
            assert isinstance(last, Terminal)
            assert (last.status, json.loads(last.body)["code"]) == (503, "server_draining")
        advice = reading.frames[-2]
        assert isinstance(advice, Message)
        assert advice.reconnect_advised
        heartbeat = protobuf.decode_batch(advice.body)
        assert heartbeat.records == ()
        assert heartbeat.tail is not None
        assert heartbeat.tail.seq_num == 2
        assert b"event: error\n" in events.content
        assert b"server_draining" in events.content
    assert server.process.wait(20) == 0
