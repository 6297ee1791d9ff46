"""A server for hostile input: how it must refuse, and that its state is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from fencepost.harness.s2.errors import ERROR_CODES
from fencepost.harness.server.limits import Limits

from .processes import Answer, Connection, ServerProcess, records_of

STREAM = "victim"
PATH = records_of(STREAM)
VALID = {"records": [{"body": "x", "headers": [["w", "v"]], "timestamp": 1}], "match_seq_num": 1, "fencing_token": ""}
MAX_BODY = Limits().body_bytes


def relentless(examples: int) -> settings:
    """So many examples, however long one takes."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        print_blob=True,
    )


class Victim:
    """A server with one stream of one record, which is to stay so."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self.watcher = Connection(process.port)
        assert self.watcher.request("POST", "/v1/streams", {"stream": STREAM}).status == 201
        assert self.watcher.append(STREAM, "innocent").status == 200
        self.before = self.state()

    def state(self) -> tuple[Any, ...]:
        """Everything that hostile input might have changed."""
        assert self.process.process.poll() is None, "the server is dead"
        streams = self.watcher.request("GET", "/v1/streams").json
        streams["streams"] = [row for row in streams["streams"] if row["deleted_at"] is None]
        basins = self.watcher.request("GET", "/v1/basins").json
        config = self.watcher.request("GET", f"/v1/streams/{STREAM}").json
        token = self.watcher.append(STREAM, "never", fencing_token="no such token").json
        return self.watcher.read_all(STREAM), streams, basins, config, token

    def expect_untouched(self) -> None:
        """The state is as it was."""
        assert self.state() == self.before

    def expect_refusal(self, answer: Answer) -> None:
        """A 4xx (or 501) with a code of the table that matches its status and promises no effect."""
        assert 400 <= answer.status < 500 or answer.status == 501, answer
        row = next(row for row in ERROR_CODES if row.code == answer.code)
        assert row.statuses[0] == answer.status
        assert answer.json["message"], "a refusal says why"
        assert answer.json.keys() == {"code", "message"}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    log = tmp_path_factory.mktemp("victim") / "log"
    with ServerProcess(log, "--memory") as process:
        victim = Victim(process)
        yield victim
        victim.expect_untouched()
        victim.watcher.close()
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def http(victim: Victim) -> Iterator[Connection]:
    with Connection(victim.process.port) as connection:
        yield connection
