"""What the tests with hostile input share."""

from __future__ import annotations

from tests.server.victim import http, victim  # noqa: F401 (fixtures)
