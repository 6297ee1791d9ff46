"""Plots can be told apart in grey, and their texts can be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from fencepost.checkers.plots.cuts import CutTime
from fencepost.checkers.plots.operations import Operations
from fencepost.checkers.plots.placed import placed
from fencepost.checkers.plots.style import EDGES, OUTCOMES, WRITERS
from fencepost.checkers.plots.text import fitted, plain, short
from fencepost.harness.history import events
from fencepost.harness.verdict import Violation
from tests.checkers.drawn import VALID, invalid, named, texts

from .pictured import Simulated, built, header
from .pictured import plain as plain_history


def luminance(colour: str) -> float:
    """How light a colour is on a grey print, 0–1."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_outcomes_differ_in_grey_and_by_mark() -> None:
    greys = sorted(luminance(look.colour) for look in OUTCOMES.values())
    assert all(after - before > 0.2 for before, after in pairwise(greys))
    assert len({look.mark for look in OUTCOMES.values()}) == len(OUTCOMES)


def test_writers_and_edges_differ_without_colour() -> None:
    assert len({look.mark for look in WRITERS}) == len({look.colour for look in WRITERS}) == len(WRITERS)
    assert all(look.label.startswith(f"{kind}:") for kind, look in EDGES.items())


def test_no_two_labels_overlap(small: Simulated) -> None:
    ids = tuple(int(op) for op in small.history.id[500:508])
    violation = replace(small.violation, operations=ids, edges=())
    figure = Operations().figure(small.history, invalid(violation))
    figure.draw_without_rendering()
    labels = [text for text in figure.findobj(Text) if text.get_text().startswith("#")]
    boxes = [text.get_window_extent() for text in labels]
    assert sorted(", ".join(text.get_text() for text in labels).split(", ")) == sorted(f"#{op}" for op in ids)
    for index, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[index + 1 :])


def test_cut_time_keeps_order_and_marks_what_it_cuts() -> None:
    time = CutTime([0, 10, 20, 5_000, 5_010])
    places = [time(moment) for moment in (0, 10, 20, 5_000, 5_010)]
    assert places == sorted(places)
    assert places[1] - places[0] == pytest.approx(places[4] - places[3])
    assert [cut.length for cut in time.cuts] == [4_980]
    assert time(-1) == 0
    assert time(6_000) == 1
    assert all(text.endswith("ns") for _, text in time.ticks())


def test_points_beside_each_other_share_a_label() -> None:
    history = plain_history(30_000)
    violation = Violation("x", "s", "p", tuple(range(0, 100, 10)), (), ("s",))
    figure = Operations().figure(history, invalid(violation))
    assert "#0, #10, #20 +7" in texts(figure)


@pytest.mark.parametrize("text", ["abc", "iiiiiiiiiiiiiiiii", "================", "日本"])
@pytest.mark.parametrize("points", [5.0, 20.0, 40.0, 1000.0])
def test_fitted_text_is_the_longest_that_fits(text: str, points: float) -> None:
    figure = Figure()
    told = fitted(text, points, 8.0)

    def drawn(words: str) -> float:
        return figure.text(0, 0, words, fontsize=8.0, family="DejaVu Sans").get_window_extent().width * 72 / figure.dpi

    assert not told or drawn(told) <= points + 1
    if told != plain(text):
        assert drawn(short(text, len(told) + 1)) > points - 1


def test_the_closing_fence_makes_no_stream_a_fenced_one() -> None:
    def appended(op: int, purpose: str, fences: dict[int, str] | None) -> list[events.Event]:
        common: dict[str, Any] = {"op": op, "time": op * 10, "process": op, "thread": op, "stream": "s"}
        return [
            events.AppendInvoked(**common, digests=[op], sizes=[1], fences=fences, purpose=purpose),
            events.Acked(op, op * 10 + 5, (op, 0), (op + 1, 0), (op + 1, 0)),
        ]

    plain_run = [*appended(0, "", None), *appended(1, "", None)]
    closed = built(header("s"), *plain_run, *appended(2, "closing-fence", {0: "closing"}))
    assert placed(closed, 0).names == ["thread 0", "thread 1", "thread 2"]
    assert not named(Operations().figure(closed, VALID), "epochs")
    fenced_run = built(header("s"), *plain_run, *appended(2, "take-over", {0: "a"}))
    assert placed(fenced_run, 0).names == ["no token", 'token "a"']
    assert named(Operations().figure(fenced_run, VALID), "epochs")
