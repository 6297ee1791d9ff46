"""The pictures: what is in them, for histories of every size, and what cannot break them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from fencepost.checkers.plots import bands, latency, neighbourhood, operations, staircase, witness
from fencepost.checkers.plots.cuts import CutTime
from fencepost.checkers.plots.dependencies import Dependencies
from fencepost.checkers.plots.latency import Latency
from fencepost.checkers.plots.operations import Operations
from fencepost.checkers.plots.placed import placed
from fencepost.checkers.plots.rate import Rate
from fencepost.checkers.plots.staircase import Staircase
from fencepost.checkers.plots.style import EDGES, OUTCOMES, WRITERS
from fencepost.checkers.plots.text import fitted, plain, short
from fencepost.checkers.plots.timeline import Bins, Timeline
from fencepost.checkers.plots.witness import Witness
from fencepost.harness.failure import UsageFailure
from fencepost.harness.history import events
from fencepost.harness.history.history import History, Kind, Outcome
from fencepost.harness.pictures import PLOTS
from fencepost.harness.verdict import CheckResult, Edge, Validity, Verdict, Violation, compose

from .pictured import MS, ODD_TOKENS, Simulated, built, fenced, header
from .pictured import plain as plain_history

OVER_TIME = (Operations, Latency, Rate, Staircase)
VALID = compose({"checker": CheckResult(Validity.VALID)})


@pytest.fixture(scope="module")
def small() -> Simulated:
    """A thousand operations with three faults and a stale append."""
    return fenced(1000)


@pytest.fixture(scope="module")
def large() -> Simulated:
    """Enough operations for every plot to aggregate."""
    return fenced(8000)


def named(figure: Figure, name: str) -> list[Artist]:
    """The artists whose id begins so."""
    return figure.findobj(lambda artist: (artist.get_gid() or "").startswith(name))


def texts(figure: Figure) -> list[str]:
    """Every text in the figure, drawn or to be drawn."""
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def points(figure: Figure, name: str) -> int:
    """How many points or segments the named collections hold."""
    return sum(_size(artist) for artist in named(figure, name))


def _size(artist: Any) -> int:
    return len(artist.get_offsets()) if isinstance(artist, PathCollection) else len(artist.get_paths())


def invalid(*violations: Violation) -> Verdict:
    return compose({"checker": CheckResult(Validity.INVALID, violations)})


# -- each picture's content


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
    for plot in (Witness(), Dependencies()):
        paths = plot.draw(small.history, verdict, tmp_path, ("png",))
        assert [path.name for path in paths] == [f"{plot.name}-{index}.png" for index in range(1, 6)]
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


# -- bands


def test_fault_bands() -> None:
    history = built(
        header("s"),
        events.Fault(10, "kill", "start"),
        events.Fault(20, "kill", "heal"),
        events.Fault(30, "pause", "start"),
        events.Fault(40, "kill", "failure"),
        events.Remark(90, "phase", "closing"),
    )
    assert bands.fault_bands(history) == [
        bands.FaultBand("kill", 10, 20),
        bands.FaultBand("pause", 30, 90),
        bands.FaultBand("kill", 40, 40, failed=True),
    ]


def test_fence_epochs_follow_the_stream_not_the_answers() -> None:
    def fence(op: int, token: str, start: int, answered: int) -> list[events.Event]:
        return [
            events.AppendInvoked(op=op, time=op, process=op, stream="s", digests=[op], sizes=[1], fences={0: token}),
            events.Acked(op, answered, (start, 0), (start + 1, 0), (start + 1, 0)),
        ]

    history = built(header("s"), *fence(0, "a", 0, 10), *fence(1, "b", 1, 40), *fence(2, "c", 2, 30))
    assert bands.fence_epochs(history, 0) == [
        bands.Epoch("", 0, 10),
        bands.Epoch("a", 10, 30),
        bands.Epoch("c", 30, 40),
    ]


def test_many_epochs_become_a_density(large: Simulated) -> None:
    assert len(bands.fence_epochs(large.history, 0)) > bands.MOST_EPOCHS
    figure = Operations().figure(large.history, large.verdict)
    assert len(named(figure, "epoch density")) == 1
    assert not [artist for artist in named(figure, "epochs") if artist.get_gid() == "epochs"]


# -- histories of every kind


def odd_histories() -> Iterator[tuple[str, History]]:
    yield "nothing", plain_history(0)
    yield "no stream", built(header())
    yield "one", plain_history(1, outcome=Outcome.OK)
    for outcome in Outcome:
        yield f"only {outcome.name.lower()}", plain_history(60, outcome=outcome)
    appended = events.AppendInvoked(op=5, time=0, process=3, stream="s", digests=[1], sizes=[1])
    yield "never returned", built(header("s"), appended)
    yield "all at once", built(header("s"), appended, events.Acked(5, 0, (0, 0), (1, 0), (1, 0)))
    yield "far up", built(header("s"), appended, events.Acked(5, 9, (2**63, 0), (2**64 - 1, 0), (2**64 - 1, 0)))


@pytest.mark.parametrize(("_", "history"), list(odd_histories()), ids=[name for name, _ in odd_histories()])
def test_any_history_can_be_drawn(_: str, history: History, tmp_path: Path) -> None:
    operation = tuple(int(op) for op in history.id[:1])
    violation = Violation(
        "anything", "s", "promise", (*operation, 999), (Edge(*(operation or (1,)), 999, "rt", "b"),), ()
    )
    for plot in OVER_TIME:
        plot().draw(history, invalid(violation), tmp_path, ("png",))
        image = imread(tmp_path / f"{plot.name}.png")
        assert image.shape[1] == 1320
        assert image[..., :3].min() < 0.5, "something is drawn"
    for numbered in (Witness(), Dependencies()):
        (path,) = numbered.draw(history, invalid(violation), tmp_path, ("png",))
        assert imread(path).shape[1] >= 900


def test_a_million_operations_are_aggregated(tmp_path: Path) -> None:
    history = plain_history(1_000_000)
    for plot in OVER_TIME:
        (path,) = plot().draw(history, VALID, tmp_path, ("svg",))
        assert path.stat().st_size < 1_500_000, f"{path.name} draws too much one by one"


def test_any_token_and_any_text_can_be_drawn(tmp_path: Path) -> None:
    hostile = [
        *ODD_TOKENS,
        "$",
        "_^{",
        "\x00\x1b[31m",
        "🦀" * 9,
        "a\u202eb",
    ]
    stream = "$s_1$\n日"
    happened: list[events.Event] = []
    for op, token in enumerate(hostile):
        happened += [
            events.AppendInvoked(
                op=op,
                time=op * 40,
                process=op,
                stream=stream,
                digests=[op],
                sizes=[1],
                fences={0: token},
                purpose=token,
            ),
            events.Acked(op, op * 40 + 30, (op, 0), (op + 1, 0), (op + 1, 0)),
        ]
    failed = len(hostile)
    happened += [
        events.CheckTailInvoked(op=failed, time=1, process=99, stream=stream),
        events.Indefinite(failed, 9, "broken $\\frac{1}$ 日"),
        events.Fault(3, "f$_1$日", "start"),
    ]
    history = built(header(stream), *happened)
    violation = Violation(
        "a$_b$日", stream, "p$^2$日", (0, 1, failed), (Edge(0, 1, "$_日", "b"),), ("because $x_1$ 日\n!",)
    )
    for name in PLOTS.names():
        assert PLOTS.make(name).draw(history, invalid(violation), tmp_path, ("png", "svg"))


@pytest.mark.parametrize("text", ["plain", "", "日本", "a\nb\tc", "\x00", "$x_1$", "é", "🦀"])
def test_plain_text_has_a_glyph_for_everything(text: str) -> None:
    told = plain(text)
    assert told.isprintable()
    assert "日" not in told
    assert "🦀" not in told
    if text.isascii() and text.isprintable():
        assert told == text


def test_short_text_keeps_both_ends() -> None:
    assert short("abcdefghijklmnop", 8) == "abcde…op"
    assert short("abc", 8) == "abc"
    assert max(len(short("x" * n, most)) - most for n in range(50) for most in range(2, 20)) <= 0


# -- files


def test_the_same_history_gives_the_same_bytes(small: Simulated, tmp_path: Path) -> None:
    for attempt in ("first", "second"):
        (tmp_path / attempt).mkdir()
        for name in PLOTS.names():
            formats = ("png", "svg") if name == "staircase" else ("svg",)
            PLOTS.make(name).draw(small.history, small.verdict, tmp_path / attempt, formats)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(files) == 7
    for name in files:
        first, second = (tmp_path / attempt / name for attempt in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name
        assert b"dc:date" not in first.read_bytes(), name


def test_an_unknown_format_is_refused(small: Simulated, tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="'gif'; the formats are: png, svg"):
        Rate().draw(small.history, VALID, tmp_path, ("gif",))


def test_a_users_own_settings_are_neither_used_nor_changed(small: Simulated, tmp_path: Path) -> None:
    (ours,) = Rate().draw(small.history, small.verdict, tmp_path, ("png",))
    expected = ours.read_bytes()
    with mpl.rc_context({"font.size": 23.0, "axes.facecolor": "red"}):
        Rate().draw(small.history, small.verdict, tmp_path, ("png",))
        assert mpl.rcParams["font.size"] == 23.0
    assert ours.read_bytes() == expected


def test_drawing_needs_no_pyplot() -> None:
    program = (
        "import sys; from fencepost.harness.pictures import PLOTS; [PLOTS.make(name) for name in PLOTS.names()];"
        "assert 'matplotlib' in sys.modules; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_checking_imports_no_matplotlib() -> None:
    program = (
        "import sys; from fencepost.checkers.statistics import Statistics; Statistics();"
        "assert not {'matplotlib', 'networkx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# -- looks


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
