"""What a history loses when it is written in a format that cannot express it all: listed, and counted."""

from __future__ import annotations

from collections.abc import Iterator


class Losses:
    """How often each thing was lost or weakened, in the order in which they were met first."""

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
        """A line each, for people."""
        for text, count in self:
            yield f"{count:,} × {text}"
