"""Faults strike through the scheduler alone: no second loop, no sleeping schedule, no randomness of a fault's own."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from fencepost.harness.nemesis.nemesis import Nemesis

HARNESS = Path(__file__).parents[2] / "harness"
PERFORMER = HARNESS / "nemesis" / "nemesis.py"
WIRING = HARNESS / "recording.py"


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    """The modules of the harness that name what this is about; the suites that others import aside."""
    paths = (path for path in HARNESS.rglob("*.py") if "testing" not in path.relative_to(HARNESS).parts)
    texts = {path: path.read_text() for path in paths}
    told = re.compile(r"\bheal\b|\.start\b|\bNemesis\b")
    return tuple((path, ast.parse(text, str(path))) for path, text in texts.items() if told.search(text))


def attributes(tree: ast.AST, *names: str) -> list[str]:
    """Where an attribute of one of these names is read."""
    return [
        f"{ast.unparse(node)}, line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load)
    ]


def test_only_the_performer_starts_and_heals_faults() -> None:
    assert attributes(ast.parse(PERFORMER.read_text()), "heal"), "or this test looks for the wrong thing"
    found = [
        f"{path.relative_to(HARNESS)}: {where}"
        for path, tree in trees()
        if path != PERFORMER
        for where in [
            *attributes(tree, "heal"),
            *(
                f"{ast.unparse(node)}, line {node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Await)
                and isinstance(node.value, ast.Call)
                and len(node.value.args) == 1  # the target
                and not node.value.keywords
                and getattr(node.value.func, "attr", "") == "start"
            ),
        ]
    ]
    assert not found


def test_only_the_scheduler_is_handed_the_performer() -> None:
    using = {
        path
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "Nemesis" and isinstance(node.ctx, ast.Load)
    }
    assert using == {WIRING}
    assert [text.partition(",")[0] for text in attributes(ast.parse(WIRING.read_text()), "strike")] == [
        "nemesis.strike"
    ]
    assert not hasattr(Nemesis, "run"), "a loop of its own"


def test_no_fault_waits_loops_or_draws_by_itself() -> None:
    """What a schedule waits for and draws comes from its context, or a simulated run could not repeat it."""
    forbidden = {"sleep", "create_task", "ensure_future", "call_later", "monotonic", "monotonic_ns", "perf_counter"}
    drawing = {"Random", "SystemRandom", "random"}
    homes = {HARNESS / "nemesis"} | {
        HARNESS.parent.joinpath(*point.module.split(".")[1:]).with_suffix(".py")
        for point in entry_points(group="fencepost.faults")
        if point.module.startswith("fencepost.")
    }
    for path in {file for home in homes for file in (home.rglob("*.py") if home.is_dir() else [home])}:
        tree = ast.parse(path.read_text(), str(path))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
        assert not names & forbidden, path
        made = {func.id for func in calls if isinstance(func, ast.Name)}
        assert not made & drawing, path
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.While)] or path.name == "schedules.py", path
