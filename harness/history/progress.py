"""The callback that reports how much of a history has been read."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told of the bytes read so far and the bytes in all."""
