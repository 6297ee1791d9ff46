"""The fault ``kill``: kills the bundled server with SIGKILL (``kill -9``) and restarts it."""

from __future__ import annotations

from ..generators import now_and_then
from ..targets.target import Killable, Target, TargetFailure
from ..workload import Generator


class Kill:
    """A SIGKILL of the server, a moment without a server, and a restart from what is left on disk."""

    name = "kill"
    summary = "kill -9 of the server, restarted a moment later on what it left on disk"
    colour = "#CC79A7"

    def applies_to(self, target: Target) -> bool:
        """Return whether the server's process belongs to the run."""
        return isinstance(target, Killable)

    def schedule(self) -> Generator:
        """Return a schedule of 0.3–2 s up, then 0.01–0.4 s down. About a quarter of the periods is fault-free."""
        return now_and_then(self.name, calm=(0.3, 2.0), struck=(0.01, 0.4))

    async def start(self, target: Target) -> None:
        """Kill the server."""
        await _killable(target).kill()

    async def heal(self, target: Target) -> None:
        """Restart the server unless it is running."""
        await _killable(target).restart()


def _killable(target: Target) -> Killable:
    if not isinstance(target, Killable):
        raise TargetFailure("the server of this target does not belong to the run, which may not kill it")
    return target
