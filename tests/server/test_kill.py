"""kill -9 at random moments: what was acknowledged is there, where the ack said, once; nothing else got in.

Twenty clients append over real HTTP while the process is killed and started again on the same directory. The model
below knows nothing of the server's inside: it keeps what was sent and what was answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .processes import BASIN, STOP_SECONDS, Connection, ServerProcess, records_of, serve_command

CLIENTS = 20
STREAMS = ("orders", "päyments/é")
KILLS = 10
MANY_KILLS = 40


@dataclass
class Sent:
    """What the clients know of one stream."""

    batches: dict[str, tuple[str, ...]] = field(default_factory=dict)  # first body → all bodies, for every batch
    acked: dict[int, str] = field(default_factory=dict)  # seq_num → body
    refused: set[str] = field(default_factory=set)  # first bodies of batches that were refused
    fences: dict[int, str] = field(default_factory=dict)  # seq_num of an acknowledged fence → its token


async def client(name: str, port: int, sent: dict[str, Sent], chance: random.Random) -> int:
    """Append until the server is gone; the number of acks."""
    acks = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number in range(1_000_000):
            stream = chance.choice(STREAMS)
            book = sent[stream]
            fence = chance.random() < 0.02
            bodies = tuple(f"{name}-{number}-{part}" for part in range(1 if fence else chance.randint(1, 5)))
            batch = _batch(bodies, fence, book, chance)
            book.batches[bodies[0]] = bodies
            status, answer = await _post(reader, writer, records_of(stream), batch)
            if status == 200:
                first, end = answer["start"]["seq_num"], answer["end"]["seq_num"]
                assert end - first == len(bodies), answer
                for seq_num, body in zip(range(first, end), bodies, strict=True):
                    assert book.acked.setdefault(seq_num, body) == body, f"two acks for seq_num {seq_num} of {stream}"
                if fence:
                    book.fences[first] = bodies[0]
                acks += 1
            else:
                assert status == 412, (status, answer)
                book.refused.add(bodies[0])
    except (ConnectionError, asyncio.IncompleteReadError):
        return acks
    finally:
        writer.close()
    raise AssertionError("the server outlived the test")


def _batch(bodies: tuple[str, ...], fence: bool, book: Sent, chance: random.Random) -> dict[str, Any]:
    """Mostly unconditional; some guess the tail, of which few are right."""
    headers = {"headers": [["", "fence"]]} if fence else {}
    records = [{"body": body, **headers} for body in bodies]
    if chance.random() < 0.2:
        return {"records": records, "match_seq_num": max(book.acked, default=-1) + 1}
    return {"records": records}


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, batch: dict[str, Any]
) -> tuple[int, Any]:
    body = json.dumps(batch).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(answer.split()[1]), json.loads(await reader.readexactly(length))


async def _race(server: ServerProcess, round_: int, sent: dict[str, Sent], chance: random.Random) -> int:
    tasks = [
        asyncio.create_task(client(f"{round_}.{number}", server.port, sent, random.Random(chance.random())))
        for number in range(CLIENTS)
    ]
    await asyncio.sleep(chance.uniform(0.01, 0.3))
    server.process.kill()
    async with asyncio.timeout(STOP_SECONDS):
        acks = await asyncio.gather(*tasks)
    server.process.wait(STOP_SECONDS)
    return sum(acks)


def verify(records: list[dict[str, Any]], sent: Sent) -> None:
    """Compare a full read with what was sent and acknowledged."""
    assert [record["seq_num"] for record in records] == list(range(len(records))), "a gap, or a repeat"
    assert len(records) > max(sent.acked, default=-1), "acknowledged records are missing at the end"
    for seq_num, body in sent.acked.items():
        assert records[seq_num]["body"] == body, f"seq_num {seq_num} was acknowledged with other contents"
    bodies = [record["body"] for record in records]
    assert len(set(bodies)) == len(bodies), "a record is there twice"
    position = 0
    while position < len(bodies):
        batch = sent.batches.get(bodies[position])
        assert batch is not None, f"at {position}: not the first record of any batch: {bodies[position]!r}"
        assert bodies[position] not in sent.refused, f"at {position}: a refused batch is there"
        assert tuple(bodies[position : position + len(batch)]) == batch, f"at {position}: the batch is torn"
        position += len(batch)
    stamps = [record["timestamp"] for record in records]
    assert stamps == sorted(stamps), "timestamps decrease"


def _token_in_force(http: Connection, stream: str, length: int) -> str:
    refused = http.append(stream, "never", fencing_token="no such token", match_seq_num=length)
    assert refused.status == 412
    return str(refused.json["fencing_token_mismatch"])


def _verify_all(port: int, sent: dict[str, Sent]) -> None:
    with Connection(port) as http:
        for stream, book in sent.items():
            records = http.read_all(stream)
            verify(records, book)
            fences = [record["body"] for record in records if record.get("headers") == [["", "fence"]]]
            token = _token_in_force(http, stream, len(records))
            assert token == (fences[-1] if fences else ""), "the token in force is not that of the last fence"
            # What a read has shown is as firm as what an ack has promised.
            book.acked.update((record["seq_num"], record["body"]) for record in records)


def _kill_while_starting(directory: Path, log: Path, chance: random.Random) -> None:
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            serve_command("--port", "0", "--data", str(directory)), stdout=subprocess.DEVNULL, stderr=stderr
        )
        time.sleep(chance.uniform(0.0, 0.5))
        process.kill()
        process.wait(STOP_SECONDS)


def _survive(kills: int, seed: int, tmp_path: Path, *options: str) -> None:
    chance = random.Random(seed)
    directory, log = tmp_path / "data", tmp_path / "log"
    sent = {stream: Sent() for stream in STREAMS}
    acks = 0
    for round_ in range(kills + 1):
        if chance.random() < 0.2:
            _kill_while_starting(directory, log, chance)
        with ServerProcess(log, "--data", str(directory), *options) as server:
            if round_ == 0:
                with Connection(server.port) as http:
                    for stream in STREAMS:
                        assert http.request("POST", "/v1/streams", {"stream": stream}).status == 201
            _verify_all(server.port, sent)
            if round_ < kills:
                acks += asyncio.run(_race(server, round_, sent, chance))
    assert acks > kills * CLIENTS, f"too few appends to prove anything: {acks}"


def _with_seed(kills: int, seed: int, tmp_path: Path) -> None:
    try:
        _survive(kills, seed, tmp_path)
    except AssertionError as error:
        raise AssertionError(f"with seed {seed}: {error}") from error


def test_acknowledged_records_survive_kills(tmp_path: Path) -> None:
    _with_seed(KILLS, random.SystemRandom().randrange(1 << 32), tmp_path)


@pytest.mark.slow
def test_acknowledged_records_survive_many_kills(tmp_path: Path) -> None:
    _with_seed(MANY_KILLS, random.SystemRandom().randrange(1 << 32), tmp_path)


# ---------------------------------------------------------------- the test itself


@pytest.mark.parametrize("bug", ["ack-before-durable", "lost-batch-on-restart"])
def test_a_server_that_loses_records_is_caught(bug: str, tmp_path: Path) -> None:
    seed = 1
    with pytest.raises(AssertionError, match=r"missing|other contents"):
        _survive(KILLS, seed, tmp_path, "--bug", bug)


def _records(*bodies: str) -> list[dict[str, Any]]:
    return [{"seq_num": index, "timestamp": index, "body": body} for index, body in enumerate(bodies)]


def _lose_the_last(records: list[dict[str, Any]]) -> None:
    del records[-1]


def _repeat_one(records: list[dict[str, Any]]) -> None:
    records.append({**records[0], "seq_num": len(records)})


def _swap_batches(records: list[dict[str, Any]]) -> None:
    records[0]["body"], records[1]["body"], records[2]["body"] = "b1", "b2", "a"


def _tear(records: list[dict[str, Any]]) -> None:
    del records[4]


def _invent(records: list[dict[str, Any]]) -> None:
    records[4]["body"] = "nobody's"


def _apply_what_was_refused(records: list[dict[str, Any]]) -> None:
    records.append({"seq_num": 5, "timestamp": 5, "body": "refused"})


@pytest.mark.parametrize(
    "damage", [_lose_the_last, _repeat_one, _swap_batches, _tear, _invent, _apply_what_was_refused]
)
def test_the_judge_notices(damage: Callable[[list[dict[str, Any]]], None]) -> None:
    sent = Sent(
        batches={"a": ("a",), "b1": ("b1", "b2"), "c1": ("c1", "c2"), "refused": ("refused",)},
        acked={0: "a", 1: "b1", 2: "b2", 3: "c1"},
        refused={"refused"},
    )
    records = _records("a", "b1", "b2", "c1", "c2")
    verify(records, sent)
    damage(records)
    if damage is _lose_the_last:
        records.pop()  # c2 was not acknowledged: losing all of c is what must be noticed
    with pytest.raises(AssertionError):
        verify(records, sent)
