"""The data folder of a real server gives back the space of records that are trimmed or have expired."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.server.storage import SEGMENT_BYTES

from .processes import Connection, ServerProcess, records_of, wait_until

STREAM = "large"
BATCHES = 40
MOST = 2 * SEGMENT_BYTES + (1 << 20)
"""The segment that is being written, and less than another one of what is not needed any more."""


def trim(http: Connection) -> None:
    everything = {"headers": [["", "trim"]], "body": (1 << 40).to_bytes(8, "big").decode()}
    assert http.request("POST", records_of(STREAM), {"records": [everything]}).status == 200


def expire(http: Connection) -> None:
    """Let a second pass, after which all of it goes by itself."""


@pytest.mark.parametrize(("lose", "retention"), [(trim, {"infinite": {}}), (expire, {"age": 1})])
def test_space_is_given_back(lose: Any, retention: dict[str, Any], tmp_path: Path) -> None:
    data = tmp_path / "data"

    def size() -> int:
        found = 0
        for path in data.iterdir():
            with suppress(FileNotFoundError):  # the server makes and removes segments
                found += path.stat().st_size
        return found

    with ServerProcess(tmp_path / "log", "--data", str(data)) as server, Connection(server.port) as http:
        config = {"retention_policy": retention}
        assert http.request("POST", "/v1/streams", {"stream": STREAM, "config": config}).status == 201
        largest = 0
        for _ in range(BATCHES):
            assert http.append(STREAM, *["x" * 10_000] * 100).status == 200
            largest = max(largest, size())
        assert largest > MOST, "the test is to fill more than what may stay"
        lose(http)
        wait_until(lambda: size() <= MOST, "most of the folder is gone")
