"""Counts what a history loses when a format cannot express all of it."""

from __future__ import annotations

from collections.abc import Iterator


class Losses:
    """Counts per kind of loss, in the order of first occurrence."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, text: str, count: int = 1) -> None:
        """Something was lost so many times; none is nothing."""
        if count:
            self._counts[text] = self._counts.get(text, 0) + count

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._counts.items())

    def __len__(self) -> int:
        return len(self._counts)

    def lines(self) -> Iterator[str]:
        """Return one line per kind of loss, for people."""
        for text, count in self:
            yield f"{count:,} × {text}"
