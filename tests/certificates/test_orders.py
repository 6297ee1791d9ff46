"""The kernel and the sequential model agree on which order explains a small history, in both directions."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from fencepost.checkers.certificate.proofs import LinearizabilityCertificate
from fencepost.checkers.kernel.accept import accept
from fencepost.checkers.kernel.columns import requirements
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.checkers.kernel.format import Linearization, claimed_order
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.testing import history
from tests.certificates.replaying import is_plain, is_right
from tests.checkers.damage import story_of
from tests.checkers.oracle import explain
from tests.checkers.stories import Story

Moments = list[tuple[int, bool]]

HISTORIES = 200
PARTS = 2
MANY = 20_000


class Kernel:
    """The kernel, asked about one history."""

    def __init__(self, judged: History) -> None:
        self._rows = np.arange(len(judged), dtype=np.int64)
        self._asked = requirements(judged, 0, self._rows)

    def accepts(self, order: Linearization) -> bool:
        try:
            accept(self._asked, self._rows, claimed_order(self._asked, order))
        except Refuted:
            return False
        return True


def checkers_order(judged: History) -> Linearization | None:
    """The order that the checker gives as proof, if it says valid."""
    certificate = Linearizability(minimal=False).check(judged).certificate
    assert isinstance(certificate, LinearizabilityCertificate)
    (claim,) = certificate.claims
    return claim.order


def order_of(moments: Moments, token: str | None = None) -> Linearization:
    columns = np.array(moments, dtype=np.int64).reshape(-1, 2)
    return Linearization(columns[:, 0], columns[:, 1] > 0, token)


def changed(random: Random, moments: Moments, story: Story) -> Moments:
    """An order with one thing changed."""
    moments = list(moments)
    what = random.choice(("swap", "swap", "move", "drop", "add", "repeat", "again"))
    if what == "add" or len(moments) < 2:
        moments.insert(random.randint(0, len(moments)), (random.randrange(len(story.ops)), random.random() < 0.1))
    elif what == "swap":
        i = random.randrange(len(moments) - 1)
        moments[i], moments[i + 1] = moments[i + 1], moments[i]
    elif what == "move":
        moments.insert(random.randrange(len(moments)), moments.pop(random.randrange(len(moments))))
    elif what == "drop":
        del moments[random.randrange(len(moments))]
    elif what == "repeat":
        moments.append(random.choice(moments))
    else:
        i = random.randrange(len(moments))
        moments[i] = moments[i][0], not moments[i][1]
    return moments


def compare(seeds: range) -> Counter[str]:
    """Orders of the stories of these seeds: the checker's, the oracle's, and each of them changed."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        story, random = story_of(seed), Random(seed)
        judged = history(*story.ops, tail=story.tail, token=story.token)
        kernel, found = Kernel(judged), checkers_order(judged)
        explanation = explain(story.ops, **story.declared)
        orders: list[Moments] = []
        token = story.token if story.token is not None else "?"
        if found is not None:
            assert kernel.accepts(found), f"the checker's own order is refused\n{story}"
            orders.append(list(zip(found.rows.tolist(), found.second.tolist(), strict=True)))
            token = found.token or token
        if explanation is not None and is_plain(story) and story.token is not None:
            oracle_order = [(op, False) for op in explanation.order]
            assert kernel.accepts(order_of(oracle_order)), f"{explanation.order} is refused\n{story}"
            orders.append(oracle_order)
        if explanation is None:
            ids = [(op, False) for op in range(len(story.ops))]
            orders += [ids, random.sample(ids, len(ids))]
        for order in orders:
            for _ in range(4):
                order = changed(random, order, story)
                right = is_right(story, order, token)
                said = kernel.accepts(order_of(order, token if story.token is None else None))
                assert right is said, f"{order} {'is right' if right else 'is wrong'}: the kernel errs\n{story}"
                assert not (right and explanation is None)
                seen["right" if right else "wrong"] += 1
    return seen


@pytest.mark.parametrize("part", range(PARTS))
def test_the_kernel_agrees_with_the_model(part: int) -> None:
    size = HISTORIES // PARTS
    seen = compare(range(part * size, (part + 1) * size))
    assert seen["right"] > size // 10
    assert seen["wrong"] > size


@pytest.mark.slow
def test_the_kernel_agrees_with_the_model_on_many_more() -> None:
    compare(range(HISTORIES, HISTORIES + MANY))


def test_no_order_of_an_invalid_history_is_accepted() -> None:
    tried = 0
    for seed in range(1, 1_000, 2):
        story, random = story_of(seed), Random(seed)
        if explain(story.ops, **story.declared) is not None:
            continue
        judged = history(*story.ops, tail=story.tail, token=story.token)
        kernel = Kernel(judged)
        named = [op.token for op in story.ops if op.token is not None] or ["x"]
        by_return = sorted(range(len(story.ops)), key=lambda op: judged.returned[op])
        for rows in (list(range(len(story.ops))), by_return):
            lost = [row for row in rows if judged.outcome[row] == 2]
            kept = [row for row in rows if row not in lost or random.random() < 0.5]
            order = order_of([(row, False) for row in kept], random.choice(named) if story.token is None else None)
            assert not kernel.accepts(order), f"{kept}\n{story}"
            tried += 1
    assert tried > 350


def test_another_first_token_is_noticed() -> None:
    noticed = 0
    for seed in range(0, 400, 2):
        story = story_of(seed)
        judged = history(*story.ops, tail=story.tail, token=story.token)
        kernel, found = Kernel(judged), checkers_order(judged)
        if found is not None and story.token is None:
            moments = list(zip(found.rows.tolist(), found.second.tolist(), strict=True))
            for token in ("", "x", "xy", "y", "nobody's"):
                assert kernel.accepts(Linearization(found.rows, found.second, token, found.latest)) is is_right(
                    story, moments, token
                )
                noticed += not is_right(story, moments, token)
        elif found is not None:
            assert not kernel.accepts(Linearization(found.rows, found.second, "another"))
    assert noticed > 2
