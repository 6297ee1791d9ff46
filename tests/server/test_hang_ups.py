"""A client that goes away while its read waits leaves nothing behind on the server."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import h2.config
import h2.connection
import pytest

from .processes import BASIN, Connection, ServerProcess, records_of, wait_until

CLIENTS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("hang-ups") / "log", "--memory") as process:
        with Connection(process.port) as connection:
            assert connection.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        yield process
        log = Path(process.log).read_text()
        assert "Traceback" not in log, log


def in_flight(connection: Connection) -> int:
    """Requests that are being handled, besides the one that asks."""
    text = connection.request("GET", "/metrics").body.decode()
    found = re.search(r"^fencepost_requests_in_flight (\S+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1])) - 1


PATH = f"{records_of('s')}?seq_num=0&wait=60"


def over_http1(sock: socket.socket) -> Callable[[], None]:
    """Send a read that waits; what hangs up on it."""
    sock.sendall(f"GET {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\n\r\n".encode())
    return sock.close


def over_http2(sock: socket.socket) -> Callable[[], None]:
    """Likewise, with a stream that is reset while its connection stays."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    head = {":method": "GET", ":path": PATH, ":scheme": "http", ":authority": "a", "s2-basin": BASIN}
    connection.send_headers(1, list(head.items()), end_stream=True)
    sock.sendall(connection.data_to_send())

    def reset() -> None:
        connection.reset_stream(1, error_code=8)
        sock.sendall(connection.data_to_send())

    return reset


# Before: every one of them stayed until its 60 seconds were over.
@pytest.mark.parametrize("send", [over_http1, over_http2])
def test_reads_that_wait_end_when_their_clients_hang_up(
    server: ServerProcess, send: Callable[[socket.socket], Callable[[], None]]
) -> None:
    with Connection(server.port) as observer, ExitStack() as sockets:
        clients = [sockets.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(CLIENTS)]
        hang_ups = [send(client) for client in clients]
        wait_until(lambda: in_flight(observer) == CLIENTS, "all reads wait")
        for hang_up in hang_ups:
            hang_up()
        wait_until(lambda: in_flight(observer) == 0, "no read waits any more")


def test_a_read_that_waited_is_answered_and_its_connection_goes_on(server: ServerProcess) -> None:
    with Connection(server.port) as reader, Connection(server.port) as writer:
        for number in range(3):
            tail = writer.request("GET", f"{records_of('s')}/tail").json["tail"]["seq_num"]
            path = f"{records_of('s')}?seq_num={tail}&wait=60"
            reader.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\n\r\n".encode())
            wait_until(lambda: in_flight(writer) == 1, "the read waits")
            assert writer.append("s", f"record {number}").status == 200
            answer = reader.answer()
            assert (answer.status, answer.json["records"][0]["body"]) == (200, f"record {number}")
        assert reader.request("GET", f"{records_of('s')}/tail").status == 200
