"""The checker on easy histories, beside s2-porcupine in the same run, and on histories like those of real runs.

**Easy** histories are in s2-porcupine's format (see :mod:`benchmarks.porcupine_history`) unless ``--real FILE`` names
one that the collector recorded. In **realistic** ones (see :mod:`benchmarks.realistic`), 0.2 % of the operations are
appends of unknown outcome, half of them applied. 40 % of the appends have a condition, and a fifth of these are
refused; 2 % set a fence. 30 % of the operations are reads and check-tails. They are written as our journal unless a row
says otherwise. The run with kills was recorded against the bundled server.

**In process** is reading and checking the file once the compiled loops are loaded. **Whole command** is
``fencepost check FILE`` from start to end, after a first run. Both are the least of several times; what takes longer
than 10 s runs once. Times are wall-clock time, with the processor time of all threads in brackets, beside peak memory.
A command that takes more processor time than ``--limit`` is killed. s2-porcupine runs once per file. **Before** is the
processor time of the code at commit e76f058 on the machine of this page.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import checker_easy, checker_realistic
from benchmarks.bench import MILLION, Bench
from benchmarks.machine import machine

ROWS: Final[dict[str, Callable[[Bench], None]]] = {
    "easy": checker_easy.a_million,
    "easy-violation": checker_easy.a_violation_at_the_end,
    "easy-certificate": checker_easy.certified,
    "clients": checker_easy.clients,
    "ten-million": checker_easy.ten_million,
    "hashes": checker_easy.indefinite,
    "small": checker_easy.small,
    "real": checker_easy.real,
    "realistic": checker_realistic.realistic,
    "reading": checker_realistic.reading,
    "violation": checker_realistic.violation,
    "violations": checker_realistic.violations,
    "verify": checker_realistic.verifying,
    "open-end": checker_realistic.open_end,
    "indefinite": checker_realistic.indefinite,
    "few-trims": checker_realistic.few_trims,
    "many-trims": checker_realistic.many_trims,
    "kills": checker_realistic.kills,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="measure only this row (repeatable)")
    parser.add_argument("--real", type=Path, help="a history of 2,000 operations of 20 fencing clients, as collected")
    parser.add_argument("--operations", type=int, default=MILLION, help="instead of a million, for a quick try")
    parser.add_argument("--alone", action="store_true", help="do not run s2-porcupine")
    parser.add_argument("--limit", type=int, default=200, help="most processor seconds of one command")
    given = parser.parse_args()
    print(machine())
    print(", ".join(f"{name} {version(name)}" for name in ("fencepost", "numpy", "numba", "msgspec")))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.operations, not given.alone, given.real, given.limit)
        for row in given.row or ROWS:
            ROWS[row](bench)


if __name__ == "__main__":
    main()
