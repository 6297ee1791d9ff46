"""A stream that was deleted while followers read it: nothing of it is lost, and nobody sent what they saw last."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.deletions import PURPOSE, with_deletions
from fencepost.harness.history.reader import read_history
from fencepost.harness.history.writer import journal
from fencepost.testing import Op, append, check_tail, history, jsonl, read

TERMINAL = f"trim={2**64 - 1}"
WRITTEN = append(0, 1, 2, "a b c", ack=0), append(1, 3, 4, "d", ack=3)


def judged(tmp_path: Path, *ops: Op) -> tuple[str, list[str]]:
    path = tmp_path / "history.jsonl"
    path.write_bytes(jsonl(*ops))
    result = Linearizability().check(read_history(path))
    return result.validity, [violation.anomaly for violation in result.violations]


@pytest.mark.parametrize("saw", [f"a b c d {TERMINAL}", f"#2 c d {TERMINAL}", f"#4 {TERMINAL}"])
def test_a_follower_may_see_the_end_and_miss_what_was_before(tmp_path: Path, saw: str) -> None:
    follower = read(2, 5, 8, 0, saw=saw, wait=1)
    gone = read(3, 9, 10, 0, failed="stream_not_found", status=404)
    assert judged(tmp_path, *WRITTEN, follower, gone) == ("valid", [])


def test_without_a_deletion_what_is_missing_is_lost(tmp_path: Path) -> None:
    validity, names = judged(tmp_path, *WRITTEN, read(2, 5, 8, 0, saw="#4 trim=1", wait=1))
    assert validity == "invalid"
    assert "lost-write" in names or "garbage-read" in names


def test_the_end_is_after_all_that_was_acknowledged_before_it_was_seen(tmp_path: Path) -> None:
    early = read(2, 5, 8, 0, saw=f"#3 {TERMINAL}", wait=1)
    validity, _ = judged(tmp_path, *WRITTEN, early, check_tail(3, 9, 10, 4))
    assert validity == "invalid"  # position 3 was acknowledged to another


def test_it_is_an_append_that_nobody_here_sent() -> None:
    found = with_deletions(history(*WRITTEN, read(2, 5, 8, 0, saw=f"#4 {TERMINAL}", wait=1)))
    (row,) = (row for row in range(len(found)) if found.operation(row).purpose == PURPOSE)
    operation = found.operation(row)
    assert operation.records == 1
    assert operation.ended is None
    assert operation.id not in (0, 1, 2)
    assert operation.process not in (0, 1, 2)
    assert list(found.invoked) == sorted(found.invoked)


def test_a_history_without_one_stays_as_it_is_and_with_one_it_is_entered_once(tmp_path: Path) -> None:
    plain = history(*WRITTEN)
    assert with_deletions(plain) is plain
    once = with_deletions(history(*WRITTEN, read(2, 5, 8, 0, saw=f"#4 {TERMINAL}", wait=1)))
    path = tmp_path / "again.jsonl"
    path.write_bytes(b"".join(journal(once)))
    assert len(read_history(path)) == len(once)
