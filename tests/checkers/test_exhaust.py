"""The exhaustive search on the specification: what it finds and excludes, against searches without its shortcuts."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from fencepost.checkers.kernel import situation
from fencepost.checkers.kernel.accept import accept
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.kernel.columns import Requirements, requirements, rows_of
from fencepost.checkers.kernel.exhaust import Exhausted, Found, Over, exhaust
from fencepost.harness.check_limits import Budget
from fencepost.harness.history.history import History, Int64s
from fencepost.testing import Op, append, check_tail, history, part, read, whole
from tests.checkers.damage import story_of
from tests.checkers.literal import has_order
from tests.checkers.partitions import hard, spoiled, three_partition, triples
from tests.checkers.stories import ALL


def stream_of(found: History) -> tuple[Requirements, Int64s]:
    (rows,) = rows_of(found)
    return requirements(found, 0, rows), rows


def search(found: History, **budget: float) -> Found | Exhausted | Over:
    """What a search says; what it finds must be accepted."""
    asked, rows = stream_of(found)
    result = exhaust(asked, rows, Spending(Budget(**budget)))  # type: ignore[arg-type]
    if isinstance(result, Found):
        accept(asked, rows, result.order)
    return result


def is_explained(*ops: Op, tail: int = 0, token: str | None = "", unique: bool = True) -> bool:
    result = search(history(*ops, tail=tail, token=token, unique=unique), states=10_000)
    assert not isinstance(result, Over)
    return isinstance(result, Found)


@pytest.mark.parametrize("band", range(3))
def test_a_search_that_takes_no_shortcut_agrees(band: int) -> None:
    for seed in range(50 * band, 50 * (band + 1)):
        story = story_of(seed, ALL)
        found = isinstance(search(story.history, states=10_000), Found)
        assert found == has_order(*stream_of(story.history)), story


@pytest.mark.parametrize("seed", range(5))
def test_a_partition_is_found_if_there_is_one(seed: int) -> None:
    sizes = triples(Random(seed), 5, 43)
    Random(seed).shuffle(sizes)
    assert is_explained(*three_partition(sizes, 5))
    assert not is_explained(*three_partition(spoiled(sizes), 5))


# -- what leaves no choice


def test_what_makes_a_record_vanish_waits_for_those_that_return_it() -> None:
    """Both overlap; the one that was invoked first saw that the record was gone."""
    base = append(0, 0, 1, "a b trim=2", ack=0), append(0, 2, 3, "c", ack=3)
    first, later = read(1, 5, 9, 0, saw="#2 trim=2 c"), read(2, 6, 8, 0, saw="a b trim=2 c")
    assert is_explained(*base, first, later)
    assert not is_explained(*base, read(1, 5, 6, 0, saw="#2 trim=2 c"), read(2, 7, 8, 0, saw="a b trim=2 c"))


def test_what_makes_a_record_vanish_may_take_away_why_another_read_ended() -> None:
    """There was no room for the first record (the small one would have fitted), or it had gone."""
    base = (append(0, 0, 1, "a~90 b~10 trim=2~20", ack=0),)
    small, gone = read(1, 5, 9, 0, saw="", bytes=50), read(2, 6, 9, 0, saw="#2 trim=2~20")
    assert is_explained(*base, small, gone)
    assert not is_explained(*base, read(2, 2, 3, 0, saw="#2 trim=2~20"), read(1, 5, 9, 0, saw="", bytes=50))


def test_a_refused_batch_waits_for_those_of_its_session_that_may_have_come() -> None:
    lost, refused = append(0, 0, None, "a", session=1), append(0, 1, 9, "b", match=7, tail=1, session=1)
    assert is_explained(lost, refused, check_tail(1, 10, 11, 1))
    lost = append(0, 0, None, "a b", session=1)
    refused = append(0, 1, 9, "c", match=7, tail=0, session=1)
    assert is_explained(lost, refused, check_tail(1, 10, 11, 0))
    assert not is_explained(lost, refused, check_tail(1, 10, 11, 2))


def test_a_batch_that_found_no_stream_may_be_all_that_was_answered() -> None:
    refused = append(0, 1, 9, "b", failed="stream_not_found", status=404, session=1)
    assert is_explained(append(0, 0, None, "a", session=1), refused)


@pytest.mark.parametrize(("offset", "trim", "explained"), [(0, 1, True), (1, 3, True), (1, 2, False)])
def test_a_read_may_begin_at_each_tail_that_there_was(offset: int, trim: int, explained: bool) -> None:
    """The tail was 2 or 3 when it began, and the first record that it saw was at 3: what it skipped must have gone."""
    base = append(0, 0, 1, "a b", ack=0), append(0, 6, 7, f"trim={trim}", ack=2), append(0, 10, 11, "d", ack=3)
    parts = [part(8, "", followed=2), part(15, "d", at=3)]
    assert is_explained(*base, read(1, 5, 20, session=3, tail_offset=offset, parts=parts)) is explained


def test_what_a_process_does_next_waits_for_the_clock() -> None:
    """The later read begins as the earlier ends, which has to be placed before what both overlap."""
    base, earlier = append(0, 1, 2, "a", ack=0), read(0, 3, 20, 0, wait=1, saw="a")
    beside, later = read(1, 3, 10, 0, session=1, parts=[part(8, "a")], saw=""), read(0, 20, 30, 0, saw="a")
    assert is_explained(base, earlier, beside, later)


# -- what is left open


def test_each_first_token_is_tried_and_one_that_nobody_names() -> None:
    acked = append(0, 0, 1, "a", token="x", ack=0)
    assert is_explained(acked, token=None)
    assert not is_explained(acked, append(0, 2, 3, "b", token="y", ack=1), token=None)
    refused = append(0, 0, 1, "a", token="x", failed="condition_failed", status=412)
    assert is_explained(refused, token=None)
    assert not is_explained(refused, acked, token="x")


def test_a_timestamp_that_nobody_told_may_be_early_or_late_but_not_both() -> None:
    lost = append(0, 0, None, "a"), append(0, 0, None, "b"), append(0, 0, None, "c")
    known = read(1, 5, 6, 2, saw="c@1010")
    early, late = read(2, 7, 8, timestamp=1005, saw="c@1010", at=2), read(3, 7, 8, 0, saw="", until=1005)
    assert is_explained(*lost, known, early)
    assert is_explained(*lost, known, late)
    assert not is_explained(*lost, known, early, late)
    assert is_explained(*lost, known, read(2, 7, 8, timestamp=1006, saw="c@1010", at=2), late)


def test_of_what_was_there_before_only_what_a_read_passed_over_is_gone() -> None:
    """Something must be left of the time that the later read asks for, and all of that is too late for it."""
    later = check_tail(0, 1, 2, 6), read(0, 5, 6, timestamp=998, until=998, saw="")
    assert is_explained(*later, read(1, 3, 4, 4, saw=""), tail=6)
    assert not is_explained(*later, read(1, 3, 4, 0, saw=""), tail=6)


# -- appends of unknown outcome


@pytest.mark.parametrize("lost", list(permutations(("a~10", "b~100", "c~10", "d~10")))[::5])
def test_what_a_read_had_no_room_for_is_remembered_whoever_came_after_it(lost: tuple[str, ...]) -> None:
    """The large record has to be the first of three, of which the sizes are the same in every order."""
    ops = [append(i, 0, None, one) for i, one in enumerate(lost)]
    assert is_explained(*ops, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=50))
    ops = [one for one in ops if one.records[0].name != "b"]
    assert not is_explained(*ops, check_tail(7, 1, 2, 3), read(8, 3, 4, 0, saw="", bytes=50))


def test_equal_contents_with_different_conditions_are_told_apart() -> None:
    lost = append(0, 0, None, "a", token="x"), append(1, 0, None, "a", match=1)
    fence = append(2, 1, 2, "fence=x", ack=0)
    saw = read(3, 9, 10, 0, saw="fence=x a b a"), append(4, 5, 6, "b", ack=2)
    assert is_explained(*lost, fence, *saw, unique=False)
    assert not is_explained(append(0, 0, None, "a", token="y"), lost[1], fence, *saw, unique=False)


def test_what_is_undecided_before_a_contradiction_does_not_multiply() -> None:
    """Ten holes of which each may be any of forty; then a tail that nobody can have seen."""
    lost = [append(i, 0, None, f"a{i}", gave_up=1, token="" if i % 2 else None) for i in range(40)]
    acked = [append(100, 10 * i + 2, 10 * i + 3, f"b{i}", ack=2 * i + 1) for i in range(10)]
    stale = check_tail(101, 110, 111, 19)
    result = search(history(*lost, *acked, stale))
    assert isinstance(result, Exhausted)
    assert result.nodes < 100
    assert is_explained(*lost, *acked)


def test_no_append_is_applied_twice() -> None:
    lost = append(0, 0, None, "a b"), append(1, 0, None, "c d e")
    acked = append(2, 1, 2, "f", ack=2), append(2, 3, 4, "g", ack=6)
    assert is_explained(*lost, *acked)
    assert not is_explained(*lost, *acked, append(2, 5, 6, "h", ack=9))


def test_a_hash_tells_who_wrote_what_nobody_acknowledged() -> None:
    lost = append(0, 0, None, "a"), append(1, 0, None, "b"), append(2, 0, None, "a b")
    assert is_explained(*lost, whole(3, 5, 6, "b a"), unique=False)
    assert is_explained(*lost, whole(3, 5, 6, "a b"), whole(3, 7, 8, "a b a b"), unique=False)
    assert not is_explained(*lost, whole(3, 5, 6, "b b"), unique=False)
    assert not is_explained(*lost, whole(3, 5, 6, "a"), whole(3, 7, 8, "b a"), unique=False)


# -- the budget


def test_a_search_is_the_same_each_time() -> None:
    found = history(*three_partition(spoiled(triples(Random(1), 5, 43)), 5))
    first = search(found)
    assert isinstance(first, Exhausted)
    assert first == search(found, states=first.nodes)
    assert isinstance(search(found, states=first.nodes - 1), Over)


def test_a_budget_ends_a_search_and_it_says_how_far_it_came() -> None:
    result = search(history(*hard()), states=200)
    assert isinstance(result, Over)
    assert (result.nodes, result.reason) == (200, "the search was given up after 200 states")
    assert result.tail > 403
    result = search(history(*hard()), bytes=2**16)
    assert isinstance(result, Over)


def test_an_interrupt_ends_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    ways, calls = situation.Situation.ways, iter(range(100))

    def interrupted(here: situation.Situation) -> list[int]:
        if next(calls) == 10:
            raise KeyboardInterrupt
        return ways(here)

    monkeypatch.setattr(situation.Situation, "ways", interrupted)
    result = search(history(*three_partition(spoiled(triples(Random(1), 5, 43)), 5)))
    assert isinstance(result, Over)
    assert result.reason == f"the search was interrupted after {result.nodes} states"
    assert result.furthest is not None
