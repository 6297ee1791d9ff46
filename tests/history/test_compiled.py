"""The compiled reader gives the same history as the ordinary one, to the last column, or leaves the journal to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from benchmarks.realistic import Recipe, realistic

from fencepost.harness.history import journal as reading
from fencepost.harness.history.compiled import blocks
from fencepost.harness.history.content import Content
from fencepost.harness.history.contradictions import Contradiction
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import History
from fencepost.harness.history.writer import journal
from tests.checkers.golden_case import FOLDER
from tests.history.journals import LINES, damaged, random_lines
from tests.history.same import differences


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the journal, it is compiled code that reads it, in several blocks."""
    monkeypatch.setattr(reading, "COMPILED_FROM", 0)
    monkeypatch.setattr(blocks, "_BLOCK", 700)


def outcome(read: tuple[History, Contradiction | None]) -> History | str:
    history, found = read
    return history if found is None else f"{found.place}: {found.field}: {found.text}"


def ordinary(data: bytes) -> History | str:
    try:
        return outcome(reading._ordinary(Content(data, "h"), None))
    except HistoryFailure as error:
        return str(error)


def compiled(data: bytes) -> History | str | None:
    try:
        read = reading._fast(Content(data, "h"), None)
    except (HistoryFailure, StopIteration):
        return None
    return None if read is None else outcome(read)


def agree(data: bytes) -> bool:
    """Was it compiled code that read it? Then it found the same history, or the same contradiction, as the other."""
    found = compiled(data)
    if found is None:
        return False
    wanted = ordinary(data)
    assert not differences(found, wanted)
    return True


def lines_of(seed: int) -> list[bytes]:
    return LINES if seed % 3 == 0 else random_lines(Random(seed))


def test_every_event() -> None:
    assert agree(b"".join(LINES))


def test_golden_histories() -> None:
    assert [path.stem for path in FOLDER.glob("*.jsonl") if not agree(path.read_bytes())] == []


def test_random_journals() -> None:
    for seed in range(120):
        assert agree(b"".join(random_lines(Random(seed)))), seed


def judge_seeds(seeds: range) -> int:
    read = 0
    for seed in seeds:
        data = damaged(Random(seed), lines_of(seed))
        try:
            read += agree(data)
        except Exception as error:
            raise AssertionError(f"seed {seed}\n{data[:5000].decode(errors='replace')}") from error
    return read


def test_damaged_journals() -> None:
    assert judge_seeds(range(400)) > 15


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(i, i + 50_000) for i in range(10_000, 210_000, 50_000)], ids=str)
def test_many_damaged_journals(seeds: range) -> None:
    judge_seeds(seeds)


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_every_line_cut_anywhere(step: int) -> None:
    for number in range(1, len(LINES)):
        before = b"".join(LINES[:number])
        for length in range(number % step, len(LINES[number]), step):
            assert agree(before + LINES[number][:length]), (number, length)


def test_a_realistic_history(monkeypatch: pytest.MonkeyPatch) -> None:
    for block in (5000, 4_000_000):
        monkeypatch.setattr(blocks, "_BLOCK", block)
        assert agree(b"".join(journal(realistic(Recipe(operations=4000, indefinite=0.02)))))


def test_a_short_journal_is_read_without_numba(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(b"".join(LINES))
    program = (
        "import sys; from pathlib import Path; from fencepost.harness.history.reader import read_history\n"
        "read_history(Path(sys.argv[1])); assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
