"""What the tests of plots share."""

from __future__ import annotations

from tests.checkers.drawn import large, small  # noqa: F401 (fixtures)
