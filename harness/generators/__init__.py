"""Generator combinators, modelled on Jepsen's: small immutable values from which workloads and faults are built.

``sources`` makes client operations and ``strikes`` makes fault operations. ``bounds`` limits how many operations run
and when they start. ``routing`` decides which thread performs each operation. ``sessions`` pipelines appends and
follows streams. ``order`` runs generators one after another, ``waiting`` delays them, and ``reaction`` transforms their
operations and their reactions to events. Every generator is a frozen value: in equal contexts it always gives the same
answer, and every answer includes the generator's successor.
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
