"""The second opinion for tests that need Go: ``make differential`` runs them, and a missing Go fails them."""

from __future__ import annotations

import pytest

from tests.differential.opinion import NoOpinion, Opinion, second_opinion


@pytest.fixture(scope="session")
def opinion(tmp_path_factory: pytest.TempPathFactory) -> Opinion:
    """Fail with the reason if there is none."""
    try:
        return second_opinion(tmp_path_factory.mktemp("differential"), network=True)
    except NoOpinion as reason:
        pytest.fail(f"no second opinion: {reason}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "opinion" in getattr(item, "fixturenames", ()):
            item.add_marker("go")
