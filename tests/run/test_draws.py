"""Random numbers by turns: the same turn gives the same numbers, whatever was drawn before, and they look random."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import sqrt
from random import Random

import pytest

from fencepost.harness.draws import Draws

TURNS = 4000


def draws(seed: int = 1) -> Draws:
    return Draws(Random(seed))


def firsts(each: int = 1) -> list[float]:
    """The first few numbers of each turn: what matters here, since a turn is an operation and few draw much."""
    source, found = draws(), []
    for _ in range(TURNS // each):
        found += [source.random() for _ in range(each)]
        source.advance()
    return found


def test_a_turn_gives_the_same_numbers_again_and_however_much_was_drawn_before() -> None:
    greedy, modest = draws(), draws()
    for turn in range(20):
        numbers = [greedy.random() for _ in range(100 * turn)]
        greedy.gauss(0, 1)
        greedy.rewind()
        assert [greedy.random() for _ in range(100 * turn)] == numbers
        greedy.advance()
        modest.random()
        modest.advance()
    assert greedy.random() == modest.random()


def test_keys_and_turns_give_different_numbers() -> None:
    numbers = {source.random() for seed in range(200) for source in [draws(seed)]}
    assert len(numbers) == 200
    assert len(set(firsts())) == TURNS


@pytest.mark.parametrize("each", [1, 20], ids=["across turns", "within a turn"])
def test_the_numbers_are_uniform_and_do_not_depend_on_the_ones_before(each: int) -> None:
    numbers = firsts(each)
    assert all(0 <= number < 1 for number in numbers)
    mean = sum(numbers) / TURNS
    assert mean == pytest.approx(0.5, abs=4 / sqrt(12 * TURNS))
    buckets = Counter(int(number * 32) for number in numbers)
    squares = sum((buckets[bucket] - TURNS / 32) ** 2 / (TURNS / 32) for bucket in range(32))
    assert squares < 62, "chi-square with 31 degrees of freedom: a chance of 1 in 1,000"
    products = [(a - 0.5) * (b - 0.5) * 12 for a, b in pairwise(numbers)]
    assert sum(products) / len(products) == pytest.approx(0, abs=4 / sqrt(TURNS))


def test_all_that_a_random_does_it_does_from_the_turn() -> None:
    def everything(source: Draws) -> list[object]:
        return [
            source.randrange(10**12),
            source.choice("abcdef"),
            source.choices("abc", [1, 2, 3], k=5),
            source.sample(range(100), 5),
            source.uniform(2, 3),
            source.expovariate(2.0),
            source.gauss(0, 1),
            source.randbytes(10),
            source.getrandbits(200),
        ]

    one, other = draws(), draws()
    other.gauss(0, 1)  # which keeps a number back for its next call
    other.rewind()
    assert everything(one) == everything(other)
    one.advance()
    assert everything(one) != everything(other)
    assert {draws(seed).randrange(3) for seed in range(50)} == {0, 1, 2}
    assert max(draws(seed).getrandbits(64) for seed in range(50)) > 2**62


def test_it_has_no_state_to_be_set() -> None:
    source = draws()
    for call in (lambda: source.seed(1), source.getstate, lambda: source.setstate(())):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(ValueError, match="cannot be negative"):
        source.getrandbits(-1)
