"""Small histories of which most appends lost their answers, which leaves much to a search; and the logs of searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np

from fencepost.checkers.certificate.proofs import Exhaustion, LinearizabilityCertificate, Proof
from fencepost.checkers.certificate.verifier import exhaustion
from fencepost.checkers.certificate.verifier.refutation import Refuted
from fencepost.checkers.certificate.verifier.statement import read
from fencepost.checkers.chain.stream import streams
from fencepost.checkers.judgement import Judgement
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.linearizability import one_stream
from fencepost.checkers.linearizability.proving import logged
from fencepost.checkers.search.decide import Decision, decide
from fencepost.harness.check_limits import Budget
from fencepost.harness.history.history import NONE, History
from fencepost.harness.verdict import Validity
from fencepost.testing import by_invocation
from fencepost.testing.operations import Ack, Batch, Lost, Op, Rec
from tests.checkers.damage import damaged
from tests.checkers.random_histories import random_story
from tests.checkers.stories import ALL, TOKENS, Story, is_well_formed

STATES = 3_000
"""Situations that a search may meet here."""


def lost_story(seed: int) -> Story:
    """A random story without most acknowledgements, without some answers of reads, and damaged every other time."""
    random = Random(seed)
    story = random_story(random, f"lost {seed}:", ALL)
    story = damaged(random, story, ALL) if seed % 2 else story
    ops: list[Op] = []
    for op in by_invocation(story.ops):
        if isinstance(op.answer, Ack) and random.random() < 0.6:
            # Nobody hears of a lost append again, so what its process does next another one does.
            ops.append(replace(op, answer=Lost(), ended=None, process=100 + len(ops)))
        elif not (isinstance(op.answer, Batch) and random.random() < 0.5):
            ops.append(op)
    if not is_well_formed(ops):
        return story
    return replace(story, ops=tuple(ops), origin=f"{story.origin} lost")


def crowded_story(seed: int) -> Story:
    """The same with more appends of unknown outcome, that nobody saw, some of them like those that there are."""
    random, story = Random(~seed), lost_story(seed)
    like = [op for op in story.ops if op.kind == "append"]
    ops = list(story.ops)
    for number in range(random.randint(2, 4)):
        records = tuple(
            Rec(f"more{number}.{i}", random.choice((None, None, 20, 40)), None, random.choice((None,) * 5 + TOKENS))
            for i in range(random.randint(1, 3))
        )
        records = tuple(replace(rec, name=f"fence={rec.fence}") if rec.fence is not None else rec for rec in records)
        model = random.choice(like) if like else None
        match, token = (model.match, model.token) if model is not None and random.random() < 0.4 else (None, None)
        ops.append(Op("append", 200 + number, random.randint(0, 12), None, Lost(), records, match, token))
    return replace(story, ops=tuple(ops), origin=f"{story.origin} crowded")


def searched(history: History) -> tuple[Judgement, Decision]:
    """What a search says of a history of one stream, be it needed or not."""
    (stream,) = streams(history)
    judgement = one_stream.judge(stream)
    spent = Spending(Budget(states=STATES))
    return judgement, decide(judgement.chain, judgement.answers, judgement.claims, spent)


def refusal(history: History, log: Exhaustion) -> str | None:
    """Why the verifier does not accept a log; None if it does. It is written, and read back, as in a certificate."""
    proof = Proof("s", Validity.INVALID, exhaustion=log)
    (stated,) = read(history, LinearizabilityCertificate(history, [lambda: proof]).parts()).streams
    assert stated.log is not None
    try:
        exhaustion.check(history, 0, np.arange(len(history)), stated.log)
    except Refuted as refuted:
        return str(refuted)
    return None


def log_of(judgement: Judgement, decision: Decision) -> Exhaustion:
    """The log of a search as a certificate has it, however it ended."""
    log = logged(judgement, decision)
    assert log is not None
    return log


Damage = Callable[[Random, Exhaustion], Exhaustion | None]
"""One change of a log; None where there is nothing to change."""


def _without(log: Exhaustion, dropped: set[int]) -> Exhaustion:
    """Without some nodes, and what follows from them."""
    for node, parent in enumerate(log.parent.tolist()):
        if parent in dropped:
            dropped.add(node)
    kept = np.array([node for node in range(len(log.parent)) if node not in dropped], dtype=np.int64)
    number = np.full(len(log.parent) + 1, NONE, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    supposed = [replace(one, node=int(number[one.node])) for one in log.supposed]
    return Exhaustion(supposed, number[log.parent[kept]], log.applied[kept], number[log.same[kept]])


def drop(random: Random, log: Exhaustion) -> Exhaustion | None:
    """One child, with what follows from it."""
    children = np.flatnonzero(log.parent != NONE).tolist()
    return _without(log, {random.choice(children)}) if children else None


def cut(random: Random, log: Exhaustion) -> Exhaustion | None:
    """The tail."""
    last = max(one.node for one in log.supposed) + 1
    if last == len(log.parent):
        return None
    at = random.randrange(last, len(log.parent))
    return replace(log, parent=log.parent[:at], applied=log.applied[:at], same=log.same[:at])


def repoint(random: Random, log: Exhaustion) -> Exhaustion | None:
    """A node is said to be the same as another one."""
    children = np.flatnonzero(log.parent != NONE).tolist()
    if not children:
        return None
    node = random.choice(children)
    other = random.choice([one for one in range(len(log.parent)) if one != log.same[node]])
    same = log.same.copy()
    same[node] = other
    return replace(log, same=same)


def forget(random: Random, log: Exhaustion) -> Exhaustion | None:
    """A repeat is no longer said to be one."""
    repeats = np.flatnonzero(log.same != NONE).tolist()
    if not repeats:
        return None
    same = log.same.copy()
    same[random.choice(repeats)] = NONE
    return replace(log, same=same)


def retell(random: Random, log: Exhaustion) -> Exhaustion | None:
    """Another token, or another number of batches, is supposed; or something is not supposed any more."""
    at = random.randrange(len(log.supposed))
    one, supposed = log.supposed[at], list(log.supposed)
    changes = [replace(one, token="nobody's" if one.token is None else None)]
    changes += [replace(one, applied={row: number + 1 for row, number in one.applied.items()})] if one.applied else []
    supposed[at] = random.choice(changes)
    if len(supposed) > 1 and random.random() < 0.5:
        del supposed[at]
    return replace(log, supposed=supposed)


DAMAGE: tuple[Damage, ...] = (drop, cut, repoint, forget, retell)
