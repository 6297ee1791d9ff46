"""The basin of a request that has no ``s2-basin``: the first label of its host, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import h2.connection
import h2.events
import pytest

from fencepost.harness.server.names import basin_of_host

from .processes import BASIN, Connection, ServerProcess, records_of

TAIL = records_of("s") + "/tail"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "log", "--memory") as server:
        with Connection(server.port) as http:
            assert http.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        yield server


def by_http1(port: int, *hosts: str, basin: str | None = None) -> tuple[int, str | None]:
    lines = [*(f"host: {host}" for host in hosts), *([] if basin is None else [f"s2-basin: {basin}"])]
    with Connection(port) as http:
        http.socket.sendall("\r\n".join([f"GET {TAIL} HTTP/1.1", *lines, "", ""]).encode())
        answer = http.answer()
        return answer.status, answer.json.get("code")


def by_http2(port: int, host: str) -> tuple[int, str | None]:
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    head = {":method": "GET", ":scheme": "http", ":authority": host, ":path": TAIL}
    connection.send_headers(1, list(head.items()), end_stream=True)
    status, body = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(connection.data_to_send())
        while True:
            for event in connection.receive_data(sock.recv(1 << 16)):
                match event:
                    case h2.events.ResponseReceived(headers=headers):
                        status = int(dict(headers)[b":status"])
                    case h2.events.DataReceived(data=data):
                        body += data
                    case h2.events.StreamEnded():
                        return status, json.loads(body).get("code")


@pytest.mark.parametrize(
    ("host", "basin"),
    [
        ("my-basin.localhost", "my-basin"),
        ("my-basin.b.localhost:4566", "my-basin"),
        ("My-Basin.B.Example.COM", "my-basin"),
        ("12345678.b.s2.dev.", "12345678"),
        ("x" * 48 + ".example.com", "x" * 48),
        ("x" * 49 + ".example.com", None),
        ("x" * 7 + ".example.com", None),
        ("-my-basin.example.com", None),
        ("my_basin.example.com", None),
        ("my-ba\u212ain.example.com", None),  # the sign of kelvin is no k
        ("localhost", None),
        ("localhost:4566", None),
        ("my-basin", None),
        ("my-basin.", None),
        ("my-basin.:80", None),
        ("my-basin..com", None),
        ("127.0.0.1:4566", None),
        ("[::1]:4566", None),
        ("[::ffff:127.0.0.1]", None),
        ("", None),
    ],
)
def test_the_first_label_names_a_basin_if_it_can(host: str, basin: str | None) -> None:
    assert basin_of_host(host) == basin


def test_a_host_names_the_basin_of_a_request(server: ServerProcess) -> None:
    for ask in (by_http1, by_http2):
        assert ask(server.port, f"{BASIN}.b.localhost:{server.port}") == (200, None)
        assert ask(server.port, f"other-basin.localhost:{server.port}") == (404, "basin_not_found")
        assert ask(server.port, f"127.0.0.1:{server.port}") == (400, "bad_header")
        assert ask(server.port, "localhost") == (400, "bad_header")


def test_the_header_decides_before_the_host(server: ServerProcess) -> None:
    assert by_http1(server.port, "other-basin.localhost", basin=BASIN) == (200, None)
    assert by_http1(server.port, f"{BASIN}.localhost", basin="other-basin") == (404, "basin_not_found")
    assert by_http1(server.port, f"{BASIN}.localhost", basin="") == (400, "bad_header")


def test_two_hosts_are_refused(server: ServerProcess) -> None:
    assert by_http1(server.port, f"{BASIN}.localhost", f"{BASIN}.localhost") == (400, "bad_header")
