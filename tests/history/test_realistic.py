"""The realistic histories of the benchmarks: valid, with the shares that were asked for, and written as others are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import realistic_lines
from benchmarks.realistic import Recipe, realistic
from benchmarks.realistic_history import history_file

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness import s2
from fencepost.harness.history.history import FOREVER, NONE, History, Kind, Outcome
from fencepost.harness.history.losses import Losses
from fencepost.harness.history.reader import read_history
from fencepost.harness.history.s2_porcupine.writer import written
from fencepost.harness.history.writer import journal
from fencepost.harness.verdict import Validity
from fencepost.testing import Op, Rec
from fencepost.testing.operations import Ack, Batch, Lost, Seen, Tail, TailMismatch, TokenMismatch
from tests.checkers.oracle import explain

EVERYTHING = Recipe(operations=400, clients=5, indefinite=0.05, fences=0.1, trims=0.2)
SMALL = Recipe(operations=12, clients=3, indefinite=0.15, fences=0.15, trims=0.15)
RECIPES = [EVERYTHING, replace(EVERYTHING, trims=0, closing_read=False), replace(EVERYTHING, violations=1)]


def operations(history: History) -> dict[int, Op]:
    """The rows as the oracle takes them."""
    return {row: _operation(history, row) for row in range(len(history))}


def _operation(history: History, row: int) -> Op:
    appends, reads, one = history.appends, history.reads, history.operation(row)
    ended = None if history.returned[row] == FOREVER else int(history.ended[row])
    kind, read = Kind(int(history.kind[row])), s2.Read()
    records = tuple(_record(history, appends, row, at) for at in range(*appends.offset[row : row + 2].tolist()))
    if kind is Kind.READ:
        names = {"seq_num": reads.from_seq_num, "count": reads.count, "wait": reads.wait}
        read = s2.Read(**{name: int(column[row]) for name, column in names.items() if column[row] != NONE})
    answer: Any = Lost()
    if one.seq_num_mismatch is not None:
        answer = TailMismatch(one.seq_num_mismatch)
    elif one.token_mismatch is not None:
        answer = TokenMismatch(one.token_mismatch)
    elif one.outcome is Outcome.OK and kind is Kind.APPEND:
        names = ("start", "end", "tail")
        columns = ((getattr(appends, name)[row], getattr(appends, f"{name}_timestamp")[row]) for name in names)
        answer = Ack(*((int(seq_num), int(timestamp)) for seq_num, timestamp in columns))
    elif one.outcome is Outcome.OK and kind is Kind.CHECK_TAIL:
        answer = Tail((int(history.observed_tail[row]), int(history.observed_tail_timestamp[row])))
    elif one.outcome is Outcome.OK:
        places = range(*reads.offset[row : row + 2].tolist())
        answer = Batch(
            tuple(
                Seen(int(reads.seq_num[at]), int(reads.timestamp[at]), _record(history, reads, row, at))
                for at in places
            )
        )
    return Op(
        kind.label, one.process, one.invoked, ended, answer, records, one.match_seq_num, one.fencing_token, read=read
    )


def _record(history: History, of: Any, row: int, at: int) -> Rec:
    index = at - int(of.offset[row])
    if (token := of.fences.get(row, {}).get(index)) is not None:
        return Rec("fence", fence=history.tokens[token])
    return Rec(f"{int(of.digest[at]):016x}", int(of.size[at]), trim=of.trims.get(row, {}).get(index))


@pytest.mark.parametrize("closing_read", [True, False])
def test_brute_force_explains_small_ones(closing_read: bool) -> None:
    commands = indefinite = 0
    for seed in range(150):
        history = realistic(replace(SMALL, closing_read=closing_read, seed=seed))
        ops = operations(history)
        assert explain(ops.values()) is not None, ops
        # Where nothing shows which of two equal fences landed, the checker does not try every reading yet.
        if closing_read:
            assert Linearizability().check(history).validity is Validity.VALID, ops
        commands += len(history.appends.fences) + len(history.appends.trims)
        indefinite += int((history.outcome == Outcome.INDEFINITE).sum())
    assert commands > 150
    assert indefinite > 150


def test_a_violation_is_one_observation() -> None:
    found = 0
    for seed in range(100):
        recipe = replace(SMALL, violations=1, seed=seed)
        try:
            history = realistic(recipe)
        except ValueError:
            continue
        clean = realistic(replace(recipe, violations=0))
        (row,) = np.flatnonzero(history.observed_tail != clean.observed_tail).tolist()
        ops = operations(history)
        assert explain(ops.values()) is None, ops
        del ops[row]
        assert explain(ops.values()) is not None, ops
        found += 1
    assert found > 20


def test_a_violation_lies_in_the_middle_and_is_told_once() -> None:
    recipe = Recipe(operations=3000, violations=1)
    history = realistic(recipe)
    result = Linearizability().check(history)
    assert [violation.anomaly for violation in result.violations] == ["stale-read"]
    row = int(np.flatnonzero(history.observed_tail != realistic(replace(recipe, violations=0)).observed_tail)[0])
    assert 0.45 < row / len(history) < 0.55


def test_a_history_too_short_for_a_violation_is_refused() -> None:
    with pytest.raises(ValueError, match="only 0 check-tails were invoked"):
        realistic(Recipe(operations=3, violations=1))


def test_the_shares_are_as_asked() -> None:
    recipe = Recipe(operations=50_000, indefinite=0.01, trims=0.1, closing_read=False)
    history = realistic(recipe)
    appends = history.kind == Kind.APPEND
    condition = (history.appends.match_seq_num != NONE) | (history.appends.token != NONE)
    refused = history.outcome == Outcome.FAILED
    lost = history.outcome == Outcome.INDEFINITE
    shares = {
        "observations": (~appends).mean(),
        "indefinite": lost.mean(),
        "conditional": condition.sum() / appends.sum(),
        "refused": refused.sum() / condition.sum(),
        "fences": len(history.appends.fences) / appends.sum(),
        "trims": len(history.appends.trims) / appends.sum(),
    }
    for name, share in shares.items():
        assert share == pytest.approx(getattr(recipe, name), rel=0.1), name
    assert (history.kind == Kind.READ).sum() / (~appends).sum() == pytest.approx(2 / 3, rel=0.05)


def test_half_of_the_indefinite_appends_took_effect() -> None:
    history = realistic(Recipe(operations=20_000, indefinite=0.02))
    seen = set(history.reads.digest.tolist())
    for outcome, share in (Outcome.OK, 1), (Outcome.FAILED, 0), (Outcome.INDEFINITE, 0.5):
        rows = np.flatnonzero((history.kind == Kind.APPEND) & (history.outcome == outcome)).tolist()
        landed = [int(history.appends.digest[history.appends.offset[row]]) in seen for row in rows]
        assert np.mean(landed) == pytest.approx(share, abs=0.1), outcome


def test_operations_of_different_clients_overlap_and_contents_are_rarely_equal() -> None:
    history = realistic(Recipe(operations=5000, indefinite=0.01, fences=0.1))
    begins = np.searchsorted(np.sort(history.invoked), history.ended) - np.arange(1, len(history) + 1)
    assert begins[:4000].mean() > 3
    contents, number = np.unique(history.appends.digest, return_counts=True)
    assert 0 < (number > 1).sum() < len(contents) / 1000


@pytest.mark.parametrize("recipe", RECIPES, ids=["trims", "open", "violation"])
def test_files_are_what_the_package_writes(recipe: Recipe) -> None:
    history = realistic(recipe)
    assert b"".join(realistic_lines.journal(history)) == b"".join(journal(history))
    assert b"".join(realistic_lines.s2_porcupine(history)) == b"".join(written(history, 0, Losses()))


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    history = realistic(EVERYTHING)
    at_once = [b"".join(form(history)) for form in (realistic_lines.journal, realistic_lines.s2_porcupine)]
    monkeypatch.setattr(realistic_lines, "_CHUNK", 37)
    assert [b"".join(form(history)) for form in (realistic_lines.journal, realistic_lines.s2_porcupine)] == at_once


def test_a_file_is_made_once_for_each_recipe(tmp_path: Path) -> None:
    path = history_file(EVERYTHING, folder=tmp_path)
    made = path.read_bytes()
    assert not read_history(path).warnings
    path.write_bytes(b"kept")
    assert history_file(EVERYTHING, folder=tmp_path) == path
    assert path.read_bytes() == b"kept"
    path.unlink()
    assert history_file(EVERYTHING, folder=tmp_path).read_bytes() == made
    others = {history_file(replace(EVERYTHING, seed=2), folder=tmp_path), history_file(SMALL, folder=tmp_path)}
    assert (
        len({path, history_file(EVERYTHING, "s2-porcupine", tmp_path), *others}) == len(list(tmp_path.iterdir())) == 4
    )
