"""A server for hostile input: how it must refuse, and that its state is as it was."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, settings

from fencepost.harness.s2.errors import ERROR_CODES
from fencepost.harness.server.limits import Limits

from .processes import BASIN, Answer, Connection, ServerProcess, records_of

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
        basins = self._rows("basins")
        streams = {basin["name"]: self._rows("streams", basin["name"]) for basin in basins}
        configs = [self._get(f"/v1/basins/{basin}") for basin in streams]
        for basin, rows in streams.items():
            for path in (f"/v1/streams/{quote(row['name'], safe='')}" for row in rows):
                configs += [self._get(path, basin), self._get(f"{path}/records/tail", basin)]
        token = self.watcher.append(STREAM, "never", fencing_token="no such token").json
        tokens = self._get("/v1/access-tokens")["access_tokens"]
        return self.watcher.read_all(STREAM), basins, streams, configs, tokens, token

    def restore(self) -> None:
        """Undo whatever a request has changed that was not refused, but for the records."""
        for token in self._get("/v1/access-tokens")["access_tokens"]:
            path = f"/v1/access-tokens/{quote(token['id'], safe='')}"
            assert self.watcher.request("DELETE", path).status == 204, token
        for basin in self._rows("basins"):
            if basin["name"] != BASIN:
                assert self.watcher.request("DELETE", f"/v1/basins/{basin['name']}").status == 202
        assert self.watcher.request("PUT", f"/v1/basins/{BASIN}", {"config": {}}).status == 200
        for stream in self._rows("streams", BASIN):
            if stream["name"] != STREAM:
                assert self.watcher.request("DELETE", f"/v1/streams/{quote(stream['name'], safe='')}").status == 202
        assert self.watcher.request("PUT", f"/v1/streams/{STREAM}", {}).status == 200
        self.before = self.state()

    def _rows(self, what: str, basin: str = BASIN) -> list[Any]:
        rows = self._get(f"/v1/{what}", basin)[what]
        return [row for row in rows if row["deleted_at"] is None]

    def _get(self, path: str, basin: str = BASIN) -> Any:
        answer = self.watcher.request("GET", path, basin=basin)
        assert answer.status == 200, (path, answer)
        return answer.json

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
