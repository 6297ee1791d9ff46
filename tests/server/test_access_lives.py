"""How long access tokens last: until they expire or are revoked, over restarts, and in sessions that are open."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fencepost.harness.s2.frames import Message, Terminal
from fencepost.harness.server.access.grants import ROOT
from fencepost.harness.server.access.scopes import ANYTHING, NOTHING, Op, Scope
from fencepost.harness.server.entries import AccessTokenSet
from fencepost.harness.server.errors import ServiceError
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import StorageError

from .authorized import DENIED, EVERYWHERE, Client, auth_server, refusal
from .authorized import ROOT as SECRET
from .gated import GatedStorage
from .http2 import SESSION, Http2, Stream, frame_of
from .processes import BASIN, records_of, wait_until
from .services import FakeClock, refused, serving, soon
from .storages import DATA, simulated, stored

READING = Scope(ANYTHING, ANYTHING, NOTHING, ops=(Op.READ,))


def row(id_: str, expires_at: int | None = None) -> AccessTokenSet:
    return AccessTokenSet(id_, READING, expires_at=expires_at)


def live(service: Service, secret: str) -> bool:
    try:
        service.tokens.grant(secret.encode())
    except ServiceError:
        return False
    return True


async def ids(service: Service) -> list[str]:
    rows, _ = await service.tokens.list(ROOT, "", "", 0)
    return [row.id for row in rows]


# -- expiry


async def test_a_token_ends_when_it_expires() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        secret = await service.tokens.issue(row("t", clock.now + 10), ROOT)
        grant = service.tokens.grant(secret.encode())
        clock.now += 9
        assert live(service, secret)
        grant.check()
        clock.now += 1
        assert not live(service, secret)
        with pytest.raises(ServiceError, match="expired"):
            grant.check()
        assert await refused(service.tokens.revoke("t")) == (404, "access_token_not_found")
        assert await ids(service) == []
        again = await service.tokens.issue(row("t"), ROOT)
        assert (live(service, again), live(service, secret)) == (True, False)


async def test_what_has_expired_is_removed_by_itself_and_stays_away_if_the_clock_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fencepost.harness.server.state.SWEEP", 0.001)
    clock, disk = FakeClock(), simulated(1)
    async with serving(stored(DATA, disk), clock=clock) as service:
        secret = await service.tokens.issue(row("t", clock.now + 10), ROOT)
        clock.now += 10
        async with asyncio.timeout(5):
            while True:
                if not service._state.tokens.rows.rows:
                    break
                await asyncio.sleep(0.001)
        clock.now -= 10
        assert await ids(service) == []
        assert not live(service, secret)
    async with serving(stored(DATA, disk), clock=clock, stream=False) as service:
        assert await ids(service) == []


# -- durability


async def test_a_change_takes_effect_once_it_is_durable() -> None:
    storage = GatedStorage()
    async with serving(storage, stream=False) as service:
        issuing = asyncio.create_task(service.tokens.issue(row("t"), ROOT))
        (entry,) = await storage.writing()
        assert not issuing.done()
        listing = asyncio.create_task(ids(service))
        await asyncio.sleep(0)
        assert not listing.done(), "a list showed what is not durable"
        await storage.let_through()
        secret = await soon(issuing)
        assert secret.encode() not in entry
        assert await soon(listing) == ["t"]
        revoking = asyncio.create_task(service.tokens.revoke("t"))
        await storage.writing()
        assert live(service, secret)
        assert not revoking.done()
        await storage.let_through()
        await soon(revoking)
        assert not live(service, secret)
        await storage.finish()


async def test_what_cannot_be_made_durable_is_taken_back() -> None:
    storage = GatedStorage()
    storage.open = True
    async with serving(storage, stream=False) as service:
        secret = await service.tokens.issue(row("kept"), ROOT)
        storage.open = False
        tasks = [
            asyncio.create_task(service.tokens.revoke("kept")),
            asyncio.create_task(service.tokens.issue(row("kept"), ROOT)),
            asyncio.create_task(service.tokens.issue(row("lost"), ROOT)),
        ]
        await storage.let_through(StorageError("broken"))
        for task in tasks:
            assert await refused(task) == (500, "storage")
        assert live(service, secret)
        assert list(service._state.tokens.rows.rows) == ["kept"]


@pytest.mark.parametrize("seed", range(5))
async def test_tokens_survive_restarts_and_new_segments(seed: int) -> None:
    random, disk, clock, numbers = Random(seed), simulated(seed), FakeClock(), count()
    alive: dict[str, str] = {}
    dead: list[str] = []
    segments = set()
    for _ in range(4):
        async with serving(stored(DATA, disk, 2000), clock=clock, stream=False) as service:
            for _ in range(30):
                if alive and random.random() < 0.4:
                    id_ = random.choice(sorted(alive))
                    await service.tokens.revoke(id_)
                    dead.append(alive.pop(id_))
                else:
                    id_ = f"t{next(numbers) % 20}"
                    if id_ not in alive:
                        alive[id_] = await service.tokens.issue(row(id_, clock.now + 10**6), ROOT)
                assert await ids(service) == sorted(alive)
                assert all(live(service, secret) for secret in alive.values())
                assert not any(live(service, secret) for secret in dead)
            segments |= set(service._storage.segments)
    assert len(segments) > 4, "the test has no checkpoints"


def test_tokens_survive_kill_9_and_no_secret_is_written_anywhere(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    kept, revoked = [], []
    for life in range(3):
        with auth_server(log, "--data", str(data)) as server, Client(server.port) as root:
            for number in range(5):
                kept.append(root.token(f"kept-{life}-{number}", {"ops": ["list-basins"]}))
                revoked.append(root.token(f"revoked-{life}-{number}", {"ops": ["list-basins"]}))
                assert root.revoke(f"revoked-{life}-{number}").status == 204
            assert root.issue("refused", {}).status == 422
            assert root.having(kept[0] + "x").request("GET", "/v1/basins").status == 403
            server.kill()
    with auth_server(log, "--data", str(data)) as server, Client(server.port) as root:
        assert len(root.listed()[0]) == len(kept)
        assert all(root.having(secret).request("GET", "/v1/basins").status == 200 for secret in kept)
        assert {refusal(root.having(secret).request("GET", "/v1/basins")) for secret in revoked} == {DENIED}
        server.terminate()
    written = b"".join(path.read_bytes() for path in (log, *data.iterdir()))
    assert b"kept-0-0" in written
    assert not [secret for secret in (*kept, *revoked, SECRET) if secret.encode() in written]


# -- sessions that are open


def test_sessions_end_at_their_next_step(tmp_path: Path) -> None:
    with auth_server(tmp_path / "log", "--memory") as server, Client(server.port) as root, Http2(server.port) as client:
        assert root.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        secret = root.token("t", EVERYWHERE | {"op_groups": {"stream": {"read": True, "write": True}}})
        authorization = {"authorization": f"Bearer {secret}"}
        events = client.open(
            "GET", f"{records_of('s')}?seq_num=0", authorization | {"accept": "text/event-stream"}, end=True
        )
        reading = client.open("GET", f"{records_of('s')}?seq_num=0", SESSION | authorization, end=True)
        writing = client.open("POST", records_of("s"), SESSION | authorization)
        client.send(writing, frame_of(b"allowed"))
        client.until(lambda: len(writing.frames) == 1 and b"allowed" in events.content and len(reading.frames) >= 2)
        seen = len(reading.frames)
        assert root.revoke("t").status == 204
        client.send(writing, frame_of(b"too late") + frame_of(b"even later"))
        assert ended(client.until_end(writing).frames[-1]) == DENIED
        assert len(writing.frames) == 2, "a batch was acknowledged after the revocation"
        assert root.append("s", "hidden").json["start"]["seq_num"] == 1, "nothing else was appended"
        client.until(lambda: reading.ended or shown(reading, seen))
        assert ended(reading.frames[-1]) == DENIED
        assert not shown(reading, seen)
        client.until(lambda: events.ended or b"hidden" in events.content)
        assert b"permission_denied" in events.content
        assert b"hidden" not in events.content


def shown(reading: Stream, seen: int) -> bool:
    """Whether a read session has shown the record that it may not see, after so many frames."""
    return any(isinstance(frame, Message) and b"hidden" in frame.body for frame in reading.frames[seen:])


def ended(frame: Any) -> tuple[int, str]:
    assert isinstance(frame, Terminal), frame
    return frame.status, json.loads(frame.body)["code"]


def test_a_read_that_waits_shows_nothing_once_its_token_is_revoked(tmp_path: Path) -> None:
    with auth_server(tmp_path / "log", "--memory") as server, Client(server.port) as root:
        assert root.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        secret = root.token("t", EVERYWHERE | {"ops": ["read"]})
        with Client(server.port, secret) as waiting:
            waiting.socket.sendall(
                f"GET {records_of('s')}?seq_num=0&wait=60 HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n"
                f"authorization: Bearer {secret}\r\n\r\n".encode()
            )
            wait_until(lambda: b"requests_in_flight 2.0" in root.request("GET", "/metrics").body, "the read is waiting")
            assert root.revoke("t").status == 204
            assert root.append("s", "hidden").status == 200
            assert refusal(waiting.answer()) == DENIED


def test_a_request_whose_token_is_revoked_before_its_body_is_there_does_nothing(tmp_path: Path) -> None:
    with auth_server(tmp_path / "log", "--memory") as server, Client(server.port) as root:
        secret = root.token("t", EVERYWHERE | {"ops": ["create-stream"]})
        body = b'{"stream": "s"}'
        with Client(server.port, secret) as slow:
            slow.socket.sendall(
                f"POST /v1/streams HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\n"
                f"authorization: Bearer {secret}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            )
            wait_until(lambda: b"requests_in_flight 2.0" in root.request("GET", "/metrics").body, "it is being handled")
            assert root.revoke("t").status == 204
            slow.socket.sendall(body)
            assert refusal(slow.answer()) == DENIED
        assert root.request("GET", "/v1/streams").json["streams"] == []
