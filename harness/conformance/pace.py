"""The pace at which requests leave."""

from __future__ import annotations

import asyncio


class Pace:
    """Lets requests leave at most ``rate`` times per second, evenly; 0 means as fast as possible."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._due = 0.0

    async def turn(self) -> None:
        """Wait until the next request may leave."""
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        due = max(now, self._due)
        self._due = due + self._gap
        if due > now:
            await asyncio.sleep(due - now)
