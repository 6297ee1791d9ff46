"""Which hash the contents must have where a stretch ends that nobody read.

A later whole read tells it, taken back through the acknowledged records between.
"""

from __future__ import annotations

from fencepost.harness.history.chain_hash import fold

from ..chain.chain import Chain
from ..kernel.unfolding import unfolded
from .floats import Floats
from .moments import Moments, Sort


class Targets:
    """The chained hash at some boundaries, known in advance."""

    def __init__(self, chain: Chain, found: Moments, pool: Floats) -> None:
        self._pool = pool
        self._of_size: dict[int, list[int]] = {}
        for number, size in enumerate(pool.size):
            self._of_size.setdefault(size, []).append(number)
        self._before: dict[tuple[int, int], dict[int, list[int]]] = {}
        self.least = min(pool.size, default=0)
        self.at = _targets(chain, found)

    def completing(self, chained: int, position: int, limit: int) -> list[int]:
        """The floats that take the stream from this hash at ``position`` to the target at ``limit`` by themselves."""
        size = limit - position
        if (limit, size) not in self._before:
            befores: dict[int, list[int]] = {}
            for number in self._of_size.get(size, ()):
                befores.setdefault(unfolded(self.at[limit], self._pool.digests[number]), []).append(number)
            self._before[limit, size] = befores
        return self._before[limit, size].get(chained, [])

    def after(self, chained: int, number: int) -> int:
        """The hash after a float."""
        return fold(self._pool.digests[number], chained)


def _targets(chain: Chain, found: Moments) -> dict[int, int]:
    history = chain.stream.history
    appends, hashes = history.appends, history.reads.stream_hash
    moments = range(len(found))
    read = {found.tail[m]: int(hashes[found.row[m]]) for m in moments if found.sort[m] == Sort.WHOLE}
    acked = sorted((found.tail[m], found.row[m]) for m in moments if found.sort[m] == Sort.APPEND)
    targets = dict(read)
    # From the last to the first: what is known at the end of an acknowledged batch is known at its start.
    for start, row in reversed(acked):
        end = int(appends.end[row])
        if start in targets or end not in targets:
            continue
        digests = appends.digest[appends.offset[row] : appends.offset[row + 1]].tolist()
        targets[start] = unfolded(targets[end], digests)
    return targets
