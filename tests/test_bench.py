"""The rows of the checker's benchmark: what they say of a command that takes too long, or that judges wrongly."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks import __main__ as page
from benchmarks import checker_realistic
from benchmarks.bench import Bench, judged
from benchmarks.commands import KILLED, Measured, measured


@pytest.mark.parametrize("limit", [{"most_seconds": 0.2}, {"most_processor": 1}], ids=["clock", "processor"])
def test_a_command_that_takes_too_long_is_killed_and_says_so(limit: dict[str, int]) -> None:
    one = measured([sys.executable, "-c", "while True: pass"], **limit)
    assert one.code == KILLED
    assert judged(one).startswith("> ")


def costs(monkeypatch: pytest.MonkeyPatch, *each: Measured) -> None:
    """Let the checks of a row cost this, in turn."""
    left = iter(each)
    monkeypatch.setattr(Bench, "whole", lambda *_: next(left))
    monkeypatch.setattr(Bench, "realistic", lambda *_, **__: Path("h.jsonl"))


def test_nothing_larger_is_measured_after_the_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    costs(monkeypatch, Measured(1, 1, 1), Measured(7, 7, 1, KILLED))
    checker_realistic.many_trims(Bench(Path(), 80_000))
    _, first, second, *others = capsys.readouterr().out.splitlines()
    assert "1 s (1 s), 0 MB, valid" in first
    assert "> 7 s" in second
    assert "MISSED" in second
    assert others == [f"  {number}: not measured after that" for number in ("4,000", "8,000")]


@pytest.mark.parametrize(("code", "said"), [(0, "reached"), (1, "MISSED"), (2, "MISSED")])
def test_a_quick_verdict_that_is_wrong_misses_the_target(
    code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    costs(monkeypatch, Measured(0.1, 0.1, 1, code))
    checker_realistic.open_end(Bench(Path()))
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("option", "written"), [("--row=kills", False), ("--alone", True)])
def test_a_part_is_not_written_to_the_page(
    option: str, written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "FOLDER", tmp_path / "benchmarks")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "_measure", lambda *_: "figures")
    monkeypatch.setattr(page, "_section", lambda name, output: f"{name}: {output}")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "checker", option])
    page.main()
    assert page.PAGE.exists() == written
