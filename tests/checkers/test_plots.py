"""The pictures: what is in them, for histories of every size, and what cannot break them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from fencepost.checkers.plots import bands, latency, neighbourhood, operations, staircase, witness
from fencepost.checkers.plots.dependencies import Dependencies
from fencepost.checkers.plots.latency import Latency
from fencepost.checkers.plots.operations import Operations
from fencepost.checkers.plots.placed import placed
from fencepost.checkers.plots.rate import Rate
from fencepost.checkers.plots.staircase import Staircase
from fencepost.checkers.plots.text import plain
from fencepost.checkers.plots.timeline import Bins, Timeline
from fencepost.checkers.plots.witness import Witness
from fencepost.harness.history import events
from fencepost.harness.history.history import Kind, Outcome
from fencepost.harness.pictures import PLOTS
from fencepost.harness.verdict import Edge, Violation
from tests.checkers.drawn import VALID, _size, invalid, named, points, texts

from .pictured import MS, Simulated, built, fenced, header
from .pictured import plain as plain_history


def test_every_plot_is_registered_under_its_name() -> None:
    assert PLOTS.names() == sorted(["operations", "latency", "rate", "staircase", "witness", "dependencies"])
    for name in PLOTS.names():
        plot = PLOTS.make(name)
        assert plot.name == name
        assert plot.summary


def test_operations_one_by_one(small: Simulated) -> None:
    figure = Operations().figure(small.history, small.verdict)
    for outcome in Outcome:
        expected = int((small.history.outcome == outcome).sum())
        assert points(figure, f"intervals {outcome.name.lower()}") == expected
        assert points(figure, f"ends {outcome.name.lower()}") == expected
    assert points(figure, "violation") == 2
    assert {f"#{small.fence}", f"#{small.stale}"} <= set(texts(figure))
    assert points(figure, "fault kill") == 3
    assert points(figure, "epochs behind") + 1 >= len(bands.fence_epochs(small.history, 0)) // 2


def test_operations_of_many_are_counted_not_drawn_one_by_one(large: Simulated) -> None:
    assert len(large.history) > operations.ONE_BY_ONE
    figure = Operations().figure(large.history, large.verdict)
    assert not named(figure, "intervals")
    assert points(figure, "counts") == 10 * len(Outcome)
    assert points(figure, "violation") == 2
    assert points(figure, "fault kill") == 3


def test_the_counts_of_many_operations_add_up(large: Simulated) -> None:
    figure = Operations().figure(large.history, large.verdict)
    (subtitle,) = [text for text in texts(figure) if "a full lane is" in text]
    most = int(subtitle.rsplit(" ", 1)[1])
    bins = Bins.over(Timeline.of(large.history), 240)
    for outcome in Outcome:
        (collection,) = named(figure, f"counts {outcome.name.lower()}")
        assert isinstance(collection, PolyCollection)
        # Twice the area of the polygons, by the shoelace formula; a bin is one unit wide.
        area = 0.0
        for path in collection.get_paths():
            x, y = path.vertices.T / np.array([[bins.width / 1e9], [1.0]])
            area += abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
        assert area * most / 0.86 == pytest.approx((large.history.outcome == outcome).sum(), rel=1e-6)


def test_lanes_are_shared_where_there_are_many_threads() -> None:
    figure = Operations().figure(plain_history(3000, clients=200), VALID)
    assert len(figure.axes[0].get_yticklabels()) == 40
    assert figure.axes[0].get_yticklabels()[0].get_text() == "0–4"


def test_latency_one_by_one(small: Simulated) -> None:
    history = small.history
    figure = Latency().figure(history, small.verdict)
    for outcome in Outcome:
        assert points(figure, f"raw {outcome.name.lower()}") == int((history.outcome == outcome).sum())
    assert all(artist.get_rasterized() for artist in named(figure, "raw"))
    assert points(figure, "fault kill") == 3 * len(Kind)


def test_latency_quantiles_are_right() -> None:
    history = plain_history(4000, outcome=Outcome.OK)
    figure = Latency().figure(history, VALID)
    bins = Bins.over(Timeline.of(history), 30)
    rows = history.kind == Kind.APPEND
    index = bins.index(history.invoked[rows])
    latencies = (history.ended[rows] - history.intended[rows]) / 1e6
    median = next(artist for artist in named(figure, "quantile p50") if artist.axes is figure.axes[0])
    drawn = median.get_data().values  # type: ignore[attr-defined]
    for each in range(bins.number):
        ordered = np.sort(latencies[index == each])
        assert drawn[each] == ordered[-(-len(ordered) // 2) - 1]


def test_latency_of_many_is_a_density(large: Simulated) -> None:
    assert len(large.history) > latency.ONE_BY_ONE
    figure = Latency().figure(large.history, large.verdict)
    assert not named(figure, "raw")
    meshes = named(figure, "density")
    assert sum(int(mesh.get_array().sum()) for mesh in meshes) == len(large.history)  # type: ignore[attr-defined]
    assert all(mesh.get_rasterized() for mesh in meshes)


def test_rate_adds_up(small: Simulated) -> None:
    history = small.history
    figure = Rate().figure(history, small.verdict)
    width = Bins.over(Timeline.of(history), 120).width / 1e9
    for outcome in Outcome:
        stacks = [artist.get_data() for artist in named(figure, f"rate {outcome.name.lower()}")]  # type: ignore[attr-defined]
        total = sum(float((stack.values - stack.baseline).sum()) for stack in stacks) * width
        assert total == pytest.approx(int((history.outcome == outcome).sum()))


def test_staircase_has_every_record_and_every_refusal(small: Simulated) -> None:
    history = small.history
    figure = Staircase().figure(history, small.verdict)
    whole, close_up = (axes for axes in figure.axes if axes.get_ylabel().endswith("position (records)"))
    appends = [artist for artist in named(figure, "appends") if artist.axes is whole]
    boxes = [path.vertices[:4] for artist in appends for path in artist.get_paths()]  # type: ignore[attr-defined]
    tail = max(end for _, end in map(_rows, boxes))
    assert sum(end - start for start, end in map(_rows, boxes)) == tail == int(history.appends.end.max())
    by_position = [artist for artist in named(figure, "refused: match_seq_num") if artist.axes is whole]
    drawn = sorted(int(y) for artist in by_position for _, y in artist.get_offsets())  # type: ignore[attr-defined]
    assert drawn == sorted(history.seq_num_mismatch[history.seq_num_mismatch >= 0].tolist())
    by_token = [artist for artist in named(figure, "refused: fencing token") if artist.axes is whole]
    assert sum(map(_size, by_token)) == int((history.token_mismatch >= 0).sum())
    marks = [artist for artist in named(figure, "violation") if artist.axes is close_up]
    assert sum(map(_size, marks)) == 2, "the close-up shows the violation"


def _rows(box: Any) -> tuple[int, int]:
    return int(box[:, 1].min()), int(box[:, 1].max())


def test_staircase_of_many_aggregates_and_shows_the_violation_close_up(large: Simulated) -> None:
    chain = placed(large.history, 0)
    assert len(chain) + (large.history.status == 412).sum() > staircase.ONE_BY_ONE
    figure = Staircase().figure(large.history, large.verdict)
    assert 0 < points(figure, "appends") < 60
    (mesh,) = named(figure, "authors")
    assert int(mesh.get_array().sum()) == int((chain.end - chain.start).sum())  # type: ignore[attr-defined]
    (tail,) = named(figure, "tail")
    assert tail.get_ydata()[-1] == chain.end.max()  # type: ignore[attr-defined]
    (close_up,) = [axes for axes in figure.axes if axes.findobj(lambda a: a.get_gid() == "appends acknowledged")]
    assert [a for a in named(figure, "violation") if a.axes is close_up]


def test_staircase_places_an_indefinite_append_that_a_read_found() -> None:
    history = built(
        header("s"),
        events.AppendInvoked(op=0, time=0, process=0, stream="s", digests=[7, 8], sizes=[1, 1]),
        events.Indefinite(0, 10, "lost"),
        events.AppendInvoked(op=1, time=0, process=1, stream="s", digests=[9], sizes=[1]),
        events.Indefinite(1, 10, "lost"),
        events.ReadInvoked(op=2, time=20, process=2, stream="s", seq_num=0),
        events.BatchRead(op=2, time=30, seq_nums=[0, 1], timestamps=[0, 0], digests=[7, 8], sizes=[1, 1]),
    )
    chain = placed(history, 0)
    assert (chain.rows.tolist(), chain.start.tolist(), chain.end.tolist()) == ([0], [0], [2])
    assert points(Staircase().figure(history, VALID), "appends found") == 1


def test_staircase_draws_four_streams_and_says_what_it_leaves_out() -> None:
    run = fenced(400, streams=6)
    figure = Staircase().figure(run.history, VALID)
    assert len([axes for axes in figure.axes if axes.get_ylabel().endswith("position (records)")]) == 4
    assert any("2 more streams not drawn" in text for text in texts(figure))


def test_witness_shows_the_operations_the_edges_and_the_sentences(small: Simulated) -> None:
    violation = replace(small.violation, context=(0,))
    figure = Witness().figure(small.history, violation)
    assert len(named(figure, "operation")) == 2
    assert len(named(figure, "context")) == 1
    assert len(named(figure, "edge")) == len(violation.edges)
    assert sorted(text for artist in named(figure, "kind") for text in [artist.get_text()]) == ["tr", "ww"]  # type: ignore[attr-defined]
    said = " ".join(" ".join(texts(figure)).split())
    for sentence in violation.sentences:
        assert plain(sentence) in said
    assert violation.promise in said
    assert any(text.startswith(f"#{small.stale}  append") for text in texts(figure))
    assert "stale-token-write on stream-0" in said


def test_witness_bars_are_to_scale() -> None:
    happened: list[events.Event] = []
    for op, (start, end) in enumerate([(0, 10), (12, 14), (1000, 1010)]):
        happened += [
            events.CheckTailInvoked(op=op, time=start * MS, process=op, stream="s"),
            events.TailRead(op, end * MS, (0, 0)),
        ]
    history = built(header("s"), *happened)
    violation = Violation("stale-read", "s", "promise", (0, 1, 2), (), ("a sentence",))
    figure = Witness().figure(history, violation)
    widths = [artist.get_width() for artist in named(figure, "operation")]  # type: ignore[attr-defined]
    assert widths[0] == pytest.approx(5 * widths[1])
    assert widths[0] == pytest.approx(widths[2])
    (cut,) = named(figure, "cut")
    assert "986 ms" in cut.get_text(), "the long wait is cut, and says so"  # type: ignore[attr-defined]


def test_an_indefinite_operation_reaches_to_the_end() -> None:
    history = built(
        header("s"),
        events.AppendInvoked(op=0, time=0, process=0, stream="s", digests=[1], sizes=[1]),
        events.Indefinite(0, 5 * MS, "timed out"),
        events.CheckTailInvoked(op=1, time=8 * MS, process=1, stream="s"),
        events.TailRead(1, 9 * MS, (1, 0)),
    )
    figure = Witness().figure(history, Violation("x", "s", "p", (0, 1), (Edge(0, 1, "wr", "b"),), ("s",)))
    first, second = named(figure, "operation")
    assert first.get_x() + first.get_width() == pytest.approx(1.0)  # type: ignore[attr-defined]
    assert second.get_x() + second.get_width() < 1.0  # type: ignore[attr-defined]


def test_witness_keeps_what_proves_before_what_explains(large: Simulated) -> None:
    ids = tuple(int(op) for op in large.history.id[:30])
    figure = Witness().figure(large.history, Violation("x", "stream-0", "p", ids[20:22], (), ("s",), context=ids))
    assert len(named(figure, "operation")) == 2
    assert len(named(figure, "context")) == witness.MOST_OPERATIONS - 2


def test_one_file_for_each_violation_up_to_five(small: Simulated, tmp_path: Path) -> None:
    verdict = invalid(*[small.violation] * 7)
    paths = Witness().draw(small.history, verdict, tmp_path, ("png",))
    assert [path.name for path in paths] == [f"witness-{index}.png" for index in range(1, 6)]
    assert all(path.stat().st_size > 5000 for path in paths)


def test_valid_histories_have_no_witness(small: Simulated, tmp_path: Path) -> None:
    assert Witness().draw(small.history, VALID, tmp_path, ("png", "svg")) == []
    assert Dependencies().draw(small.history, VALID, tmp_path, ("png", "svg")) == []
    assert list(tmp_path.iterdir()) == []


def test_dependencies_highlight_the_cycle(small: Simulated) -> None:
    figure = Dependencies().figure(small.history, small.violation)
    assert len(named(figure, "node proof")) == 2
    assert len(named(figure, "node near")) >= 2, "the appends beside them"
    thick = [arrow for arrow in named(figure, "edge") if arrow.get_linewidth() > 1.5]  # type: ignore[attr-defined]
    assert sorted(arrow.get_gid() or "" for arrow in thick) == ["edge tr", "edge ww"]
    assert any("a cycle of 2 edges" in text for text in texts(figure))


def test_dependencies_run_to_the_right_in_stream_order(small: Simulated) -> None:
    history = small.history
    graph = neighbourhood.neighbourhood(history, small.violation)
    from fencepost.checkers.plots.dependencies import _layout

    places = _layout(graph, history, small.violation)
    chain = [row for row in placed(history, 0).rows.tolist() if row in places]
    columns = [places[row][0] for row in chain]
    assert columns == sorted(columns)
    assert len(set(columns)) == len(columns)


def test_dependencies_hold_at_most_fifty_operations(large: Simulated) -> None:
    ids = tuple(int(op) for op in large.history.id[:200])
    edges = tuple(Edge(one, two, "rt", "b") for one, two in pairwise(ids))
    violation = Violation("x", "stream-0", "p", ids, edges, ("s",))
    graph = neighbourhood.neighbourhood(large.history, violation)
    assert len(graph) == neighbourhood.MOST
    assert neighbourhood.cycle(graph) == []
    assert len(named(Dependencies().figure(large.history, violation), "node")) == neighbourhood.MOST
