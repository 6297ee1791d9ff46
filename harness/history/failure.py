"""What is wrong with a file that should have been a history."""

from __future__ import annotations

from ..failure import UsageFailure


class HistoryFailure(UsageFailure):
    """A history cannot be used: ``file:line:column: field: what``."""
