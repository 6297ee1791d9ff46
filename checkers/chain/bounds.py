"""The bounds that every unary read carries, whether it gives any or not."""

from __future__ import annotations

from typing import Final

RECORDS: Final = 1000
"""Records."""

BYTES: Final = 1024 * 1024
"""Metered bytes."""
