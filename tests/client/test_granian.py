"""Our client's sessions on the bundled server, over real sockets: two implementations of HTTP/2 that must agree."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.s2 import Append, Batch, Read, Record
from tests.server.processes import BASIN, ServerProcess

from .scripted import DEADLINE, until


async def test_sessions_on_the_bundled_server(tmp_path: Path) -> None:
    """Pipelined batches, a refusal with others behind it, large batches, and a follower beside them."""
    with ServerProcess(tmp_path / "log", "--data", str(tmp_path / "data")) as server:
        async with asyncio.timeout(2 * DEADLINE):
            client = HttpStreamClient(f"http://127.0.0.1:{server.port}", BASIN, timeout=DEADLINE)
            assert await client.create_stream("stream") == Ok(None)
            seen: list[int] = []
            following = asyncio.create_task(client.read_session("stream", Read(seq_num=0), numbers(seen)))
            session = client.append_session("stream")
            tickets = [session.submit(Append((Record(b"%d" % number),), match_seq_num=number)) for number in range(100)]
            large = [session.submit(Append((Record(b"z" * 1_000_000),))) for _ in range(3)]
            refused = session.submit(Append((Record(b"refused"),), match_seq_num=1))
            later = session.submit(Append((Record(b"later"),)))
            assert [type(await ticket) for ticket in (*tickets, *large)] == [Ok] * 103
            assert await refused == Definite("seq_num_mismatch", 412, {"seq_num_mismatch": 103})
            outcome = await later
            assert isinstance(outcome, Definite)
            assert outcome.code == "session_poisoned"
            bounded: list[int] = []
            assert await client.read_session("stream", Read(seq_num=0, count=200), numbers(bounded)) == Ok(None)
            assert bounded == list(range(103))
            await until(lambda: len(seen) >= 103)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            assert seen == list(range(103))
            await session.aclose()
            await client.aclose()


def numbers(into: list[int]) -> Any:
    """Takes frames, and keeps the seq_nums of their records."""

    def take(frame: Batch) -> None:
        into.extend(record.seq_num for record in frame.records)

    return take
