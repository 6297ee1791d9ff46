"""How far an order explains a stream, in the pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from fencepost.checkers.plots import reached
from fencepost.checkers.plots.operations import Operations
from fencepost.checkers.plots.reached import REACHED
from fencepost.checkers.plots.staircase import Staircase
from fencepost.checkers.plots.witness import Witness
from fencepost.harness.verdict import CheckResult, Explained, Validity, Verdict, compose
from tests.checkers.drawn import VALID, named, texts

from .pictured import MS, Simulated, fenced


def verdict_on(run: Simulated, *found: Explained) -> Verdict:
    result = CheckResult(Validity.INVALID, (run.violation,), explained=found)
    return compose({"checker": result})


def explained(run: Simulated, stream: str = "stream-0") -> Explained:
    """An order that ends where the stale append begins."""
    assert run.stale is not None
    stale = run.history.operation(run.history.row_of(run.stale))
    assert stale.ack is not None
    return Explained(stream, 5, 9, stale.ack[0], stale.invoked, run.stale, f"append #{run.stale} gave another token")


def lines(figure: Figure) -> list[Any]:
    return [(artist.axes, artist.get_xdata(), artist.get_ydata()) for artist in named(figure, "reached")]  # type: ignore[attr-defined]


def test_a_staircase_marks_the_time_and_the_tail_in_the_whole_and_in_the_close_up(small: Simulated) -> None:
    one = explained(small)
    figure = Staircase().figure(small.history, verdict_on(small, one))
    drawn = lines(figure)
    assert len({axes for axes, _, _ in drawn}) == 2
    for axes, (left, x, at), (tail, top, bottom) in drawn:
        assert x == at == pytest.approx(one.until / MS)
        assert (tail, top, bottom) == (one.tail, one.tail, axes.get_ylim()[0])
        assert left == axes.get_xlim()[0]
    assert texts(figure).count(REACHED.label) == 1
    assert REACHED.label not in texts(Staircase().figure(small.history, VALID))


def test_a_close_up_leaves_out_what_is_outside_of_it(small: Simulated) -> None:
    figure = Staircase().figure(small.history, verdict_on(small, replace(explained(small), tail=1, until=2 * MS)))
    assert len(lines(figure)) == 1


def test_operations_mark_the_time_of_each_stream_and_name_it_if_there_are_several(small: Simulated) -> None:
    one = explained(small)
    figure = Operations().figure(small.history, verdict_on(small, one))
    ((_, x, _),) = lines(figure)
    assert list(x) == [pytest.approx(one.until / MS)] * 2
    assert "stream-0" not in texts(figure)
    several = fenced(400, streams=6)
    found = [replace(one, stream=f"stream-{index}", until=index * MS) for index in range(6)]
    invalid = compose({"checker": CheckResult(Validity.INVALID, explained=tuple(found))})
    figure = Operations().figure(several.history, invalid)
    assert len(lines(figure)) == reached.MOST
    assert [text for text in texts(figure) if text.startswith("stream-")] == [
        f"stream-{i}" for i in range(reached.MOST)
    ]


def test_a_witness_marks_the_time_if_it_is_among_its_operations(small: Simulated) -> None:
    one, violation = explained(small), small.violation
    figure = Witness().figure(small.history, violation, replace(one, until=one.until + 1))
    ((_, x, _),) = lines(figure)
    assert 0 < x[0] < 1
    assert any(text.endswith(f"green dashes: {REACHED.label}") for text in texts(figure))
    for until in (0, small.history.duration):
        figure = Witness().figure(small.history, violation, replace(one, until=until))
        assert not lines(figure)
        assert REACHED.label not in " ".join(texts(figure))


def test_each_witness_has_what_is_said_of_its_own_stream(
    small: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, given = explained(small), []
    compose_one = Witness.compose

    def composing(plot: Witness, history: Any, violation: Any, found: Explained | None) -> Figure:
        given.append(found)
        return compose_one(plot, history, violation, found)

    monkeypatch.setattr(Witness, "compose", composing)
    Witness().draw(small.history, verdict_on(small, replace(one, stream="another"), one), tmp_path, ("png",))
    assert given == [one]
