"""The server as a process: how it starts, why it does not, and every way in which it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import BASIN, STOP_SECONDS, Connection, ServerProcess, records_of, serve_command, wait_until

USAGE = 254
HALF_AN_APPEND = (
    f"POST {records_of('s')} HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n"
    "content-type: application/json\r\ncontent-length: 100\r\n\r\n{".encode()
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def refused(*options: str, **environment: str) -> str:
    """Start a server that cannot start; what it said."""
    result = subprocess.run(
        serve_command(*options),
        check=False,
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    assert (result.returncode, result.stdout) == (USAGE, ""), result
    lines = [line for line in result.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, f"one clear line, not:\n{result.stderr}"
    return lines[0]


def test_once_it_says_so_it_answers(log: Path) -> None:
    with ServerProcess(log) as server, Connection(server.port) as http:
        assert http.request("GET", "/health").status == 200


def test_what_is_acknowledged_is_there_after_a_clean_stop(log: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "new" / "data")
    with ServerProcess(log, "--data", data) as server, Connection(server.port) as http:
        http.request("POST", "/v1/streams", {"stream": "kept"})
        http.append("kept", "a", "b")
        assert server.terminate() == 0
    with ServerProcess(log, "--data", data) as server, Connection(server.port) as http:
        assert [record["body"] for record in http.read_all("kept")] == ["a", "b"]


def test_memory_is_gone_with_the_process(log: Path) -> None:
    with ServerProcess(log, "--memory") as server, Connection(server.port) as http:
        http.request("POST", "/v1/streams", {"stream": "lost"})
        assert server.terminate() == 0
    with ServerProcess(log, "--memory") as server, Connection(server.port) as http:
        assert http.append("lost", "a").code == "stream_not_found"


@pytest.fixture
def streaming(log: Path) -> Iterator[tuple[ServerProcess, Connection]]:
    with ServerProcess(log) as server, Connection(server.port) as http:
        assert http.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        yield server, http


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_in_flight_finish(
    streaming: tuple[ServerProcess, Connection], number: signal.Signals
) -> None:
    server, http = streaming
    waiting = Connection(server.port)
    waiting.socket.sendall(
        f"GET {records_of('s')}?seq_num=0&wait=60 HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n\r\n".encode()
    )
    wait_until(lambda: b"requests_in_flight 2.0" in http.request("GET", "/metrics").body, "the read is waiting")
    server.process.send_signal(number)
    answer = waiting.answer()
    waiting.close()
    assert (answer.status, answer.json) == (200, {"records": []}), "the waiting read was cut off"
    assert server.process.wait(STOP_SECONDS) == 0


def test_every_append_that_is_answered_while_draining_is_answered_truly(log: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    acked: list[str] = []
    after: list[tuple[int, str]] = []

    def write(port: int, name: str) -> None:
        with Connection(port) as http:
            for number in range(1_000_000):
                try:
                    answer = http.append("s", f"{name}-{number}")
                except OSError:
                    return
                if answer.status == 200:
                    acked.append(f"{name}-{number}")
                else:
                    after.append((answer.status, answer.code))
                    if len(after) > 100:
                        return

    with ServerProcess(log, "--data", data) as server:
        with Connection(server.port) as http:
            http.request("POST", "/v1/streams", {"stream": "s"})
        writers = [threading.Thread(target=write, args=(server.port, str(index))) for index in range(4)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(acked) > 100, "a hundred acks")
        assert server.terminate() == 0
        for writer in writers:
            writer.join(STOP_SECONDS)
    assert set(after) <= {(503, "server_draining")}, "refused with something else"
    with ServerProcess(log, "--data", data) as server, Connection(server.port) as http:
        bodies = {record["body"] for record in http.read_all("s")}
    assert set(acked) == bodies, "an acknowledged record is missing, or a refused one is there"


def test_a_request_left_half_sent_does_not_keep_it_alive(streaming: tuple[ServerProcess, Connection]) -> None:
    server, http = streaming
    with Connection(server.port) as half:
        half.socket.sendall(HALF_AN_APPEND)
        wait_until(lambda: b"requests_in_flight 2.0" in http.request("GET", "/metrics").body, "it is being read")
        assert server.terminate() == 0


def test_a_second_signal_ends_it_at_once(streaming: tuple[ServerProcess, Connection]) -> None:
    server, http = streaming
    with Connection(server.port) as half:
        half.socket.sendall(HALF_AN_APPEND)
        wait_until(lambda: b"requests_in_flight 2.0" in http.request("GET", "/metrics").body, "it is being read")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "finishing what is in flight" in server.log.read_text(), "the first signal is seen")
        assert server.terminate() == 128 + signal.SIGTERM


def test_it_ends_with_the_process_that_holds_the_control_channel(log: Path) -> None:
    ours, theirs = socket.socketpair()
    with ServerProcess(log, "--control", stdin=theirs.fileno()) as server:
        theirs.close()
        with Connection(server.port) as http:
            assert http.request("GET", "/health").status == 200, "it ended while the channel was open"
        ours.close()
        assert server.process.wait(STOP_SECONDS) == 0


def test_a_control_channel_that_is_no_socket_is_refused() -> None:
    assert "--control needs a socket as standard input" in refused("--port", "0", "--control")


def test_input_that_ends_is_no_reason_unless_asked(log: Path) -> None:
    with ServerProcess(log, stdin=subprocess.DEVNULL) as server, Connection(server.port) as http:
        assert http.request("GET", "/health").status == 200
        assert server.process.poll() is None


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("--port", str(port))
    assert f"127.0.0.1:{port}" in line
    assert "--port" in line


def test_the_port_of_another_server_is_refused(log: Path) -> None:
    with ServerProcess(log) as server:
        assert f"127.0.0.1:{server.port}" in refused("--port", str(server.port))


def test_a_host_that_is_not_here_is_refused() -> None:
    assert "198.51.100.1:0" in refused("--host", "198.51.100.1", "--port", "0")


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert str(file) in refused("--port", "0", "--data", str(file / "data"))
    assert str(file) in refused("--port", "0", "--data", str(file))


def test_a_data_directory_in_use_is_refused(log: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with ServerProcess(log, "--data", data):
        assert data in refused("--port", "0", "--data", data)


def test_a_damaged_journal_is_refused_with_its_file_and_offset(log: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(log, "--data", str(data)) as server, Connection(server.port) as http:
        http.request("POST", "/v1/streams", {"stream": "s"})
        for number in range(20):
            http.append("s", f"the record called {number}")
        server.kill()
    (journal,) = [path for path in data.iterdir() if path.stat().st_size > 200]
    content = bytearray(journal.read_bytes())
    offset = content.index(b"the record called 3")
    content[offset] ^= 0xFF
    journal.write_bytes(content)
    line = refused("--port", "0", "--data", str(data))
    assert str(journal) in line
    assert "offset" in line


def test_what_is_unknown_or_contradictory_is_refused(tmp_path: Path) -> None:
    assert "no-such-bug" in refused("--port", "0", "--bug", "no-such-bug")
    assert "--memory" in refused("--port", "0", "--memory", "--data", str(tmp_path))
    assert "NO_SUCH_VARIABLE" in refused("--port", "0", "--token-env", "NO_SUCH_VARIABLE")
    assert "EMPTY" in refused("--port", "0", "--token-env", "EMPTY", EMPTY="")
    assert "--token-env" in refused("--port", "0", "--auth")
    assert "basin" in refused("--port", "0", "--basin", "NotABasin")
    for retention in ("0", "-1", "forever", "1.5", "9" * 20):
        assert "--retention" in refused("--port", "0", "--retention", retention)


@pytest.mark.parametrize(("given", "policy"), [("60", {"age": 60}), ("infinite", {"infinite": {}})])
def test_the_retention_of_the_basins_that_it_makes(log: Path, given: str, policy: dict[str, object]) -> None:
    with ServerProcess(log, "--retention", given) as server, Connection(server.port) as http:
        http.request("POST", "/v1/streams", {"stream": "s"})
        assert http.request("GET", "/v1/streams/s").json["retention_policy"] == policy
