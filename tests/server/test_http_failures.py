"""What a client is told when the server itself goes wrong. The application is called without a socket here."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.s2 import CheckTail
from fencepost.harness.server.app import App
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import ScriptedClock
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.real_disk import RealDisk

from .storages import stored

BASIN = "test-basin"


async def ask(app: App, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    """One request; status and JSON."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"s2-basin", BASIN.encode()), (b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def started(service: Service) -> Service:
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, "s")
    return service


async def test_a_full_disk_is_an_indefinite_failure_shows_in_health_and_passes(tmp_path: Path) -> None:
    """Failed before: after one ENOSPC every request failed until the server was restarted."""
    disk = FaultyDisk(RealDisk())
    service = await started(Service(stored(tmp_path, disk), ScriptedClock().wall_ms))
    app = App(service, Metrics(), ScriptedClock())
    assert await ask(app, "GET", "/health") == (200, {"status": "ok"})
    disk.faults.room = 20
    for _ in range(2):
        status, body = await ask(app, "POST", "/v1/streams/s/records", b'{"records":[{"body":"lost"}]}')
        assert (status, body["code"]) == (500, "storage")
        assert "No space left on device" in body["message"]
    status, body = await ask(app, "GET", "/health")
    assert (status, body["code"]) == (500, "storage")
    assert body["message"].startswith("the disk is full; appends work again once it has room: ")
    status, body = await ask(app, "GET", "/v1/streams/s/records/tail")
    assert (status, body["tail"]["seq_num"]) == (200, 0)
    disk.faults.room = None
    status, body = await ask(app, "POST", "/v1/streams/s/records", b'{"records":[{"body":"kept"}]}')
    assert (status, body["start"]["seq_num"]) == (200, 0)
    assert await ask(app, "GET", "/health") == (200, {"status": "ok"})
    await service.close()


async def test_after_a_failed_sync_health_says_that_a_restart_is_due(tmp_path: Path) -> None:
    disk = FaultyDisk(RealDisk())
    service = await started(Service(stored(tmp_path, disk), ScriptedClock().wall_ms))
    app = App(service, Metrics(), ScriptedClock())
    disk.faults.sync_error = True
    assert (await ask(app, "POST", "/v1/streams/s/records", b'{"records":[{}]}'))[0] == 500
    disk.faults.sync_error = False
    status, body = await ask(app, "GET", "/health")
    assert (status, body["code"]) == (500, "storage")
    assert body["message"].startswith("the journal has stopped; restart the server to recover it: ")
    await service.close()


class Broken(Service):
    """A service with a defect."""

    async def perform(self, basin: str, stream: str, call: Any, *others: Any, **named: Any) -> Any:
        """Divides by zero to check the tail."""
        if isinstance(call, CheckTail):
            1 / 0  # noqa: B018
        return await super().perform(basin, stream, call, *others, **named)


async def test_the_unforeseen_is_500_other_with_a_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    service = await started(Broken(MemoryStorage(), ScriptedClock().wall_ms))
    app = App(service, Metrics(), ScriptedClock())
    with caplog.at_level(logging.ERROR):
        status, body = await ask(app, "GET", "/v1/streams/s/records/tail")
    assert (status, body["code"]) == (500, "other")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    status, body = await ask(app, "POST", "/v1/streams/s/records", b'{"records":[{}]}')
    assert (status, body["end"]["seq_num"]) == (200, 1), "it goes on"
    await service.close()
