"""What the tests of a server over HTTP share: a server for each module, connections to it, and streams on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.server.victim import Victim

from .processes import Connection, ServerProcess

_NUMBERS = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server in memory, with the ``OPTIONS`` of the module that asks for it. Its log holds no traceback."""
    options = getattr(request.module, "OPTIONS", ())
    with ServerProcess(tmp_path_factory.mktemp("server") / "log", "--memory", *options) as process:
        yield process
        log = process.log.read_text()
        assert "Traceback" not in log, log


@pytest.fixture
def http(server: ServerProcess) -> Iterator[Connection]:
    with Connection(server.port) as connection:
        yield connection


@pytest.fixture
def stream(http: Connection) -> str:
    name = f"stream-{next(_NUMBERS)}"
    assert http.request("POST", "/v1/streams", {"stream": name}).status == 201
    return name


@pytest.fixture(scope="module")
def victim(server: ServerProcess) -> Iterator[Victim]:
    victim = Victim(server)
    try:
        yield victim
        victim.expect_untouched()
    finally:
        victim.watcher.close()
