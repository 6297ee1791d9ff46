"""Small histories that were once judged or told wrongly, with what is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.reader import read_history
from fencepost.harness.verdict import Validity
from tests.checkers.claim_checks import unfounded

CASES: Final = Path(__file__).parent / "cases"

RIGHT: Final[Mapping[str, tuple[str, ...]]] = {
    "416-ts-exists": ("bad-read",),
    "cert-invalid": ("stale-read",),
    "cert-valid": (),
    "count-exceeded": ("bad-read",),
    "count0-at-tail-200": ("bad-read",),
    "ctrl-name": ("bad-ack",),
    "empty200-at-tail": ("bad-read",),
    "explain-lost-write-wrong": ("bad-ack",),
    "explain-ns-times": ("stale-read",),
    "explain-sentence-without-witness.s2": ("bad-ack",),
    "explain-session-wait1": ("nonmonotonic-poll",),
    "f1-suffix-2": ("lost-write",),
    "f14-control-tail": ("future-read",),
    "f14-hidden-tail": ("match-violation", "future-read"),
    "f2-empty200-before": ("bad-read",),
    "f3-end-inclusive": ("bad-ack",),
    "f4-accused-ack-tail": ("bad-ack",),
    "f5-frame-skip-unary": ("lost-write",),
    "f7-aborted-hash": ("aborted-read",),
    "f9-stream-gone": ("lost-stream",),
    "fa-1b": (),
    "fa-1c-single": (),
    "fa-2": (),
    "fa-2c-distinct": (),
    "g2-indef-then-ack": ("session-order",),
    "resurrect-after-empty": ("resurrected-record",),
    "skip-offset": ("resurrected-record",),
    "timestamp-start-skips": ("bad-read",),
}
"""The violations of each, in the order in which they are told; a valid one has none."""


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_judged_and_named_as_it_must_be(name: str) -> None:
    result = Linearizability().check(read_history(CASES / f"{name}.jsonl"))
    assert tuple(violation.anomaly for violation in result.violations) == RIGHT[name]
    journal = (CASES / f"{name}.jsonl").read_bytes()
    if not journal.startswith(b'{"event"'):  # s2-porcupine's histories have other events
        assert unfounded(journal, result.violations) is None
    assert result.validity is (Validity.INVALID if RIGHT[name] else Validity.VALID)


def test_half_of_a_surrogate_pair_is_told_as_what_it_is() -> None:
    with pytest.raises(HistoryFailure, match=r"fencing_token: .ud800 is half of a surrogate pair"):
        read_history(CASES / "b2-surrogate.jsonl")


def test_every_case_is_here() -> None:
    assert {path.stem for path in CASES.glob("*.jsonl")} == {*RIGHT, "b2-surrogate"}
