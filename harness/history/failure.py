"""The error for a file that is not a usable history."""

from __future__ import annotations

from ..failure import UsageFailure


class HistoryFailure(UsageFailure):
    """A history cannot be used. The text reads ``file:line:column: field: what``."""
