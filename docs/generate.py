"""Writes ``docs/reference.md`` from the tables in the code: ``python -m docs.generate``. A test keeps them in step."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType

import fencepost
from fencepost.checkers.statistics import COUNTERS
from fencepost.harness.conformance.catalogue import cases
from fencepost.harness.conformance.reasons import REASONS
from fencepost.harness.judge import anomalies
from fencepost.harness.repros import REPROS
from fencepost.harness.run import FAULTS, TARGETS, WORKLOADS
from fencepost.harness.s2.errors import ERROR_CODES
from fencepost.harness.server.app import App
from fencepost.harness.server.bugs import BUGS, Bug
from fencepost.harness.server.failpoints import FAILPOINTS
from fencepost.harness.server.routing import operations_of
from fencepost.harness.targets.target import options_of, summary_of

PAGE = Path(__file__).parent / "reference.md"
_STUB = Path(fencepost.__file__).with_suffix(".pyi")
PROMISES = Path(__file__).parent / "semantics.md"


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Made from the tables in the code by `python -m docs.generate`. The commands `anomalies`, `bugs`,"
    yield "`workloads`, `targets` and `faults` show the same rows."
    yield from _section(
        "Anomalies", "What a checker can find, and the clause of [semantics.md](semantics.md) that it breaks."
    )
    yield from _table(
        ("anomaly", "severity", "meaning", "rule", "promise"),
        [
            (f"`{a.name}`", str(a.severity), a.definition, a.rule, f"{clause(a.promise)}: “{a.promise}”")
            for a in anomalies()
        ],
    )
    yield from _section("Workloads", "What clients do, and how often a run must have done it to mean anything.")
    workloads = [WORKLOADS.make(name) for name in WORKLOADS.names()]
    yield from _table(
        ("workload", "what clients do", "exercises"),
        [
            (f"`{w.name}`", w.summary, ", ".join(f"`{e.counter}` ≥ {e.at_least}" for e in w.exercises))
            for w in workloads
        ],
    )
    yield from _section("Counters", "What the statistics checker counts, and a workload can name as its exercise.")
    yield from _table(("counter", "meaning"), [(f"`{c.name}`", c.meaning) for c in COUNTERS])
    targets = {name: TARGETS.get(name) for name in TARGETS.names()}
    yield from _section("Targets", "What can be tested: `--target-kind NAME`. `--target URL` is the target `endpoint`.")
    yield from _table(("target", "what it is"), [(f"`{name}`", summary_of(it)) for name, it in targets.items()])
    yield from _section(
        "Options of targets",
        "Each target has its own: `--target-option NAME=VALUE`, or the shortcut where there is one.",
    )
    yield from _table(
        ("target", "option", "type", "default", "shortcut", "what it does"),
        [
            (f"`{name}`", f"`{row.name}`", row.noun, row.fallback, row.flag and f"`{row.flag}`", row.help)
            for name, target in targets.items()
            for row in options_of(target)
        ],
    )
    yield from _section("Faults", "What can strike a target.")
    faults = [FAULTS.make(name) for name in FAULTS.names()]
    yield from _table(("fault", "what it does"), [(f"`{fault.name}`", fault.summary) for fault in faults])
    yield from _section("Seeded bugs", "What can be planted in the reference server, and the run that shows it.")
    yield from _table(
        ("bug", "promise broken", "what the server does", "anomaly", "command", "clause that `conform` sees violated"),
        [
            (
                f"`{b.name}`",
                b.breaks,
                b.how.split("\n\n")[0],
                f"`{b.anomaly}`",
                _command(b),
                b.clause or f"none: {b.beyond}",
            )
            for b in BUGS.values()
        ],
    )
    yield from _section(
        "Failpoints", "Places in the reference server where a test can make something happen: see [world.md](world.md)."
    )
    yield from _table(
        ("failpoint", "what is the case there", "what can happen"),
        [(f"`{row.name}`", row.meaning, ", ".join(row.actions)) for row in FAILPOINTS.values()],
    )
    yield from _section(
        "Conformance", "What `fencepost conform` tries for each clause of [semantics.md](semantics.md), or why nothing."
    )
    tried = cases()
    yield from _table(
        ("clause", "cases"),
        [
            (number, " · ".join(c.title for c in tried if c.clause == number) or f"none: {REASONS[number]}")
            for number in clauses()
        ],
    )
    yield from _section("Stories", "`fencepost repro NAME` tells each from start to end.")
    yield from _table(("name", "story"), [(f"`{r.name}`", r.story) for r in REPROS.values()])
    yield from _section(
        "Operations of the bundled server", "What `fencepost serve` answers, by the names of S2's API description."
    )
    yield from _table(
        ("operation", "method", "path", "what it does"),
        [
            (f"`{o.name}`", o.method, ", ".join(f"`{path}`" for path in o.paths), plain(o.summary))
            for o in operations_of(App)
        ],
    )
    yield from _section(
        "Error codes", "An answer is *definite* only if its code is known and its status is in the row."
    )
    yield from _table(
        ("code", "status", "definite", "meaning"),
        [
            (f"`{c.code}`", ", ".join(map(str, c.statuses)) or "–", "yes" if c.definite else "no", c.meaning)
            for c in ERROR_CODES
        ],
    )
    yield from _section("Python", "What `import fencepost` offers; [python.md](python.md) has examples.")
    yield from _table(("name", "what it is"), [(f"`{name}`", _summary(name)) for name in sorted(public_names())])


def clauses() -> dict[str, str]:
    """The promises of ``docs/semantics.md`` as plain text, by their numbers."""
    parts = re.split(r"^- \*\*([A-Z]\d+)\*\* ", PROMISES.read_text(), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    if len(found) != len(parts) // 2:
        raise ValueError(f"{PROMISES}: two clauses have one number")
    return {number: plain(text.partition("\n## ")[0]) for number, text in found.items()}


def clause(promise: str) -> str:
    """The number of the clause that holds these words. Raises ValueError unless exactly one does."""
    holding = [number for number, text in clauses().items() if plain(promise) in text]
    if len(holding) != 1:
        raise ValueError(f"{PROMISES}: the promise {promise!r} stands in {holding or 'no clause'}")
    return holding[0]


def plain(text: str) -> str:
    """The text without emphasis, code marks and line breaks."""
    return " ".join(re.sub(r"[*`]", "", text).split())


def public_names() -> list[str]:
    """The names of the package's public API, but for its version."""
    return [name for name in fencepost.__all__ if name != "__version__"]


def _summary(name: str) -> str:
    """The first sentence of a public name's documentation, without the roles of its cross-references."""
    value = getattr(fencepost, name)
    text = value.__doc__ if isinstance(value, type | FunctionType | ModuleType) else _below(name)
    sentence = re.split(r"(?<=\.)\s|\n\n", (text or "").strip(), maxsplit=1)[0]
    return re.sub(r":\w+:`[~.]*(?:[\w.]*\.)?(\w+)`|``(.+?)``", r"`\1\2`", sentence)


def _below(name: str) -> str:
    """The text that stands below the assignment of a name, where it is defined."""
    (home,) = re.findall(rf"^from \.(\S+) import {name} as", _STUB.read_text(), re.MULTILINE)
    body = ast.parse((_STUB.parent / f"{home.replace('.', '/')}.py").read_text()).body
    for statement, following in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            text = following.value if isinstance(following, ast.Expr) else None
            return text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
    return ""


def _command(bug: Bug) -> str:
    faults = f" --faults {','.join(bug.faults)}" if bug.faults else ""
    return f"`fencepost run {bug.workload} --bug {bug.name}{faults}`"


def _section(title: str, text: str) -> Iterator[str]:
    yield from ("", f"## {title}", "", text, "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"


if __name__ == "__main__":
    PAGE.write_text(page())
