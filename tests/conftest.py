"""The order of the suite."""

from __future__ import annotations

import pytest

collect_ignore = ["interop"]  # it has an environment of its own: make interop

LONGEST = ("test_readme.py", "test_wheel.py", "test_detect.py", "test_oracle.py", "test_drawing.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left with it alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
