"""``kill``: kill −9 of the bundled server, and its restart."""

from __future__ import annotations

from random import Random

from ..targets.target import Killable, Target, TargetFailure
from .fault import Period


class Kill:
    """SIGKILL, a moment without a server, and a restart on what the dead one left on disk.

    About a quarter of the periods are fault-free.
    """

    name = "kill"
    summary = "kill -9 of the server, restarted a moment later on what it left on disk"
    colour = "#CC79A7"

    def applies_to(self, target: Target) -> bool:
        """Only a server whose process is ours."""
        return isinstance(target, Killable)

    def period(self, random: Random) -> Period:
        """0.3–2 s up, then 0–0.4 s down."""
        calm = random.uniform(0.3, 2.0)
        return Period(calm, 0.0 if random.random() < 0.25 else random.uniform(0.01, 0.4))

    async def start(self, target: Target) -> None:
        """Kill it."""
        await _killable(target).kill()

    async def heal(self, target: Target) -> None:
        """Bring it back."""
        await _killable(target).restart()


def _killable(target: Target) -> Killable:
    if not isinstance(target, Killable):
        raise TargetFailure("this target's server is not ours to kill")
    return target
