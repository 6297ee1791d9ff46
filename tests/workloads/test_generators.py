"""The combinators: each does what it says, whatever it is built of, and under both kinds of scheduler."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from fencepost.harness.client.outcome import Ok
from fencepost.harness.generators import (
    Spacing,
    bounded,
    cycle,
    each_process,
    each_thread,
    limit,
    map_each,
    mix,
    on_threads,
    on_update,
    once,
    phases,
    repeat,
    reserve,
    sequence,
    stagger,
    time_limit,
    unfold,
)
from fencepost.harness.s2 import CheckTail, Position, Read, Tail
from fencepost.harness.workload import PENDING, Completion, Context, Generator, Invocation, Step, WorkloadOptions
from fencepost.testing.simulator import MILLISECOND, SECOND, Conditions, Operation, simulate

both_schedulers = pytest.mark.parametrize("hold", [True, False], ids=["hold", "ask-again"])


def named(purpose: str, thread: int | None = None) -> Invocation:
    return Invocation("s", CheckTail(), thread, purpose)


def purposes(operations: list[Operation]) -> list[str]:
    """In the order of invocation."""
    return [o.invocation.purpose for o in sorted(operations, key=lambda o: o.number)]


def context(free: tuple[int, ...] = (0, 1), threads: tuple[int, ...] = (0, 1), time: int = 0, seed: int = 0) -> Context:
    return Context(time, threads, free, tuple(range(len(threads))), Random(seed))


# sources


def test_a_sequence_gives_each_of_its_operations_once_and_in_order() -> None:
    assert purposes(simulate(sequence(*(named(str(i)) for i in range(25))))) == [str(i) for i in range(25)]
    assert purposes(simulate(once(named("a")))) == ["a"]


@pytest.mark.parametrize("source", [once(named("a")), repeat(named("a")), unfold(lambda s, c: (named("a"), s), 0)])
def test_a_source_waits_while_no_thread_is_free(source: Generator) -> None:
    step = source.next(context(free=()))
    assert step is not None
    assert step[0] is PENDING


def test_an_operation_for_a_busy_thread_waits_for_it() -> None:
    operations = simulate(sequence(*(named("a", thread=3) for _ in range(10))))
    assert [o.thread for o in operations] == [3] * 10
    assert all(later.invoked >= earlier.completed for earlier, later in pairwise(operations))


def test_unfold_passes_its_state_on_and_ends_with_it() -> None:
    def count(state: int, context: Context) -> tuple[Invocation, int] | None:
        return (named(str(state)), state + 1) if state < 7 else None

    assert purposes(simulate(unfold(count, 3))) == ["3", "4", "5", "6"]


# bounds


@both_schedulers
@pytest.mark.parametrize("count", [0, 1, 17, 100])
def test_a_limit_is_exact(count: int, hold: bool) -> None:
    generator = limit(count, stagger(500, repeat(named("a"))))
    assert len(simulate(generator, Conditions(hold=hold, indefinite=0.2))) == count


@both_schedulers
def test_no_operation_starts_after_the_time_limit(hold: bool) -> None:
    operations = simulate(time_limit(2, stagger(300, repeat(named("a")))), Conditions(hold=hold))
    starts = [o.invocation.time for o in operations]
    assert max(starts) < 2 * SECOND
    assert max(starts) > 1.9 * SECOND
    assert len(operations) == pytest.approx(600, abs=125)  # five standard deviations


def test_a_time_limit_counts_from_its_own_beginning() -> None:
    def short(name: str) -> Generator:
        return time_limit(0.5, repeat(named(name)))

    operations = simulate(phases(short("a"), short("b")), Conditions(threads=2))
    begin = min(o.invoked for o in operations if o.invocation.purpose == "b")
    end = max(o.invoked for o in operations)
    assert begin >= 0.5 * SECOND
    assert 0.45 * SECOND < end - begin < 0.5 * SECOND


def test_a_backlog_is_dropped_when_the_time_is_over() -> None:
    # One thread, 100 ms an operation, 1000 operations a second: it is behind from the start.
    operations = simulate(
        time_limit(1, stagger(1000, repeat(named("a")))), Conditions(threads=1, latency=100 * MILLISECOND)
    )
    assert len(operations) < 40
    assert max(o.invoked for o in operations) < SECOND


@both_schedulers
def test_intended_starts_do_not_depend_on_how_long_operations_take(hold: bool) -> None:
    generator = limit(400, stagger(100, repeat(named("a")), Spacing.EVEN))
    fast = simulate(generator, Conditions(hold=hold))
    slow = simulate(generator, Conditions(hold=hold, latency=300 * MILLISECOND))
    expected = [i * SECOND // 100 for i in range(400)]
    assert sorted(o.invocation.time or 0 for o in fast) == expected
    assert sorted(o.invocation.time or 0 for o in slow) == expected
    assert all(o.invoked >= (o.invocation.time or 0) for o in slow), "an operation started before it was meant to"
    late = sum(o.invoked > (o.invocation.time or 0) for o in slow)
    assert late > 300, "ten threads cannot keep up with this rate, so most operations start late"


def test_poisson_gaps_are_exponential() -> None:
    starts = sorted(o.invocation.time or 0 for o in simulate(limit(4000, stagger(1000, repeat(named("a"))))))
    gaps = [(b - a) / MILLISECOND for a, b in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1, rel=0.08)
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.04)  # e⁻¹


def test_the_options_of_a_run_bound_a_workload() -> None:
    forever = repeat(named("a"))
    assert len(simulate(bounded(forever, WorkloadOptions(("s",), 10, 0, operations=12)))) == 12
    timed = simulate(bounded(forever, WorkloadOptions(("s",), 10, 0, time_limit=1, operations=50, rate=200)))
    assert len(timed) == 50
    assert max(o.invoked for o in timed) > 0.1 * SECOND


@pytest.mark.parametrize(
    "make",
    [
        lambda: limit(-1, repeat(named("a"))),
        lambda: time_limit(-1, repeat(named("a"))),
        lambda: time_limit(float("nan"), repeat(named("a"))),
        lambda: stagger(0, repeat(named("a"))),
        lambda: mix((0, repeat(named("a")))),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"must be positive|cannot be negative"):
        make()


# order


@both_schedulers
def test_phases_are_barriers(hold: bool) -> None:
    parts = [limit(40, stagger(800, repeat(named(name)))) for name in "abc"]
    operations = simulate(phases(*parts), Conditions(hold=hold, indefinite=0.1))
    assert Counter(purposes(operations)) == {"a": 40, "b": 40, "c": 40}
    for before, after in ("ab", "bc"):
        end = max(o.completed for o in operations if o.invocation.purpose == before)
        assert all(o.invoked >= end for o in operations if o.invocation.purpose == after)


def test_a_phase_of_some_threads_waits_for_these_alone() -> None:
    own = on_threads((0, 1), phases(limit(4, repeat(named("first"))), limit(4, repeat(named("second")))))
    operations = simulate(reserve((2, own), rest=limit(400, repeat(named("rest")))), Conditions(threads=6))
    end = max(o.completed for o in operations if o.invocation.purpose == "first")
    begin = min(o.invoked for o in operations if o.invocation.purpose == "second")
    assert begin >= end
    assert any(o.invoked < begin < o.completed for o in operations if o.invocation.purpose == "rest")


def test_a_cycle_begins_again() -> None:
    names = purposes(simulate(limit(8, cycle(sequence(named("a"), named("b"), named("c"))))))
    assert names == list("abcabcab")
    assert simulate(cycle(sequence())) == []


# routing


def test_a_mixture_keeps_its_proportions() -> None:
    counts = Counter(purposes(simulate(limit(4000, mix((3, repeat(named("a"))), (1, repeat(named("b"))))))))
    assert counts["a"] / 4000 == pytest.approx(0.75, abs=0.035)


def test_a_mixture_goes_on_without_what_is_exhausted_or_has_nothing_for_now() -> None:
    waiting = phases(limit(1, repeat(named("first"))), repeat(named("never: the others keep the threads busy")))
    generator = mix((1, limit(5, repeat(named("a")))), (1, limit(500, repeat(named("b")))), (50, waiting))
    counts = Counter(purposes(simulate(limit(450, generator))))
    assert counts["a"] == 5
    assert counts["first"] == 1
    assert counts["b"] > 300


@dataclass(frozen=True)
class Listener:
    """Counts what it is told, and says it: ``heard`` are (thread, process) of completions."""

    name: str
    heard: tuple[tuple[int, int], ...] = ()

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING, self
        return named(f"{self.name} {len(self.heard)}"), self

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Invocation):
            return self
        return replace(self, heard=(*self.heard, (event.thread, event.process)))


def test_each_thread_has_its_own_state_and_keeps_it_over_processes() -> None:
    operations = simulate(limit(300, each_thread(lambda t: Listener(f"of {t}"))), Conditions(threads=4, indefinite=0.2))
    assert len({o.process for o in operations}) > 20
    for thread in range(4):
        own = [o for o in operations if o.thread == thread]
        assert purposes(own) == [f"of {thread} {i}" for i in range(len(own))]


def test_each_process_begins_anew() -> None:
    operations = simulate(
        limit(300, each_process(lambda p: Listener(f"of {p}"))), Conditions(threads=4, indefinite=0.2)
    )
    processes = {o.process for o in operations}
    assert len(processes) > 20
    for process in processes:
        own = [o for o in operations if o.process == process]
        assert purposes(own) == [f"of {process} {i}" for i in range(len(own))]


def test_a_process_does_not_hear_of_the_process_after_it() -> None:
    step = each_process(lambda p: Listener(f"of {p}")).next(context())
    assert step is not None
    generator = step[1]
    own, successors = (Completion(1, 0, process, named("a", 0), Ok(Tail(Position(0, 0)))) for process in (0, 2))
    assert generator.update(context(), successors) == generator
    assert generator.update(context(), own) != generator


@dataclass(frozen=True)
class Hesitant:
    """Has nothing for now so many times, then one operation."""

    times: int

    def next(self, context: Context) -> Step:
        return (PENDING, Hesitant(self.times - 1)) if self.times else (named("at last"), sequence())

    def update(self, context: Context, event: Invocation | Completion) -> Generator:
        return self


@pytest.mark.parametrize(
    "generator",
    [
        each_thread(lambda t: Hesitant(5)),
        mix((1, Hesitant(5)), (1, Hesitant(9))),
        reserve((1, Hesitant(3)), rest=Hesitant(5)),
    ],
    ids=["each_thread", "mix", "reserve"],
)
def test_what_has_nothing_for_now_moves_on_all_the_same(generator: Generator) -> None:
    assert len(simulate(generator, Conditions(threads=2))) == 2


def test_each_thread_takes_the_operation_that_is_due_first() -> None:
    def starts_at(thread: int) -> Generator:
        return once(structs.replace(named(str(thread)), time=(10 - thread) * SECOND))

    assert purposes(simulate(each_thread(starts_at))) == [str(thread) for thread in range(9, -1, -1)]


def test_threads_are_reserved_in_order() -> None:
    generator = reserve(
        (2, repeat(named("writes"))), (1, each_thread(lambda t: repeat(named("checks")))), rest=repeat(named("reads"))
    )
    operations = simulate(limit(400, generator), Conditions(threads=6))
    threads = {name: {o.thread for o in operations if o.invocation.purpose == name} for name in purposes(operations)}
    assert threads == {"writes": {0, 1}, "checks": {2}, "reads": {3, 4, 5}}


@pytest.mark.parametrize(
    "generator",
    [
        reserve((1, limit(3, repeat(named("own")))), rest=limit(2, repeat(named("rest")))),
        reserve(
            (1, limit(3, repeat(named("own")))), (4, on_threads((7,), repeat(named("far")))), rest=repeat(named("x"))
        ),
    ],
    ids=["rest", "share"],
)
def test_what_has_no_thread_keeps_nobody_waiting(generator: Generator) -> None:
    operations = simulate(generator, Conditions(threads=1))
    assert [o.invocation.purpose for o in operations] == ["own"] * 3


def test_a_generator_on_some_threads_uses_and_hears_these_alone() -> None:
    generator = mix((1, on_threads((1, 2), Listener("own"))), (1, on_threads((0, 3), repeat(named("other")))))
    operations = simulate(limit(200, generator), Conditions(threads=4))
    own = [o for o in operations if o.invocation.purpose.startswith("own")]
    assert {o.thread for o in own} == {1, 2}
    most = max(int(o.invocation.purpose.split()[1]) for o in own)
    assert most < len(own)


# reaction


def test_every_operation_is_mapped() -> None:
    operations = simulate(map_each(lambda i: structs.replace(i, call=Read(seq_num=0)), limit(5, repeat(named("a")))))
    assert [o.invocation.call for o in operations] == [Read(seq_num=0)] * 5


def test_on_update_may_replace_the_generator() -> None:
    def stop(generator: Generator, context: Context, event: Invocation | Completion) -> Generator:
        if isinstance(event, Completion) and event.invocation.purpose == "b":
            return sequence()
        return generator.update(context, event)

    operations = simulate(on_update(stop, sequence(*map(named, "aab"), *map(named, "c" * 1000))))
    assert purposes(operations)[:3] == list("aab")
    assert 3 <= len(operations) < 60


# any composition


@dataclass(frozen=True)
class Tree:
    """A composition, and how many operations it must give, by an independent count: ``count(threads)``."""

    text: str
    generator: Generator
    counts: tuple[float, ...]  # indexed by the number of threads that it may use

    def __repr__(self) -> str:
        return self.text


THREADS = 5
_each_count = range(THREADS + 1)


def leaf(count: int) -> Tree:
    source = sequence(*(named("leaf") for _ in range(count)))
    return Tree(f"sequence({count})", source, tuple(count if n else 0 for n in _each_count))


def grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def limited(count: int, tree: Tree) -> Tree:
        return Tree(f"limit({count}, {tree})", limit(count, tree.generator), tuple(min(count, c) for c in tree.counts))

    def repeated(count: int, tree: Tree) -> Tree:
        counts = tuple(min(count, inf if c else 0) for c in tree.counts)
        return Tree(f"limit({count}, cycle({tree}))", limit(count, cycle(tree.generator)), counts)

    def followed(trees: list[Tree]) -> Tree:
        counts = tuple(map(sum, zip(*(tree.counts for tree in trees), strict=True)))
        return Tree(f"phases({trees})", phases(*(tree.generator for tree in trees)), counts)

    def mixed(trees: list[Tree]) -> Tree:
        counts = tuple(map(sum, zip(*(tree.counts for tree in trees), strict=True)))
        return Tree(f"mix({trees})", mix(*((i + 1, tree.generator) for i, tree in enumerate(trees))), counts)

    def for_each(tree: Tree) -> Tree:
        counts = tuple(n * tree.counts[1] if n else 0 for n in _each_count)
        return Tree(f"each_thread({tree})", each_thread(lambda thread: tree.generator), counts)

    def reserved(first: Tree, rest: Tree) -> Tree:
        counts = tuple(first.counts[min(n, 2)] + rest.counts[max(0, n - 2)] for n in _each_count)
        return Tree(f"reserve(2, {first}, {rest})", reserve((2, first.generator), rest=rest.generator), counts)

    def staggered(tree: Tree, spacing: Spacing) -> Tree:
        return Tree(f"stagger({tree}, {spacing})", stagger(1000, tree.generator, spacing), tree.counts)

    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(limited, st.integers(0, 9), inner),
        st.builds(repeated, st.integers(0, 9), inner),
        st.builds(followed, some),
        st.builds(mixed, some),
        st.builds(for_each, inner),
        st.builds(reserved, inner, inner),
        st.builds(staggered, inner, st.sampled_from(Spacing)),
    )


trees = st.recursive(st.builds(leaf, st.integers(0, 5)), grown, max_leaves=6)


@given(trees.filter(lambda tree: tree.counts[THREADS] < 300), st.booleans(), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_any_composition_keeps_the_laws_and_gives_exactly_its_operations(tree: Tree, hold: bool, seed: int) -> None:
    operations = simulate(tree.generator, Conditions(threads=THREADS, hold=hold, indefinite=0.1), seed)
    assert len(operations) == tree.counts[THREADS], f"seed {seed}"
    assert simulate(tree.generator, Conditions(threads=THREADS, hold=hold, indefinite=0.1), seed) == operations
