"""How the reading of a history tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told of the bytes read so far and the bytes in all."""
