"""Guessed orders: the kernel accepts them where a history is valid by construction, whatever its size."""

from __future__ import annotations

from fencepost import s2 as _  # noqa: F401  (placeholder)
