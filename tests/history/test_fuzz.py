"""Whatever is in the file, a history comes out of it, or HistoryFailure, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.history.content import Content
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import History
from fencepost.harness.history.journal import read_journal
from fencepost.harness.history.reader import read_history
from tests.history.journals import LINES, damaged, random_lines


def judge(data: bytes) -> History | None:
    """Read it; what comes out must be sound enough to be looked at, row by row."""
    try:
        history = read_journal(Content(data, "h"))
    except HistoryFailure:
        return None
    assert history.duration >= 0
    for part in (history.appends, history.reads):
        assert part.offset[0] == 0
        assert part.offset[-1] == len(part.digest) == len(part.size)
    for row in range(len(history)):
        assert repr(history.operation(row))
    return history


def lines_of(seed: int) -> list[bytes]:
    return LINES if seed % 2 else random_lines(Random(seed))


def judge_seeds(seeds: range) -> None:
    for seed in seeds:
        data = damaged(Random(seed), lines_of(seed))
        try:
            judge(data)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n{data[:5000].decode(errors='replace')}") from error


def test_what_is_damaged_is_sound_before() -> None:
    for seed in range(100):
        assert judge(b"".join(lines_of(seed))) is not None, seed


def test_damaged_journals() -> None:
    judge_seeds(range(1200))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(i, i + 50_000) for i in range(10_000, 210_000, 50_000)], ids=str)
def test_many_damaged_journals(seeds: range) -> None:
    judge_seeds(seeds)


some = st.integers(0, 199)

ANYTHING = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.lists(st.sampled_from(LINES) | st.binary(max_size=40).map(lambda line: line + b"\n"), max_size=12).map(
        b"".join
    )
    | st.lists(st.sampled_from(LINES) | st.binary(max_size=40), max_size=12).map(
        lambda rest: b"".join([LINES[0], *rest])
    )
    | st.builds(lambda random, seed: damaged(random, lines_of(seed)), st.randoms(use_true_random=False), some)
)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(ANYTHING)
def test_anything(data: bytes) -> None:
    judge(data)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(ANYTHING)
def test_much_of_anything(data: bytes) -> None:
    judge(data)


PACKED = {
    "gzip": gzip.compress(b"".join(LINES), mtime=0),
    "two-gzips": gzip.compress(b"".join(LINES[:5]), mtime=0) + gzip.compress(b"".join(LINES[5:]), mtime=0),
    "zstandard": zstandard.compress(b"".join(LINES)),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_damaged_compression(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "h"
    for seed in range(400):
        random = Random(seed)
        data = bytearray(packed)
        if random.random() < 0.5:
            del data[random.randrange(len(data)) :]
        for _ in range(random.choice((0, 1, 1, 4))):
            if data:
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        try:
            read_history(path)
        except HistoryFailure:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_line_cut_anywhere(step: int) -> None:
    """Each line in turn is the last one, and cut at many of its bytes; the header at each."""
    for number, line in enumerate(LINES):
        before, each = b"".join(LINES[:number]), step if number else 1
        for length in range(number % each, len(line), each):
            history = judge(before + line[:length])
            assert (history is None) == (number == 0 and length < len(line) - 1), (number, length)
