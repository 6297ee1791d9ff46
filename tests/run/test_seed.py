"""What a seed repeats: what each thread does while it is answered the same, and all requests of a single client."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest

from fencepost import Completion, Context, Generator, Invocation, RunOptions, WorkloadOptions, execute
from fencepost.harness.generators import on_update
from fencepost.harness.history.history import Outcome
from tests.run.conftest import Silent
from tests.run.doubles import MemoryClient, TimedService
from tests.run.stage import Stage
from tests.server.processes import BASIN, ServerProcess
from tests.workloads.simulated import every_workload, workload

CLIENTS = 10


async def performed(path: Path, name: str, seed: int) -> tuple[dict[int, list[Invocation]], list[int]]:
    """What each thread of a run did, and the threads in the order of what they did.

    Its client has a service for itself and takes its time, so the threads race.
    """
    done: dict[int, list[Invocation]] = defaultdict(list)
    turns: list[int] = []

    def note(generator: Generator, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Invocation):
            assert event.thread is not None
            done[event.thread].append(event)
            turns.append(event.thread)
        return generator.update(context, event)

    async def dawdle() -> None:
        for _ in range(SystemRandom().randrange(4)):
            await asyncio.sleep(0)

    stage = Stage(path, threads=CLIENTS, seed=seed)
    stage.connect = lambda: MemoryClient(TimedService(), lambda stream, call: dawdle())
    options = WorkloadOptions(("s",), CLIENTS, seed, operations=400)
    history = await stage.run(on_update(note, workload(name).generator(options)))
    assert Outcome.INDEFINITE not in set(history.outcome)
    return done, turns


@every_workload
async def test_each_thread_does_the_same_again_whatever_the_others_do(tmp_path: Path, name: str) -> None:
    """Failed when one count of all invocations seeded the randomness of each question."""
    runs = [await performed(tmp_path / str(n), name, seed) for n, seed in enumerate((7, 7, 8))]
    (one, turns), (again, others), (other, _) = runs
    assert turns != others, "nothing raced"
    both = {thread: min(len(one[thread]), len(again[thread])) for thread in range(CLIENTS)}
    assert sum(both.values()) > 200, "one that follows does little, but together they do much"
    for thread, number in both.items():
        assert one[thread][:number] == again[thread][:number]
        assert one[thread][:number] != other[thread][:number]


@contextmanager
def relayed(port: int) -> Iterator[tuple[int, list[bytearray]]]:
    """A port that leads to ``port``, and what clients sent on each of its connections."""
    sent: list[bytearray] = []
    ends: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if kept is not None:
                    kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", port))
                ends.extend((client, server))
                sent.append(bytearray())
                threading.Thread(target=pump, args=(client, server, sent[-1])).start()
                threading.Thread(target=pump, args=(server, client, None)).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listening.getsockname()[1], sent
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for end in ends:
                end.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("seed") / "log") as process:
        yield process


@pytest.mark.parametrize("name", ["regular", "fenced"])
def test_one_client_sends_the_same_bytes_again(tmp_path: Path, server: ServerProcess, name: str) -> None:
    """But for the names of streams, which are the run's own, and timestamps, which are the server's."""

    def requests(seed: int) -> bytes:
        with relayed(server.port) as (port, sent):
            options: dict[str, Any] = {"url": f"http://127.0.0.1:{port}", "basin": BASIN}
            run = RunOptions(
                workload=name,
                seed=seed,
                clients=1,
                operations=100,
                rate=20_000,
                target="endpoint",
                target_options=options,
                results=tmp_path,
                formats=(),
            )
            execute(run, Silent())
        # The longest connection is the client's; others made the streams and closed them.
        text = re.sub(rb"fencepost-\w+-\w+", b"RUN", max(sent, key=len))
        text = re.sub(rb"127\.0\.0\.1:\d+", b"HOST", text)
        return re.sub(rb"\b1\d{12}\b", b"TIMESTAMP", text)

    one, again, other = (requests(seed) for seed in (7, 7, 8))
    assert one.count(b"HTTP/1.1\r\n") == 100
    assert one == again
    assert one != other


def test_intended_starts_are_those_of_the_seed(tmp_path: Path) -> None:
    """The gaps of an open loop come from a stream of their own: they do not depend on what the operations draw."""

    async def starts(number: int, seed: int, threads: int) -> list[int]:
        stage = Stage(tmp_path / str(number), threads=threads, seed=seed)
        options = WorkloadOptions(("s",), threads, seed, operations=50, rate=50_000)
        history = await stage.run(workload("regular").generator(options))
        return [int(start - history.intended[0]) for start in history.intended]

    one, again, other = (asyncio.run(starts(n, seed, 3)) for n, seed in enumerate((7, 7, 8)))
    assert one == again
    assert one != other
