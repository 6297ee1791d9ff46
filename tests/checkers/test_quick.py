"""The fast acceptance accepts nothing that is not valid, and does accept most of what is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xxhash
from benchmarks.porcupine_history import Flow, Recipe, Violation, write

from fencepost.checkers.chain.folding import folded
from fencepost.checkers.chain.stream import streams
from fencepost.checkers.linearizability import Linearizability, checker, compiled_loops, loops, quick
from fencepost.checkers.linearizability.quick import Accepted, accept
from fencepost.harness.history.history import NONE, History, Kind, Outcome
from fencepost.harness.history.s2_porcupine.scanner import scan
from fencepost.harness.verdict import CheckResult, Validity
from fencepost.testing import history
from tests.checkers.oracle import explain
from tests.checkers.test_oracle import story_of

HISTORIES = 4000
"""Many more are in test_oracle.py: the checker asks for the fast acceptance first."""

PARTS = 2


@pytest.fixture(params=[loops, compiled_loops], ids=["plain", "compiled"])
def flavour(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(quick, "_loops", lambda _: request.param)
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_accepted_has_an_explanation(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "_loops", lambda _: compiled_loops if part % 2 else loops)
    said: Counter[bool] = Counter()
    size = HISTORIES // PARTS
    for seed in range(part * size, (part + 1) * size):
        story = story_of(seed)
        for stream in streams(history(*story.ops, tail=story.tail, token=story.token)):
            accepted = accept(stream)
            said[accepted is not None] += 1
            if accepted is not None:
                assert explain(story.ops, story.tail, story.token) is not None, f"accepted, but invalid:\n{story}"
                _replay(accepted)
    assert said[True] > size // 20  # with trims, waiting reads and lost appends that landed, most are not so simple


def _replay(accepted: Accepted) -> None:
    """The order respects real time and process order, and every answer is right where it stands."""
    held, order = accepted.stream.history, accepted.order()
    assert sorted(order.tolist()) == np.flatnonzero(_constrained(accepted.stream.history, accepted)).tolist()
    tail, token, latest = accepted.tail, accepted.token, -1
    for row in order.tolist():
        assert int(held.returned[row]) >= latest, "it returned before one that was invoked earlier in the order"
        latest = max(latest, int(held.invoked[row]))
        appends = held.appends
        if appends.start[row] != NONE:
            assert appends.start[row] == tail
            assert appends.match_seq_num[row] in (NONE, tail)
            assert appends.token[row] in (NONE, token)
            tail, token = (
                int(appends.end[row]),
                int(appends.last_fence[row] if appends.last_fence[row] != NONE else token),
            )
        if held.observed_tail[row] != NONE:
            assert held.observed_tail[row] == tail
        if held.seq_num_mismatch[row] != NONE:
            assert held.seq_num_mismatch[row] == tail
            assert appends.token[row] in (NONE, token)
        if held.token_mismatch[row] != NONE:
            assert held.token_mismatch[row] == token
        low, high = held.reads.offset[row], held.reads.offset[row + 1]
        assert low == high or held.reads.seq_num[high - 1] < tail


def _constrained(held: History, accepted: Accepted) -> np.ndarray:
    answered = (held.outcome == Outcome.OK) | (held.seq_num_mismatch != NONE) | (held.token_mismatch != NONE)
    return np.asarray(answered & (held.stream == accepted.stream.index))


RECIPES = [
    Recipe(900, clients=1),
    Recipe(900, clients=20),
    Recipe(900, clients=20, flow=Flow.MATCH, lost=0.05, seed=2),
    Recipe(900, clients=20, flow=Flow.FENCED, seed=3),
    Recipe(900, clients=50, flow=Flow.FENCED, lost=0.05, seed=4),
    Recipe(900, clients=3, lost=0.1, seed=5),
]


def collected(folder: Path, recipe: Recipe) -> History:
    write(folder / "h", recipe)
    found = scan(folder / "h")
    assert found is not None
    return found


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_a_collector_records_of_a_correct_stream_is_accepted(
    tmp_path: Path, recipe: Recipe, flavour: ModuleType
) -> None:
    (stream,) = streams(collected(tmp_path, recipe))
    accepted = accept(stream)
    assert accepted is not None
    _replay(accepted)


@pytest.mark.parametrize("violation", [one for one in Violation if one])
@pytest.mark.parametrize("recipe", RECIPES)
def test_one_violation_at_the_end_is_enough(
    tmp_path: Path, recipe: Recipe, violation: Violation, flavour: ModuleType
) -> None:
    (stream,) = streams(collected(tmp_path, replace(recipe, violation=violation)))
    assert accept(stream) is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_whole_pipeline_says_the_same_of_what_is_accepted(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = collected(tmp_path, recipe)
    assert _both(found, monkeypatch)[0].validity is Validity.VALID


def test_it_says_the_same_of_small_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is not accepted nothing else is said: the rest of the checker looks at it as if nobody had before."""
    compared = 0
    for seed in range(1500):
        story = story_of(seed)
        found = history(*story.ops, tail=story.tail, token=story.token)
        if any(accept(stream) is not None for stream in streams(found)):
            compared += 1
            _both(found, monkeypatch)
    assert compared > 100


def _both(found: History, monkeypatch: pytest.MonkeyPatch) -> tuple[CheckResult, CheckResult]:
    with_it = Linearizability().check(found)
    with monkeypatch.context() as without:
        without.setattr(checker, "accept", lambda _: None)
        whole = Linearizability().check(found)
    assert _comparable(with_it) == _comparable(whole)
    return with_it, whole


def _comparable(result: CheckResult) -> CheckResult:
    """Without what tells of the search: that may be needed to say the same."""
    streams = {
        name: {key: value for key, value in told.items() if key not in ("states-searched", _APPLIED)}
        for name, told in result.details["streams"].items()
    }
    return replace(result, details=streams)


_APPLIED = "appends-indefinite-unseen-applied"


def test_answers_changed_at_random_are_never_accepted_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a history that is accepted, one answer is moved: by the whole pipeline, most are invalid then."""
    random = np.random.default_rng(11)
    accepted = 0
    for number in range(150):
        found = collected(tmp_path, Recipe(60, clients=4, flow=Flow(number % 3), seed=number))
        rows = np.flatnonzero((found.observed_tail != NONE) & (found.kind == Kind.CHECK_TAIL))
        row = int(random.choice(rows))
        tails = found.observed_tail.copy()
        tails[row] = max(0, tails[row] + int(random.integers(-9, 10)))
        changed = replace(found, observed_tail=tails)
        (stream,) = streams(changed)
        if accept(stream) is not None:
            accepted += 1
            monkeypatch.setattr(checker, "accept", lambda _: None)
            assert Linearizability().check(changed).validity is Validity.VALID
            monkeypatch.undo()
    assert 0 < accepted < 100


def test_the_chained_hash_is_xxh3() -> None:
    random = np.random.default_rng(3)
    numbers = [*random.integers(0, 2**64, size=4000, dtype=np.uint64).tolist(), 0, 1, 2**32, 2**63, 2**64 - 1]
    for seed, digest in zip(numbers, reversed(numbers), strict=True):
        expected = xxhash.xxh3_64_intdigest(digest.to_bytes(8, "little"), seed=seed)
        assert int(folded(np.uint64(seed), np.uint64(digest))) == expected
