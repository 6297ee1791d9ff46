"""Whatever the history, it can be drawn, and the files are the same each time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.image import imread

from fencepost.checkers.plots.dependencies import Dependencies
from fencepost.checkers.plots.rate import Rate
from fencepost.checkers.plots.text import plain, short
from fencepost.checkers.plots.witness import Witness
from fencepost.harness.failure import UsageFailure
from fencepost.harness.history import events
from fencepost.harness.history.history import History, Outcome
from fencepost.harness.pictures import PLOTS
from fencepost.harness.verdict import Edge, Violation
from tests.checkers.drawn import OVER_TIME, VALID, invalid

from .pictured import ODD_TOKENS, Simulated, built, fenced, header
from .pictured import plain as plain_history


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
    for numbered in (Witness(), Dependencies()) if len(history) < 2 else ():  # more operations, the same picture
        (path,) = numbered.draw(history, invalid(violation), tmp_path, ("png",))
        assert imread(path).shape[1] >= 900


@pytest.mark.parametrize("operations", [200_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_operations_are_aggregated(tmp_path: Path, operations: int) -> None:
    history = plain_history(operations)
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
        assert PLOTS.make(name).draw(history, invalid(violation), tmp_path, ("svg",))


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


def test_the_same_history_gives_the_same_bytes(tmp_path: Path) -> None:
    small = fenced(200)
    for attempt in ("first", "second"):
        (tmp_path / attempt).mkdir()
        for name in PLOTS.names():
            formats = ("png", "svg") if name == "witness" else ("svg",)
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
