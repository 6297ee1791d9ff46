"""The page on workloads: its example runs as it is printed, and its tables name what there is."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fencepost.harness import generators
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.registry import Registry
from fencepost.harness.workload import Workload, WorkloadOptions
from fencepost.testing.simulator import Conditions, simulate
from fencepost.testing.workloads import WORKLOAD_CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hold", [True, False], ids=["hold", "ask-again"])
def test_the_example_is_a_workload_that_does_what_it_says(monkeypatch: pytest.MonkeyPatch, hold: bool) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(code) == 2
    module = ModuleType("example_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look for it
    exec(compile(code[0], "docs/workloads.md", "exec"), module.__dict__)
    workload: Workload = module.Lonely()
    options = WorkloadOptions(("a", "b"), 10, 0, operations=1000)
    operations = simulate(workload.generator(options), Conditions(indefinite=0.02, hold=hold))
    assert len(operations) == 1000
    exercise = workload.exercises[0]
    mismatches = sum(isinstance(o.outcome, Definite) and "seq_num_mismatch" in o.outcome.body for o in operations)
    assert mismatches >= exercise.at_least
    assert sum(isinstance(o.outcome, Ok) and o.invocation.purpose == "write" for o in operations) > 50
    assert any(o.invocation.purpose == "look" for o in operations)
    if not hold:
        exec(compile(code[1], "docs/workloads.md", "exec"), module.__dict__)
        for check in WORKLOAD_CHECKS:
            module.test_lonely(check)


def test_the_tables_name_every_combinator_and_every_workload() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([\w-]+)", " ".join(rows)))
    combinators = set(generators.__all__) - {"Spacing"}
    # Only ours: another installed package may add workloads.
    ours = {name for name in Registry[Workload]("fencepost.workloads", "workload").names() if _is_ours(name)}
    assert named == combinators | ours


def _is_ours(name: str) -> bool:
    factory = Registry[Workload]("fencepost.workloads", "workload").get(name)
    return factory.__module__.startswith("fencepost.workloads.")
