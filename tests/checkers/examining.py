"""What the kernel says of a story whose truth the oracles know: of orders, refutations, searches and forged proofs."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random

import numpy as np

from fencepost.checkers.kernel.accept import accept
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.kernel.columns import requirements
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.checkers.kernel.exhaust import Exhausted, Found, exhaust
from fencepost.checkers.kernel.refute import refute
from fencepost.checkers.kernel.verify import MEMORY, NODES, verify
from fencepost.harness.check_limits import Budget
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult
from tests.checkers.forgeries import Forger
from tests.checkers.wgl import Witness
from tests.checkers.witnesses import order_of

FEW_NODES = 100
"""The most nodes that a search may enter of a history that an order explains: most need none."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What is wrong, None if nothing is; the nodes of a search, None where none was needed."""

    problem: str | None = None
    nodes: int | None = None


def examine(random: Random, judged: History, said: CheckResult, witness: Witness | None, forger: Forger) -> Examination:
    """Examine the kernel by a history of one stream, and what was ``said`` of it.

    ``witness`` is an order that explains it, None if there is none. What was said must be proven by its certificate.
    The order must be accepted, and not be refuted, and a short search must not deny it. Without one, the kernel must
    show that there is none. No forged proof may pass.
    """
    rows = np.arange(len(judged), dtype=np.int64)
    asked = requirements(judged, 0, rows)
    parts = {} if said.certificate is None else said.certificate.parts()
    failures = verify(judged, parts, said.validity, lambda *_: asked).failures
    if failures:
        return Examination(f"the verdict {said.validity} is not proven ({failures[0]})")
    contradiction = refute(asked, rows)
    if witness is not None:
        try:
            accept(asked, rows, order_of(asked, witness))
        except Refuted as refuted:
            return Examination(f"the kernel refuses the oracle's order ({refuted})")
        if contradiction is not None:
            return Examination(f"the kernel refutes what an order explains ({contradiction.why})")
        if isinstance(exhaust(asked, rows, Spending(Budget(FEW_NODES, inf, MEMORY))), Exhausted):
            return Examination("the kernel's search finds no order where there is one")
        return Examination(forger.accepted(random, asked, True))
    if contradiction is not None:
        return Examination(forger.accepted(random, asked, False))
    searched = exhaust(asked, rows, Spending(Budget(NODES, inf, MEMORY)))
    if isinstance(searched, Found):
        return Examination(f"the kernel finds an order where there is none ({searched.order})")
    if not isinstance(searched, Exhausted):
        return Examination("the kernel decides nothing in as many nodes as the verifier searches")
    return Examination(forger.accepted(random, asked, False), searched.nodes)
