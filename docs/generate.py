"""Writes ``docs/reference.md`` from the tables in the code: ``python -m docs.generate``. A test keeps them in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fencepost.checkers.statistics import COUNTERS
from fencepost.harness.judge import anomalies
from fencepost.harness.repros import REPROS
from fencepost.harness.run import FAULTS, WORKLOADS
from fencepost.harness.s2.errors import ERROR_CODES
from fencepost.harness.server.bugs import BUGS, Bug

PAGE = Path(__file__).parent / "reference.md"


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Made from the tables in the code by `python -m docs.generate`. The commands `anomalies`, `bugs`,"
    yield "`workloads` and `faults` show the same rows."
    yield from _section(
        "Anomalies", "What a checker can find, and the promise of [semantics.md](semantics.md) it breaks."
    )
    yield from _table(
        ("anomaly", "severity", "meaning", "rule", "promise"),
        [(f"`{a.name}`", str(a.severity), a.definition, a.rule, f"“{a.promise}”") for a in anomalies()],
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
    yield from _section("Faults", "What can strike a target.")
    faults = [FAULTS.make(name) for name in FAULTS.names()]
    yield from _table(("fault", "what it does"), [(f"`{fault.name}`", fault.summary) for fault in faults])
    yield from _section("Seeded bugs", "What can be planted in the reference server, and the run that shows it.")
    yield from _table(
        ("bug", "promise broken", "what the server does", "anomaly", "command"),
        [(f"`{b.name}`", b.breaks, b.how.split("\n\n")[0], f"`{b.anomaly}`", _command(b)) for b in BUGS.values()],
    )
    yield from _section("Stories", "`fencepost repro NAME` tells each from start to end.")
    yield from _table(("name", "story"), [(f"`{r.name}`", r.story) for r in REPROS.values()])
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
