"""Clients by name: a run speaks through the one that is registered under it, and stores which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fencepost import UsageFailure
from fencepost.harness.client.http import HttpStreamClient, http_client
from fencepost.harness.client.options import ClientOptions
from fencepost.harness.options import RunOptions
from fencepost.harness.run import CLIENTS, check_names
from tests.cli.invoking import Inside

MADE: list[ClientOptions] = []


def counted(options: ClientOptions) -> HttpStreamClient:
    """The client over HTTP, noted down."""
    MADE.append(options)
    return http_client(options)


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that registers ``counted``."""
    metadata = tmp_path / "site" / "counting-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[fencepost.clients]\ncounted = tests.run.test_clients:counted\n")
    monkeypatch.syspath_prepend(str(metadata.parent))
    MADE.clear()


def test_a_run_speaks_through_the_client_that_is_named(inside: Inside, registered: None) -> None:
    said = inside("run", "regular", "--client", "counted", "--ops", "20", "--clients", "2", "--no-plots", "--seed", "1")
    assert said.code == 0, said.err
    assert len(MADE) >= 4, "one that makes the stream, two clients, and one that closes"
    assert {options.basin for options in MADE} == {"fencepost-reference"}
    options: dict[str, Any] = json.loads(next(Path("results").rglob("options.json")).read_text())
    assert options["client"] == "counted"


def test_a_client_that_is_not_registered_is_refused_with_those_that_are(registered: None) -> None:
    assert CLIENTS.names() == ["counted", "httpx", "sse"]
    with pytest.raises(UsageFailure, match="no client is called 'sdk'; there are: counted, httpx, sse"):
        check_names(RunOptions(workload="regular", seed=1, client="sdk"))


def test_no_secret_is_shown() -> None:
    options = ClientOptions(url="http://x", basin="b", network=None, token="t0ken", proxy="http://u:pw@x")  # type: ignore[arg-type]
    assert "t0ken" not in repr(options)
    assert "pw" not in repr(options)
