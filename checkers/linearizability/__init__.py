"""Linearizability of each stream, exactly: propose, let the kernel decide, name what it refuted."""

from .checker import Linearizability

__all__ = ["Linearizability"]
