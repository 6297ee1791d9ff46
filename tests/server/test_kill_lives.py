"""kill -9 while streams are created, appended to, trimmed, deleted and made again: see :mod:`.lives`.

Each stream has one client, over real HTTP, which goes on with the next server on the same directory. It appends
batch by batch and in sessions, with conditions, fences and trims among them.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.s2 import json_codec, protobuf
from fencepost.harness.s2.frames import Message, Terminal, encode_message

from .http2 import Http2
from .lives import LOST, Name, Sent, Writer
from .processes import STOP_SECONDS, Connection, ServerProcess, records_of

CLIENTS = 6
KILLS = 4
MANY_KILLS = 220
BASE64 = {"s2-format": "base64"}


class Client:
    """The one client of a stream. Every other client's stream lets its records expire after a second."""

    def __init__(self, number: int, seed: int) -> None:
        self.name = f"stream {number}"
        self.path = f"/v1/streams/stream%20{number}"
        self.retention: dict[str, Any] = {"age": 1} if number % 2 else {"infinite": {}}
        self.known = Name(expires=bool(number % 2))
        self.random = random.Random(seed * 1000 + number)
        self.writer = Writer(self.name, self.random)
        self.answers = 0
        self.failure: BaseException | None = None

    def work(self, port: int) -> None:
        """Ask until the server is gone."""
        try:
            with Connection(port) as self.http, Http2(port) as self.http2:
                while self.step():
                    self.answers += 1
        except OSError:
            pass
        except BaseException as failure:
            self.failure = failure

    def step(self) -> bool:
        """Make one request; False if it was lost."""
        steps = [*["append", "session"] * 6, *["trim", "create", "read", "tail"] * 2, "delete"]
        match self.random.choice(steps):
            case "create":
                body = {"stream": self.name, "config": {"retention_policy": self.retention}}
                outcome, _ = self.ask("POST", "/v1/streams", body)
                self.known.created(outcome)
            case "delete":
                outcome, _ = self.ask("DELETE", self.path)
                self.known.deleted(outcome)
            case "append":
                outcome = self.append(self.writer.batch(self.known.guess()))
            case "trim":
                outcome = self.append(self.writer.batch(self.known.guess(), trims=True))
            case "session":
                outcome = self.session(self.writer.session(self.known.guess(), self.random.choice([4, 64])))
            case "tail":
                outcome, answer = self.ask("GET", f"{records_of(self.name)}/tail")
                if outcome != LOST:
                    self.known.saw_tail(outcome, answer["tail"]["seq_num"] if outcome == "ok" else -1)
            case _:
                outcome = self.read()
        return outcome != LOST

    def append(self, sent: Sent) -> str:
        content = json_codec.encode_append(sent.append)
        outcome, answer = self.ask("POST", records_of(self.name), content, BASE64)
        if outcome == "412":
            ((outcome, answer),) = answer.items()
        self.known.appended(sent, outcome, answer["start"]["seq_num"] if outcome == "ok" else answer)
        return outcome

    def session(self, batches: list[Sent]) -> str:
        """Send all batches at once."""
        gone = False
        try:
            session = self.http2.append_session(self.name)
        except OSError:
            return LOST
        try:
            frames = [encode_message(Message(protobuf.encode_append(sent.append))) for sent in batches]
            self.http2.send(session, b"".join(frames), end=True)
            self.http2.until_end(session)
        except OSError:
            gone = True
        left = list(batches)
        if session.status >= 400:
            self.known.appended(left[0], json.loads(session.content)["code"])
            return "refused"
        for frame in session.frames:
            if isinstance(frame, Message):
                self.known.appended(left.pop(0), "ok", protobuf.decode_ack(frame.body).start.seq_num)
            else:
                self.failed(frame, left[0])
                return "refused"
        if left:
            assert gone, "the session ended without all acks, although the server lives"
            self.known.lost(left)
            return LOST
        return "ok"

    def failed(self, end: Terminal, sent: Sent) -> None:
        answer = json.loads(end.body)
        if end.status == 412:
            ((outcome, revealed),) = answer.items()
            self.known.appended(sent, outcome, revealed)
        else:
            self.known.appended(sent, answer["code"])

    def read(self) -> str:
        outcome, answer = self.ask("GET", f"{records_of(self.name)}?seq_num=0", headers=BASE64)
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
        if answer.status in (412, 416):
            return str(answer.status), content
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
