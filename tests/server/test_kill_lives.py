"""kill -9 while streams are created, appended to, trimmed, deleted and made again: see :mod:`.lives`.

Each stream has one client, over real HTTP, which goes on with the next server on the same directory.
"""

from __future__ import annotations

import base64
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from .lives import LOST, Name
from .processes import STOP_SECONDS, Connection, ServerProcess, records_of

CLIENTS = 6
KILLS = 4
MANY_KILLS = 60
ALL: str = (1 << 40).to_bytes(8, "big").decode()


class Client:
    """The one client of a stream. Every other client's stream lets its records expire after a second."""

    def __init__(self, number: int, seed: int) -> None:
        self.name = f"stream {number}"
        self.path = f"/v1/streams/stream%20{number}"
        self.retention: dict[str, Any] = {"age": 1} if number % 2 else {"infinite": {}}
        self.known = Name(expires=bool(number % 2))
        self.random = random.Random(seed * 1000 + number)
        self.counter = 0
        self.answers = 0
        self.failure: BaseException | None = None

    def work(self, port: int) -> None:
        """Ask until the server is gone."""
        try:
            with Connection(port) as self.http:
                while self.step():
                    self.answers += 1
        except OSError:
            pass
        except BaseException as failure:
            self.failure = failure

    def step(self) -> bool:
        """Make one request; False if it was lost."""
        match self.random.choice(["append", "append", "append", "trim", "create", "create", "delete", "read", "tail"]):
            case "create":
                body = {"stream": self.name, "config": {"retention_policy": self.retention}}
                outcome, _ = self.ask("POST", "/v1/streams", body)
                self.known.created(outcome)
            case "delete":
                outcome, _ = self.ask("DELETE", self.path)
                self.known.deleted(outcome)
            case "append":
                outcome = self.append([{"body": self.body()} for _ in range(self.random.randint(1, 3))])
            case "trim":
                outcome = self.append([{"body": self.body()}, {"headers": [["", "trim"]], "body": ALL}])
            case "tail":
                outcome, answer = self.ask("GET", f"{records_of(self.name)}/tail")
                if outcome != LOST:
                    self.known.saw_tail(outcome, answer["tail"]["seq_num"] if outcome == "ok" else -1)
            case _:
                outcome = self.read()
        return outcome != LOST

    def body(self) -> str:
        self.counter += 1
        return f"{self.name} {self.counter}"

    def append(self, records: list[dict[str, Any]]) -> str:
        outcome, ack = self.ask("POST", records_of(self.name), {"records": records})
        start = ack["start"]["seq_num"] if outcome == "ok" else -1
        bodies = tuple(record["body"].encode() for record in records)
        self.known.appended(bodies, outcome, start, trims="headers" in records[-1])
        return outcome

    def read(self) -> str:
        outcome, answer = self.ask("GET", f"{records_of(self.name)}?seq_num=0", headers={"s2-format": "base64"})
        if outcome == "416":
            self.known.saw_tail("ok", answer["tail"]["seq_num"])
        elif outcome != LOST:
            records = answer["records"] if outcome == "ok" else []
            found = [(record["seq_num"], base64.b64decode(record.get("body", ""))) for record in records]
            # One answer has no more than a thousand records.
            if len(found) < 1000:
                self.known.saw_records(outcome, found)
        return outcome

    def ask(self, method: str, path: str, body: Any = None, headers: Any = ()) -> tuple[str, Any]:
        """``ok``, 416, the code of a refusal, or LOST; and the answer."""
        try:
            answer = self.http.request(method, path, body, headers)
        except OSError:
            return LOST, None
        content = answer.json if answer.body else None
        if answer.status == 416:
            return "416", content
        return ("ok" if answer.status < 300 else content["code"]), content


def survive(kills: int, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    clients = [Client(number, seed) for number in range(CLIENTS)]
    for _ in range(kills):
        with ServerProcess(tmp_path / "log", "--data", str(tmp_path / "data")) as server:
            threads = [threading.Thread(target=client.work, args=(server.port,)) for client in clients]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.05, 0.8))
            server.process.kill()
            for thread in threads:
                thread.join(STOP_SECONDS)
            server.process.wait(STOP_SECONDS)
        for client in clients:
            if client.failure is not None:
                client.failure.add_note(f"seed {seed}, {client.name}")
                raise client.failure
    assert sum(client.answers for client in clients) > kills * CLIENTS, "too few answers to prove anything"


def test_streams_that_come_and_go_survive_kills(tmp_path: Path) -> None:
    survive(KILLS, random.SystemRandom().randrange(1 << 32), tmp_path)


@pytest.mark.slow
def test_streams_that_come_and_go_survive_many_kills(tmp_path: Path) -> None:
    survive(MANY_KILLS, random.SystemRandom().randrange(1 << 32), tmp_path)
