"""The server that the programs of this folder talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from endpoint import Endpoint


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that accepts any token, as the SDKs' local use expects."""
    with Endpoint(tmp_path_factory.mktemp("open") / "log", "--memory") as server:
        yield server


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that enforces access tokens."""
    with Endpoint(
        tmp_path_factory.mktemp("guarded") / "log", "--memory", "--token-env", "ROOT_TOKEN", "--auth"
    ) as server:
        yield server
