"""Linearizability of each stream, exactly: the scan, and what it proves where it fails."""

from .checker import Linearizability

__all__ = ["Linearizability"]
