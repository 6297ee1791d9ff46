"""What a user's Python sees: a history goes in, however it is given, and a result comes out that can be used."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import fencepost
from fencepost.testing import append, check_tail, history, journal, jsonl, read
from tests.cli.invoking import Inside, inside  # noqa: F401 (a fixture)

VALID = (append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 2), read(1, 5, 6, 0, saw="a b"))
INVALID = (append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 0), read(1, 5, 6, 0, saw="a b"))
UNKNOWN = (append(0, 1, None, "a b"),)
TWO = (*INVALID, append(0, 7, 8, "c", match=9, ack=2), read(2, 9, 10, 0, saw="a b c"))


def file_of(folder: Path, *operations: Any) -> Path:
    path = folder / "history.jsonl"
    path.write_bytes(jsonl(*operations))
    return path


def as_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


GIVEN: dict[str, Callable[[Path], Any]] = {
    "a str": str,
    "a Path": Path,
    "a run's folder": lambda path: path.parent,
    "bytes": Path.read_bytes,
    "compressed bytes": lambda path: gzip.compress(path.read_bytes()),
    "a History": fencepost.read_history,
    "events": lambda _: journal(*INVALID),
    "events one by one": lambda _: iter(journal(*INVALID)),
    "dicts": as_lines,
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_a_history_may_be_given_in_many_ways_and_the_verdict_is_the_same(
    tmp_path: Path, given: Callable[[Path], Any]
) -> None:
    result = fencepost.check(given(file_of(tmp_path, *INVALID)))
    assert result.validity is fencepost.Validity.INVALID
    assert [violation.anomaly for violation in result.violations] == ["stale-read"]
    assert len(result.history) == 3
    assert result.verify().verified


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("nowhere.jsonl", fencepost.UsageFailure, "nowhere.jsonl does not exist"),
        (b"no history", fencepost.HistoryFailure, "<bytes>:1"),
        ([], fencepost.HistoryFailure, "<events>:1: the file is empty"),
        ([*journal(*VALID), *journal(*VALID)[1:2]], fencepost.HistoryFailure, r"<events>:9:.* nothing may follow"),
        ([{"type": "history"}], fencepost.HistoryFailure, "missing required field `schema`"),
        (7, TypeError, "a path, bytes, a fencepost.History or an iterable of events, not int"),
        ({"type": "history"}, TypeError, "not dict"),
        (history(append(0, 1, 9, "a", ack=0), append(0, 3, 4, "b", ack=1)), fencepost.HistoryFailure, "process 0"),
    ],
    ids=["nowhere", "bytes", "nothing", "events", "dicts", "a number", "a dict", "overlapping"],
)
def test_what_is_no_history_says_what_is_wrong_and_where(source: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fencepost.check(source)


@pytest.mark.parametrize(
    ("operations", "valid", "validity"),
    [(VALID, True, "valid"), (INVALID, False, "invalid"), (UNKNOWN, False, "unknown")],
)
def test_only_a_valid_history_is_valid(operations: tuple[Any, ...], valid: bool, validity: str) -> None:
    result = fencepost.check(history(*operations))
    assert result.valid is valid
    assert result.validity == validity
    assert bool(result.violations) is (validity == "invalid")


def test_raising_explains_and_an_unknown_verdict_raises_unless_it_is_allowed() -> None:
    fencepost.check(history(*VALID)).raise_if_invalid()
    invalid, unknown = fencepost.check(history(*INVALID)), fencepost.check(history(*UNKNOWN))
    with pytest.raises(fencepost.CheckFailure, match="stale-read on s") as raised:
        invalid.raise_if_invalid(allow_unknown=True)
    assert str(raised.value) == invalid.explain()
    assert raised.value.result is invalid
    assert isinstance(raised.value, AssertionError), "a test runner then shows a failure, not an error"
    with pytest.raises(fencepost.CheckFailure, match="UNKNOWN: 1 operations"):
        unknown.raise_if_invalid()
    unknown.raise_if_invalid(allow_unknown=True)


# -- the commands do the same


@pytest.mark.parametrize("operations", [VALID, INVALID, UNKNOWN, TWO], ids=["valid", "invalid", "unknown", "two"])
def test_what_is_printed_is_what_the_commands_print(inside: Inside, tmp_path: Path, operations: Any) -> None:  # noqa: F811
    path = file_of(tmp_path, *operations)
    result = fencepost.check(str(path))
    said = inside("check", path)
    assert (said.code, said.out) == (result.exit_code, f"{result}\n")
    explained = inside("explain", path)
    assert (explained.code, explained.out) == (result.exit_code, f"{result.explain()}\n")
    assert fencepost.explain(str(path)) == result.explain()
    assert json.loads(inside("check", path, "--json").out) == {"path": str(path)} | json.loads(
        json.dumps(result.as_dict())
    )


def test_one_anomaly_of_several_is_explained_and_drawn_as_a_graph(tmp_path: Path) -> None:
    result = fencepost.check(history(*TWO))
    assert len(result.violations) == 2
    second = result.violations[1]
    assert "── 2 of 2" in result.explain(2)
    assert "── 1 of 2" not in result.explain(2)
    drawn = result.graph(str(tmp_path / "graph.json"), 2)
    nodes = {node["op"] for node in json.loads(drawn.read_text())["nodes"]}
    assert set(second.operations) <= nodes
    assert result.graph(tmp_path / "first.dot").read_text().startswith("digraph")
    with pytest.raises(fencepost.UsageFailure, match="anomaly 3: there are 2"):
        result.explain(3)
    with pytest.raises(fencepost.UsageFailure, match="no anomaly to draw"):
        fencepost.check(history(*VALID)).graph(str(tmp_path / "none.dot"))


def test_a_proof_is_written_verified_and_of_no_other_history(tmp_path: Path) -> None:
    path = file_of(tmp_path, *INVALID)
    proof = str(tmp_path / "proof.zip")
    assert fencepost.check(path).write_certificate(proof).verified
    found = fencepost.verify(str(path), proof)
    assert found.verified
    assert str(found).endswith("\nVERIFIED")
    file_of(tmp_path, *VALID)
    with pytest.raises(fencepost.UsageFailure, match="certificate of another history"):
        fencepost.verify(path, proof)
    with pytest.raises(fencepost.UsageFailure, match="name its certificate"):
        fencepost.verify(path)


def test_a_verdict_that_its_proof_does_not_bear_out_is_not_verified(tmp_path: Path) -> None:
    """The commands and the functions go one way: what is tampered with is found by both."""
    from dataclasses import replace

    lie = fencepost.check(history(*INVALID))
    (said,) = [result for result in lie.verdict.results.values() if result.certificate is not None]
    results = dict(lie.verdict.results) | {"linearizability": replace(said, validity=fencepost.Validity.VALID)}
    tampered = replace(lie, verdict=fencepost.Verdict(fencepost.Validity.VALID, results))
    found = tampered.verify()
    assert not found.verified
    assert str(found).endswith("NOT VERIFIED")


def test_pictures_are_drawn_and_their_paths_returned(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    drawn = fencepost.plot(jsonl(*INVALID), str(folder), only=["operations"])
    assert drawn == [folder / "operations.png"]
    assert drawn[0].stat().st_size > 1000
    with pytest.raises(fencepost.UsageFailure, match="no plot is called 'art'"):
        fencepost.plot(jsonl(*INVALID), folder, only=["art"])


def test_a_plot_that_fails_is_told_and_the_others_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fencepost.harness import pictures

    class Fine:
        def draw(self, history: Any, verdict: Any, folder: Path, formats: Any) -> list[Path]:
            return [folder / "fine.png"]

    class Broken:
        def draw(self, history: Any, verdict: Any, folder: Path, formats: Any) -> list[Path]:
            raise ValueError("no ink")

    monkeypatch.setattr(pictures.PLOTS, "names", lambda: ["broken", "fine"])
    monkeypatch.setattr(pictures.PLOTS, "make", {"broken": Broken(), "fine": Fine()}.__getitem__)
    with pytest.raises(fencepost.PlotFailure, match="'broken' failed: ValueError: no ink") as raised:
        fencepost.check(history(*VALID)).plot(tmp_path)
    assert raised.value.files == (tmp_path / "fine.png",)


# -- what people see


def test_values_are_readable() -> None:
    result = fencepost.check(history(*INVALID))
    assert repr(result) == "<CheckedHistory <history>: INVALID: 3 operations on 1 stream, 1 broken promise>"
    assert repr(result.history) == "<History 'by-hand': 3 operations on 's'>"
    assert repr(result.violations[0]) == "<Violation stale-read on 's': #0, #1>"
    assert str(result.violations[0]).startswith("stale-read on s: ")
    assert repr(result.verdict.results["linearizability"]) == "<CheckResult invalid: stale-read>"
    assert repr(result.verdict).startswith("<Verdict invalid: linearizability <CheckResult invalid: stale-read>, stat")
    operation = result.history.operation(0)
    assert repr(operation) == "<append #0 of process 0: ok>"
    unknown = fencepost.check(history(*UNKNOWN)).verdict.results["linearizability"]
    assert repr(unknown).startswith("<CheckResult unknown: ")


class Page(HTMLParser):
    """Collects the text of a page, and fails on tags that nobody closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("operations", [VALID, INVALID, UNKNOWN, TWO])
def test_a_notebook_shows_verdict_operations_and_sentences(operations: Any) -> None:
    result = fencepost.check(history(*operations))
    page = Page(result._repr_html_())
    assert result.validity.upper() in page.text
    for violation in result.violations:
        assert violation.anomaly in page.text
        assert all(sentence in page.text for sentence in violation.sentences)
        assert all(f"#{op}" in page.text for op in violation.operations)
    assert page.seen.count("table") == len(result.violations)


def test_names_and_tokens_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>&amp;"
    found = fencepost.check(
        history(append(0, 1, 2, "a", ack=0, stream=evil), check_tail(1, 3, 4, 0, stream=evil))
    )._repr_html_()
    assert evil not in found
    page = Page(found)
    assert "script" not in page.seen
    assert evil in page.text


def test_a_run_can_be_explained_verified_and_shown(tmp_path: Path) -> None:
    options = fencepost.RunOptions(
        workload="regular", seed=3, results=str(tmp_path / "results"), operations=60, time_limit=5, formats=()
    )
    result = fencepost.execute(options)
    assert result.folder.is_relative_to(tmp_path)
    assert re.fullmatch(rf"<RunResult {re.escape(str(result.folder))}: (valid|unknown)>", repr(result))
    assert str(result) == str(fencepost.check(result.folder))
    assert result.checked.verify().verified
    assert fencepost.verify(result.folder).verified
    Page(result._repr_html_())
