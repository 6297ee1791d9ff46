"""A user's test, as strictly typed as theirs may be. It is checked, and never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import fencepost
from fencepost.testing import append, history


def use() -> list[Path]:
    result = fencepost.check("history.jsonl")
    assert_type(result, fencepost.CheckedHistory)
    assert_type(result.valid, bool)
    assert_type(result.validity, fencepost.Validity)
    assert_type(result.explain(1), str)
    result.raise_if_invalid(allow_unknown=True)
    fencepost.check(Path("results") / "latest", budget=fencepost.Budget(seconds=1.0)).verify()
    fencepost.check(b"").graph("violation.svg")
    fencepost.check(history(append(0, 1, 2, "a", ack=0)))
    return [*result.plot("pictures", formats=("svg",)), *fencepost.plot(b"", "pictures", only=["witness"])]


def record(client: fencepost.StreamClient) -> fencepost.CheckedHistory:
    builder = fencepost.HistoryBuilder("orders", fencepost.StreamState("old", 17, None))
    with builder.append([b"one", "two", fencepost.Record.fence("x")], stream="orders", match_seq_num=0) as call:
        assert_type(call, fencepost.RecordedAppend)
        call.acked(0, tail=fencepost.Position(3, 0))
    with builder.read(seq_num=0, count=3, stream="orders") as reading:
        reading.saw([(0, 1000, b"one"), fencepost.SequencedRecord(1, 1000, (), b"two")])
    session = builder.append_session(stream="orders")
    assert_type(session.append(["three"]), fencepost.RecordedAppend)
    return fencepost.check(builder)


def run() -> fencepost.RunResult:
    options = fencepost.RunOptions(workload="regular", seed=1, results="results")
    result = fencepost.execute(options)
    assert_type(result.checked.violations, tuple[fencepost.Violation, ...])
    return result
