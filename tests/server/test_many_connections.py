"""Many followers and many writers at once, each on a connection of its own, and readers among them that do not read."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fencepost.harness.s2 import protobuf
from fencepost.harness.s2.events import BatchEvent
from fencepost.harness.s2.frames import Message

from .http2 import Http2, Stream, frame_of
from .processes import BASIN, Connection, ServerProcess, records_of
from .reading import Reading

STREAM = "s"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "log", "--memory") as process:
        with Connection(process.port) as http:
            assert http.request("POST", "/v1/streams", {"stream": STREAM}).status == 201
        yield process
        assert "Traceback" not in process.log.read_text()


class SessionFollower:
    """A follower by a read session."""

    def __init__(self, server: ServerProcess) -> None:
        self.client = Http2(server.port)
        self.session = self.client.read_session(STREAM, "seq_num=0")
        self.client.until(lambda: bool(self.session.frames))

    def bodies(self, count: int) -> list[bytes]:
        """Read until there are so many records."""
        self.client.until(lambda: len(self._found()) >= count)
        return self._found()

    def close(self) -> None:
        self.client.close()

    def _found(self) -> list[bytes]:
        frames = [frame for frame in self.session.frames if isinstance(frame, Message)]
        return [record.body for frame in frames for record in protobuf.decode_batch(frame.body).records]


class EventFollower:
    """A follower by server-sent events."""

    def __init__(self, server: ServerProcess) -> None:
        self.reading = Reading(server.port, STREAM, "seq_num=0")
        self.reading.until(lambda: bool(self.reading.events))

    def bodies(self, count: int) -> list[bytes]:
        """Read until there are so many records."""
        self.reading.until(lambda: len(self._found()) >= count)
        return self._found()

    def close(self) -> None:
        self.reading.connection.close()

    def _found(self) -> list[bytes]:
        events = [event for event in self.reading.events if isinstance(event, BatchEvent)]
        return [record.body for event in events for record in event.batch.records]


def write(stack: ExitStack, server: ServerProcess, writers: int, batches: int) -> list[bytes]:
    """Append from many connections at once, half of them by sessions. Return the bodies in the order of their acks."""
    sessions: list[tuple[Http2, Stream]] = []
    for _ in range(writers // 2):
        client = stack.enter_context(Http2(server.port))
        sessions.append((client, client.append_session(STREAM)))
    unary = [stack.enter_context(Connection(server.port)) for _ in range(writers - len(sessions))]
    order: dict[int, bytes] = {}
    for number in range(batches):
        for writer, (client, session) in enumerate(sessions):
            client.send(session, frame_of(b"session %d: %d" % (writer, number)), end=number == batches - 1)
        for writer, connection in enumerate(unary):
            body = json.dumps({"records": [{"body": f"unary {writer}: {number}"}]}).encode()
            head = (
                f"POST {records_of(STREAM)} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ncontent-type: application/json"
            )
            connection.socket.sendall(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        for writer, connection in enumerate(unary):
            answer = connection.answer()
            assert answer.status == 200
            order[answer.json["start"]["seq_num"]] = b"unary %d: %d" % (writer, number)
    for writer, (client, session) in enumerate(sessions):
        client.until_end(session)
        acks = [protobuf.decode_ack(frame.body) for frame in session.frames if isinstance(frame, Message)]
        assert len(acks) == batches
        order |= {ack.start.seq_num: b"session %d: %d" % (writer, number) for number, ack in enumerate(acks)}
    assert sorted(order) == list(range(writers * batches)), "each is acknowledged once"
    return [order[seq_num] for seq_num in sorted(order)]


def many(server: ServerProcess, followers: int, writers: int, batches: int) -> None:
    """Every append is acknowledged, and every follower gets every record in order, beside readers that do not read."""
    with ExitStack() as stack:
        following: list[SessionFollower | EventFollower] = []
        for kind in (SessionFollower, EventFollower):
            for _ in range(followers // 2):
                following.append(kind(server))
                stack.callback(following[-1].close)
        for window in (0, 100):
            stack.enter_context(Http2(server.port, window=window)).read_session(STREAM, "seq_num=0")
        deaf = stack.enter_context(Connection(server.port))
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.socket.sendall(_events("seq_num=0"))
        bodies = write(stack, server, writers, batches)
        for follower in following:
            assert follower.bodies(len(bodies)) == bodies


def _events(query: str) -> bytes:
    head = f"GET {records_of(STREAM)}?{query} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\naccept: text/event-stream"
    return f"{head}\r\n\r\n".encode()


def test_many_followers_and_writers_at_once(server: ServerProcess) -> None:
    many(server, 40, 10, 10)


@pytest.mark.slow
def test_very_many_followers_and_writers_at_once(server: ServerProcess) -> None:
    many(server, 500, 50, 40)
    assert server.resident() < 400


def test_readers_of_events_that_do_not_read_cost_little(server: ServerProcess) -> None:
    with Connection(server.port) as http, ExitStack() as stack:
        for _ in range(20):
            assert http.append(STREAM, *["x" * 1000] * 1000).status == 200
        before = server.resident()
        for _ in range(20):
            deaf = stack.enter_context(Connection(server.port))
            deaf.socket.sendall(_events("seq_num=0"))
            deaf.socket.recv(1)
        reading = Reading(server.port, STREAM, "seq_num=0&count=20000")
        found = [event for event in reading.until_done() if isinstance(event, BatchEvent)]
        assert sum(len(event.batch.records) for event in found) == 20_000, "others read on"
        assert server.resident() - before < 150, "20 readers of 20 MB"


def test_connections_beyond_the_limit_wait(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "log", "--memory", "--max-connections", "3") as server, ExitStack() as stack:
        inside = [stack.enter_context(Connection(server.port)) for _ in range(3)]
        assert all(http.request("GET", "/health").status == 200 for http in inside)
        waiting = stack.enter_context(Connection(server.port, timeout=0.2))
        with pytest.raises(TimeoutError):
            waiting.request("GET", "/health")
        assert all(http.request("GET", "/health").status == 200 for http in inside)
        inside[0].close()
        waiting.socket.settimeout(20)
        assert waiting.answer().status == 200


# Before: once the clients had all of the files, the journal could not make its next segment, and stopped for good.
@pytest.mark.parametrize("limit", ["ulimit -n 150", "ulimit -Sn 150"], ids=["few files", "more on demand"])
def test_connections_leave_files_to_the_journal(tmp_path: Path, limit: str) -> None:
    under = ("sh", "-c", f'{limit} && exec "$@"', "sh")
    options = ("--data", str(tmp_path / "data"))
    with ServerProcess(tmp_path / "log", *options, under=under) as server, ExitStack() as stack:
        http = stack.enter_context(Connection(server.port))
        assert http.request("POST", "/v1/streams", {"stream": STREAM}).status == 201
        others = [stack.enter_context(Connection(server.port)) for _ in range(300)]
        if limit == "ulimit -Sn 150":
            assert all(other.request("GET", "/health").status == 200 for other in others)
        for _ in range(18):  # more than one segment
            assert http.append(STREAM, *["x" * 1000] * 1000).status == 200
        for other in others:
            other.close()
        with Connection(server.port) as later:
            assert later.request("GET", "/health").status == 200
