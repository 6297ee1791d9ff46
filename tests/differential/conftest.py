"""The second opinion for tests: built from what Go has in its cache, since tests fetch nothing."""

from __future__ import annotations

import pytest

from tests.differential.opinion import NoOpinion, Opinion, second_opinion


@pytest.fixture(scope="session")
def opinion(tmp_path_factory: pytest.TempPathFactory) -> Opinion:
    """Skips with the reason where there is none."""
    try:
        return second_opinion(tmp_path_factory.mktemp("differential"), network=False)
    except NoOpinion as reason:
        pytest.skip(f"no second opinion: {reason}")
