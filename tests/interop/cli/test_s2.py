"""S2's command line: create, append, read and follow, fence, trim, tail. `make interop-cli` runs these."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from endpoint import ROOT_TOKEN, Endpoint

SECONDS = 60.0
"""No command takes that long unless it is broken."""

Run = Callable[..., str]


class Command:
    """`s2`, pointed at a server by its environment variables, without any configuration of the user's own."""

    def __init__(self, server: Endpoint, home: Path, token: str = "any") -> None:
        self._environment = os.environ | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "S2_ACCOUNT_ENDPOINT": server.url,
            "S2_BASIN_ENDPOINT": server.url,
            "S2_ACCESS_TOKEN": token,
            "NO_COLOR": "1",
        }

    def __call__(self, *arguments: str, stdin: str = "", fails: bool = False, both: bool = False) -> str:
        """Run it, and return what it wrote: to standard error too if it is to fail, or for ``both``."""
        done = subprocess.run(
            ["s2", *arguments],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert (done.returncode != 0) == fails, f"s2 {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr if fails or both else done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it, with its standard output to be read line by line."""
        return subprocess.Popen(
            ["s2", *arguments], env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )


@pytest.fixture
def s2(endpoint: Endpoint, tmp_path: Path) -> Command:
    return Command(endpoint, tmp_path)


@pytest.fixture
def basin(s2: Command) -> str:
    name = f"basin-{uuid.uuid4().hex[:16]}"
    s2("create-basin", name, "--retention-policy", "1d")
    return name


@pytest.fixture
def stream(s2: Command, basin: str) -> str:
    uri = f"s2://{basin}/stream"
    s2("create-stream", uri)
    return uri


@pytest.fixture
def follower(s2: Command, stream: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts commands that follow the stream, and stops them at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(s2.start(*arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def tail_of(s2: Command, stream: str) -> int:
    return int(s2("check-tail", stream).split()[0])


def test_basins(s2: Command, basin: str) -> None:
    assert basin in s2("list-basins", "--prefix", basin)
    assert re.search(r"Age \| +1day", s2("get-basin-config", basin))
    changed = s2("reconfigure-basin", basin, "--create-stream-on-append", "true")
    assert re.search(r"create_stream_on_append \| +true", changed)
    assert "already" in s2("create-basin", basin, fails=True)
    s2("delete-basin", basin)


def test_streams(s2: Command, basin: str, stream: str) -> None:
    assert stream in s2("ls", f"s2://{basin}")
    assert re.search(r"storage_class +\| +express", s2("get-stream-config", stream))
    changed = s2("reconfigure-stream", stream, "--timestamping-mode", "client-require")
    assert re.search(r"timestamping_mode +\| +client-require", changed)
    s2("delete-stream", stream)
    s2("append", stream, stdin="late\n", fails=True)


def test_a_specification_is_applied(s2: Command, basin: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"basins": [{"name": basin, "streams": [{"name": "declared"}]}]}))
    assert "created" in s2("apply", "--file", str(file), both=True)
    again = s2("apply", "--file", str(file), both=True)
    assert again.count("unchanged") == 2, again


def test_locations(s2: Command) -> None:
    assert s2("get-default-location") in s2("list-locations")


def test_a_benchmark(s2: Command, basin: str) -> None:
    """Its writer, its follower and its catch-up read agree on what was written, or it fails."""
    s2("bench", basin, "--duration", "1s", "--catchup-delay", "0s")


def test_append_and_read(s2: Command, stream: str) -> None:
    s2("append", stream, stdin="a\nb\nc\n")
    assert s2("read", stream, "--seq-num", "0", "--count", "3") == "a\nb\nc\n"
    assert s2("read", stream, "--seq-num", "1", "--count", "1") == "b\n"
    assert s2("read", stream, "--tail-offset", "1", "--count", "1") == "c\n"
    assert tail_of(s2, stream) == 3


def test_headers_and_bytes(s2: Command, stream: str) -> None:
    record = {"headers": [[base64.b64encode(b"k\xff").decode(), ""]], "body": base64.b64encode(b"\x00\xff").decode()}
    s2("append", stream, "--format", "json-base64", stdin=json.dumps(record) + "\n")
    read = json.loads(s2("read", stream, "--seq-num", "0", "--count", "1", "--format", "json-base64"))
    assert (read["seq_num"], read["headers"], read["body"]) == (0, record["headers"], record["body"])


def test_more_than_one_batch(s2: Command, stream: str) -> None:
    text = "".join(f"{number}\n" for number in range(5_000))
    s2("append", stream, stdin=text)
    assert s2("read", stream, "--seq-num", "0", "--count", "5000") == text


def test_conditions(s2: Command, stream: str) -> None:
    s2("append", stream, "--match-seq-num", "0", stdin="a\n")
    assert "mismatch" in s2("append", stream, "--match-seq-num", "0", stdin="b\n", fails=True)
    s2("fence", stream, "mine")
    s2("append", stream, "--fencing-token", "mine", stdin="b\n")
    assert "mine" in s2("append", stream, "--fencing-token", "theirs", stdin="c\n", fails=True)
    s2("fence", stream, "", "--fencing-token", "mine")
    s2("append", stream, "--fencing-token", "", stdin="c\n")
    assert tail_of(s2, stream) == 5


def test_trim(s2: Command, stream: str) -> None:
    s2("append", stream, stdin="a\nb\nc\n")
    s2("trim", stream, "2", "--match-seq-num", "3")
    assert s2("read", stream, "--seq-num", "2", "--count", "1") == "c\n"
    s2("trim", stream, "3", "--match-seq-num", "3", fails=True)


def test_tail(s2: Command, stream: str) -> None:
    s2("append", stream, stdin="a\nb\nc\n")
    assert s2("tail", stream, "--lines", "2") == "b\nc\n"


@pytest.mark.parametrize("command", [("read", "--seq-num", "0"), ("tail", "--follow")], ids=lambda one: one[0])
def test_followed(
    s2: Command, stream: str, follower: Callable[..., subprocess.Popen[str]], command: tuple[str, ...]
) -> None:
    s2("append", stream, stdin="a\nb\n")
    process = follower(*command, stream)
    assert lines(process, 2) == ["a", "b"]
    for number in range(5):
        s2("append", stream, stdin=f"{number}\n")
        assert lines(process, 1) == [str(number)]


def test_a_writer_is_fenced_out_while_it_appends(s2: Command, stream: str) -> None:
    s2("fence", stream, "first")
    writer = subprocess.Popen(
        ["s2", "append", stream, "--fencing-token", "first", "--linger", "1ms"],
        env=s2._environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stderr is not None
    try:
        writer.stdin.write("landed\n")
        writer.stdin.flush()
        assert "APPENDED" in writer.stderr.readline()
        s2("fence", stream, "second", "--fencing-token", "first")
        writer.stdin.write("late\n")
        writer.stdin.flush()
        assert re.search("second", writer.communicate(timeout=SECONDS)[1])
        assert writer.returncode != 0
    finally:
        writer.kill()
        writer.wait()
    s2("append", stream, "--fencing-token", "second", stdin="successor\n")
    assert s2("read", stream, "--seq-num", "0", "--count", "4") == "landed\nsuccessor\n", "the fences go to stderr"


@pytest.mark.parametrize("cipher", ["aegis-256", "aes-256-gcm"])
def test_encrypted(s2: Command, cipher: str) -> None:
    name = f"basin-{uuid.uuid4().hex[:16]}"
    s2("create-basin", name, "--stream-cipher", cipher)
    stream, key = f"s2://{name}/stream", base64.b64encode(bytes(range(32))).decode()
    s2("create-stream", stream)
    s2("append", stream, "--encryption-key", key, stdin="secret\n")
    assert s2("read", stream, "--seq-num", "0", "--count", "1", "--encryption-key", key) == "secret\n"
    s2("read", stream, "--seq-num", "0", "--count", "1", fails=True)
    wrong = base64.b64encode(bytes(32)).decode()
    s2("read", stream, "--seq-num", "0", "--count", "1", "--encryption-key", wrong, fails=True)


def test_a_stream_is_made_by_its_first_append(s2: Command) -> None:
    name = f"basin-{uuid.uuid4().hex[:16]}"
    s2("create-basin", name, "--create-stream-on-append")
    s2("append", f"s2://{name}/made", "--retention-policy", "1h", stdin="a\n")
    assert s2("read", f"s2://{name}/made", "--seq-num", "0", "--count", "1") == "a\n"


def test_what_does_not_exist_is_not_found(s2: Command, basin: str) -> None:
    for command in ("check-tail", "get-stream-config", "delete-stream"):
        assert "stream" in s2(command, f"s2://{basin}/missing", fails=True)


def test_access_tokens(guarded: Endpoint, tmp_path: Path) -> None:
    root = Command(guarded, tmp_path, ROOT_TOKEN)
    name = f"basin-{uuid.uuid4().hex[:16]}"
    root("create-basin", name)
    root("create-stream", f"s2://{name}/stream")
    id_ = f"token-{uuid.uuid4().hex[:16]}"
    permitted = ("--basins-exact", name, "--streams-prefix", "", "--op-group-perms", "stream=r")
    issued = root("issue-access-token", id_, *permitted)
    assert id_ in root("list-access-tokens", "--prefix", id_)
    reader = Command(guarded, tmp_path, issued.split()[-1])
    reader("check-tail", f"s2://{name}/stream")
    assert "ermi" in reader("append", f"s2://{name}/stream", stdin="x\n", fails=True)
    root("revoke-access-token", id_)
    reader("check-tail", f"s2://{name}/stream", fails=True)
