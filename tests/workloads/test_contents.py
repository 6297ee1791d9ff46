"""Records, tokens and what is read from answers: the small things that the workloads are made of."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.history.digest import digest
from fencepost.harness.s2 import Ack, Answer, Batch, Position, Tail, command_of
from fencepost.workloads.answers import tail_of, token_refusal
from fencepost.workloads.choice import Weighted, between, small
from fencepost.workloads.records import batch, identity, record
from fencepost.workloads.tokens import LONGEST, may_be_set_again, similar, unique


def test_records_with_different_names_differ_and_are_ordinary() -> None:
    random = Random(1)
    names = [f"{identity(thread, n)}.{i}" for thread in (1, 11) for n in (1, 11, 111) for i in (0, 1, 11)]
    records = [record(name, random) for _ in range(100) for name in names]
    by_name: dict[bytes, set[bytes]] = {}
    for made in records:
        assert command_of(made) is None
        by_name.setdefault(made.body.split(b" ")[0], set()).add(digest(made).to_bytes(8, "big"))
    assert {name.decode() for name in by_name} == set(names)
    digests = [digest for group in by_name.values() for digest in group]
    assert len(digests) == len(set(digests)), "two records of different names are equal"


def test_padding_follows_from_the_name() -> None:
    assert [record("t1-1.0", Random(seed)) for seed in range(9)] == [
        record("t1-1.0", Random(seed)) for seed in range(9)
    ]
    longer = [record("t1-1.0", Random(seed)).body for seed in range(200)]
    kinds = {body[7:15] for body in longer if len(body) > 40}
    assert len(kinds) == 2, "text or binary, from the same place"
    assert any(not body.isascii() for body in longer)


def test_batches_number_their_records() -> None:
    random = Random(2)
    sizes = Counter[int]()
    for _ in range(600):
        made = batch("t1-1", random, 15)
        sizes[len(made)] += 1
        assert [each.body.split(b" ")[0] for each in made] == [b"t1-1.%d" % i for i in range(len(made))]
    assert set(sizes) == set(range(1, 16))
    assert sizes[1] > sizes[15]


def test_unique_tokens_are_unique_and_fit() -> None:
    random = Random(3)
    tokens: list[str] = []
    for n in range(3000):
        in_force = random.choice([None, "", *tokens[-3:]])
        tokens.append(unique(identity(n % 13, n), in_force, random.random() < 0.3, random))
    assert len(set(tokens)) == len(tokens)
    assert max(len(token.encode()) for token in tokens) == LONGEST
    assert any(b.startswith(a) for a in tokens[:50] for b in tokens[:50] if a != b)


def test_a_token_whose_fence_is_alone_is_never_set_again() -> None:
    random = Random(4)
    alone = [unique(identity(1, n), None, True, random) for n in range(300)]
    assert not any(may_be_set_again(token) for token in alone)
    set_again: set[str] = set()
    for n in range(300):
        longer = unique(identity(2, n), alone[n], False, random)
        set_again |= {other for other in (similar(longer, random) for _ in range(20)) if may_be_set_again(other)}
    assert set_again
    assert not set_again & set(alone)


@pytest.mark.parametrize(
    "token", ["", "t1-2~", "t1-2~" + "=" * 31, "ét1-2~", "e\u0301t1-2~", "漢字t1-2!", "0", "a" * 36]
)
def test_similar_tokens_are_others_and_fit(token: str) -> None:
    random = Random(5)
    others = {similar(token, random) for _ in range(200)}
    assert token not in others
    assert max(len(other.encode()) for other in others) <= LONGEST
    if token:
        assert "" in others
        assert len(others) >= 3
        assert any(other and token.startswith(other) for other in others) or len(token) == 1


POSITION = Position(7, 1)


@pytest.mark.parametrize(
    ("outcome", "tail", "token"),
    [
        (Ok(Ack(Position(1, 1), Position(3, 1), POSITION)), 7, None),
        (Ok(Tail(POSITION)), 7, None),
        (Ok(Batch(())), None, None),
        (Definite("x", 412, {"seq_num_mismatch": 7}), 7, None),
        (Definite("x", 412, {"fencing_token_mismatch": ""}), None, ""),
        (Definite("x", 416, {"tail": {"seq_num": 7, "timestamp": 1}}), 7, None),
        (Definite("not_sent"), None, None),
        (Definite("x", 416, {"tail": None}), None, None),
        (Definite("x", 412, {"seq_num_mismatch": "7", "fencing_token_mismatch": 7}), None, None),
        (Indefinite("lost", 500, {"tail": {"seq_num": 7}, "fencing_token_mismatch": "a"}), None, None),
    ],
)
def test_what_answers_teach(outcome: Outcome[Answer], tail: int | None, token: str | None) -> None:
    assert tail_of(outcome) == tail
    assert token_refusal(outcome) == token


def test_choices_keep_their_proportions_and_ranges() -> None:
    random = Random(6)
    table: Weighted[Any] = Weighted([(1.0, "a"), (3.0, "b")])
    drawn = Counter(table.draw(random) for _ in range(4000))
    assert drawn["b"] / 4000 == pytest.approx(0.75, abs=0.035)
    assert {between(3, 6, random) for _ in range(200)} == {3, 4, 5, 6}
    assert between(3, 2, random) == 3
    assert {small(4, random) for _ in range(200)} == {1, 2, 3, 4}
    with pytest.raises(ValueError, match="positive"):
        Weighted([(0.0, "a")])
