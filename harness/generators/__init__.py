"""Generator combinators, after Jepsen's: small immutable values from which workloads and faults are put together.

``sources`` makes operations and ``strikes`` those of faults, ``bounds`` says how many and when, ``routing`` says which
thread performs them, ``order`` puts generators one after another, ``waiting`` delays them, and ``reaction`` changes
them on the way. Every generator is a frozen value: asked twice in equal contexts it answers twice the same, and each
answer names its successor.
"""

from .bounds import Spacing, bounded, limit, stagger, time_limit
from .order import cycle, phases
from .reaction import map_each, on_update
from .routing import beside, clients, each_process, each_thread, mix, nemesis, on_threads, reserve
from .sessions import follower, pipeline
from .sources import once, repeat, sequence, unfold
from .strikes import heal_fault, now_and_then, start_fault
from .waiting import after, when

__all__ = [
    "Spacing",
    "after",
    "beside",
    "bounded",
    "clients",
    "cycle",
    "each_process",
    "each_thread",
    "follower",
    "heal_fault",
    "limit",
    "map_each",
    "mix",
    "nemesis",
    "now_and_then",
    "on_threads",
    "on_update",
    "once",
    "phases",
    "pipeline",
    "repeat",
    "reserve",
    "sequence",
    "stagger",
    "start_fault",
    "time_limit",
    "unfold",
    "when",
]
