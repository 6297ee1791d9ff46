"""Sessions against a server that fails at random: no outcome ever claims what is not so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.s2 import Ack, Append, Record

from .scripted_http2 import Stream, http2_server

SESSIONS = 60
"""Of each seed; a session has up to 12 batches."""


@dataclass
class Unreliable:
    """A server that applies batches in order until it fails in one of many ways, before or after applying the last."""

    random: Random
    applied: list[bytes] = field(default_factory=list)

    async def __call__(self, stream: Stream) -> None:
        owed = 0
        while True:
            if self.random.random() < 0.1:
                self._fail(stream)
                return
            batch = await stream.batch()
            if self.random.random() < 0.1:  # refused: from here on the session is poisoned
                self._acknowledge(stream, owed)
                stream.terminal(412, b'{"seq_num_mismatch": 1}')
                return
            self.applied.append(batch.records[0].body)
            owed += 1
            if self.random.random() < 0.1:  # applied, and the answer says that nobody knows
                self._acknowledge(stream, owed - 1)
                stream.terminal(500, b'{"code": "storage", "message": "?"}')
                return
            if self.random.random() < 0.5:
                self._acknowledge(stream, owed)
                owed = 0

    def _acknowledge(self, stream: Stream, owed: int) -> None:
        for number in range(owed):
            stream.ack(len(self.applied) - owed + number)

    def _fail(self, stream: Stream) -> None:
        match self.random.randrange(6):
            case 0:
                stream.reset()
            case 1:
                stream.connection.writer.close()
            case 2:
                stream.end()
            case 3:
                stream.connection.go_away(0)
            case 4:
                stream.raw(b"\x00\x00\x09\x00abc")
                stream.end()
            case _:
                stream.raw(b"\x00\x00\x04\x07\xff\xff\xff")


@pytest.mark.parametrize("seed", range(3))
async def test_ok_means_applied_and_definite_means_not_applied(seed: int) -> None:
    random = Random(seed)
    server = Unreliable(random)
    seen: set[str] = set()
    for number in range(SESSIONS):
        async with http2_server(server, window=random.choice([None, None, 40, 200])) as listening:
            client = HttpStreamClient(listening.url, "basin-one", timeout=0.15)
            session = client.append_session("stream")
            bodies = [b"%d-%d" % (number, index) for index in range(random.randrange(1, 13))]
            outcomes: list[Outcome[Ack]] = []
            for group in range(0, len(bodies), 4):
                tickets = [session.submit(Append((Record(body),))) for body in bodies[group : group + 4]]
                outcomes += [await ticket for ticket in tickets]
            await session.aclose()
            await client.aclose()
        failed = False
        for body, outcome in zip(bodies, outcomes, strict=True):
            where = f"seed {seed}, session {number}, batch {body!r}: {outcome}"
            match outcome:
                case Ok():
                    assert not failed, f"ok after a failure: {where}"
                    assert body in server.applied, where
                case Definite(code):
                    assert body not in server.applied, where
                    seen.add(code)
                case Indefinite():
                    seen.add("indefinite")
            failed = failed or not isinstance(outcome, Ok)
    assert seen == {"seq_num_mismatch", "session_poisoned", "not_sent", "indefinite"}
    await asyncio.sleep(0)
