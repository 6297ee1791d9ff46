"""What a client is told when the server itself goes wrong. The application is called without a socket here."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.server.app import App
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import FileStorage, MemoryStorage
from fencepost.harness.world.clock import ScriptedClock

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
        "headers": [(b"s2-basin", BASIN.encode())],
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def started(service: Service) -> Service:
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, "s")
    return service


def failing_disk() -> tuple[Callable[[int], None], Callable[[], None]]:
    """A sync that works until it is told to fail, and how to tell it."""
    failing = False

    def sync(descriptor: int) -> None:
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fail() -> None:
        nonlocal failing
        failing = True

    return sync, fail


async def test_a_full_disk_is_an_indefinite_failure_and_shows_in_health(tmp_path: Path) -> None:
    sync, fail = failing_disk()
    service = await started(Service(FileStorage(tmp_path / "data", sync=sync), ScriptedClock().wall_ms))
    app = App(service, Metrics(), ScriptedClock())
    assert await ask(app, "GET", "/health") == (200, {"status": "ok"})
    fail()
    for _ in range(2):
        status, body = await ask(app, "POST", "/v1/streams/s/records", b'{"records":[{}]}')
        assert (status, body["code"]) == (500, "storage")
        assert "No space left on device" in body["message"]
    status, body = await ask(app, "GET", "/health")
    assert (status, body["code"]) == (500, "storage")
    await service.close()


class Broken(Service):
    """A service with a defect."""

    async def check_tail(self, basin: str, stream: str) -> Any:
        """Divides by zero."""
        return 1 / 0


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
