"""``fencepost explain``: every anomaly by its number, and its graph."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import fencepost
from fencepost import check
from fencepost.testing import append, check_tail, jsonl, read

from .invoking import Inside

TWO = jsonl(
    append(0, 1, 2, "a b", ack=0),
    append(1, 3, 4, "c", match=0, ack=2),
    check_tail(1, 5, 6, 1),
    check_tail(2, 7, 8, 0),
    read(3, 9, 10, 0, saw="a b c"),
)


NUMBERS = re.compile(r"^── (\d+) of ", re.MULTILINE)


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    """Three answers that were out of date, the first and the last (of another stream) in the same way."""
    first = append(0, 1, 2, "a", ack=0), check_tail(1, 3, 4, 0), read(2, 3, 4, 0, failed="range", status=416, tail=0)
    second = append(3, 1, 2, "b", ack=0, stream="t"), check_tail(4, 3, 4, 0, stream="t")
    path = tmp_path / "alike.jsonl"
    path.write_bytes(jsonl(*first, *second, read(5, 5, 6, 0, saw="a")))
    return path


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A history with several independent anomalies."""
    path = tmp_path / "several.jsonl"
    path.write_bytes(TWO)
    return path


@pytest.mark.parametrize(("name", "code"), [("valid", 0), ("invalid", 1), ("unknown", 2)])
def test_it_ends_with_the_verdict(inside: Inside, histories: dict[str, Path], name: str, code: int) -> None:
    said = inside("explain", histories[name])
    assert said.code == code, said
    assert said.out.splitlines()[-1].startswith(f"{name.upper()}: ")


def test_one_anomaly_is_told_without_a_list(inside: Inside, histories: dict[str, Path]) -> None:
    said = inside("explain", histories["invalid"])
    assert said.out.startswith("stale-read on s\n")
    assert "contradiction" in said.out


def test_several_are_listed_with_numbers(inside: Inside, several: Path) -> None:
    said = inside("explain", several)
    assert said.code == 1
    head, *lines = said.out.splitlines()
    number = int(re.match(r"(\d+) anomalies to tell, ", head).group(1))  # type: ignore[union-attr]
    assert number >= 2
    names = [re.match(rf" +{place}  ([a-z-]+) ", lines[place - 1]).group(1) for place in range(1, number + 1)]  # type: ignore[union-attr]
    assert names[0] == "match-violation"


def test_the_first_of_each_signature_is_told_and_the_others_are_counted(inside: Inside, alike: Path) -> None:
    said = inside("explain", alike)
    assert NUMBERS.findall(said.out) == ["1", "2"]
    assert f"… and 1 more anomaly: 1 × stale-read; to see them all:\n  fencepost explain {alike} --all\n" in said.out


def test_all_are_told_below_a_heading_for_each_signature(inside: Inside, alike: Path) -> None:
    said = inside("explain", alike, "--all")
    found = [one.signature for one in check(alike).violations]
    assert found[0] == found[2] != found[1]
    headings = re.findall(r"^══ (.*) ══ (.*)$|^── (\d) of 3 ", said.out, re.MULTILINE)
    assert headings == [
        (found[0], "2 broken promises", ""),
        ("", "", "1"),
        ("", "", "3"),
        (found[1], "1 broken promise", ""),
        ("", "", "2"),
    ]
    assert "to see them all" not in said.out
    assert f"{fencepost.explain(alike, every=True)}\n" == said.out


@pytest.mark.parametrize(("number", "shown"), [(2, 2), (7, 5)])
def test_it_says_how_far_an_order_explains_each_stream(inside: Inside, tmp_path: Path, number: int, shown: int) -> None:
    """On each stream a check-tail is out of date, after an append and a check-tail that are not."""
    path = tmp_path / "streams.jsonl"
    ops = []
    for i in range(number):
        ops += [append(4 * i, 1, 2, "a", ack=0, stream=f"s{i}"), check_tail(4 * i + 1, 1, 2, 1, stream=f"s{i}")]
        ops += [append(4 * i + 2, 3, 4, "b", ack=1, stream=f"s{i}"), check_tail(4 * i + 3, 5, 6, 1, stream=f"s{i}")]
    path.write_bytes(jsonl(*ops))
    said = inside("explain", path)
    lines = [line for line in said.out.splitlines() if "the order that got furthest explains" in line]
    assert len(lines) == shown
    assert lines[0].startswith("stream s0: the order that got furthest explains 3 of 4 moments, up to the tail 2 and ")
    assert "into the run; after them, check-tail #" in lines[0]
    assert lines[0].endswith("told another tail than there was")
    more = f"… and so for {number - shown} more streams (--json lists them)"
    assert (more in said.out) == (number > shown)
    found = json.loads(inside("check", path, "--json").out)["checkers"]["linearizability"]["explained"]
    assert [(one["stream"], one["moments"], one["of"], one["tail"]) for one in found] == [
        (f"s{i}", 3, 4, 2) for i in range(number)
    ]


def test_one_and_all_exclude_each_other(inside: Inside, alike: Path) -> None:
    said = inside("explain", alike, "--all", "--anomaly", 1)
    assert (said.code, said.out) == (254, "")
    assert "--all and --anomaly exclude each other" in said.err
    with pytest.raises(fencepost.UsageFailure, match="exclude each other"):
        check(alike).explain(1, every=True)


def test_one_of_several_is_told_by_its_number(inside: Inside, several: Path) -> None:
    both = inside("explain", several, "--all").out
    one = inside("explain", several, "--anomaly", 2)
    assert one.code == 1
    headings = re.findall(r"^[a-z-]+ on s", one.out, re.MULTILINE)
    assert headings == re.findall(r"^[a-z-]+ on s", both, re.MULTILINE)[1:2]
    assert "── 2 of " in one.out
    assert "── 1 of " not in one.out


@pytest.mark.parametrize(
    ("name", "number", "there_are"), [("valid", 1, "none was found"), ("invalid", 2, "there is one")]
)
def test_a_number_that_there_is_not_is_a_usage_error(
    inside: Inside, histories: dict[str, Path], name: str, number: int, there_are: str
) -> None:
    said = inside("explain", histories[name], "--anomaly", number)
    assert said.code == 254
    assert f"anomaly {number}: {there_are}" in said.err
    assert inside("explain", histories[name], "--anomaly", 0).code == 254


def test_a_valid_verdict_says_what_it_rests_on(inside: Inside, histories: dict[str, Path]) -> None:
    assert "3 answers and 0 definite failures fit one order" in inside("explain", histories["valid"]).out


def test_an_unknown_verdict_says_what_is_open(inside: Inside, histories: dict[str, Path]) -> None:
    lines = inside("explain", histories["unknown"]).out.splitlines()
    assert lines[0] == "What is open:"
    assert lines[1].startswith("linearizability: ")


@pytest.mark.parametrize("ending", ["svg", "dot", "graphml", "json"])
def test_the_graph_is_written(inside: Inside, several: Path, tmp_path: Path, ending: str) -> None:
    graph = tmp_path / f"graph.{ending}"
    said = inside("explain", several, "--graph", graph)
    assert said.code == 1
    assert said.out.splitlines()[-1] == f"graph     {graph}"
    assert graph.stat().st_size > 200


def test_the_graph_is_of_the_anomaly_that_was_chosen(inside: Inside, several: Path, tmp_path: Path) -> None:
    graphs = []
    for number in (1, 2):
        inside("explain", several, "--anomaly", number, "--graph", tmp_path / "graph.json")
        graphs.append(json.loads((tmp_path / "graph.json").read_bytes()))
    assert graphs[0]["anomaly"] == "match-violation"
    assert graphs[1]["anomaly"] != "match-violation"


def test_an_unknown_ending_is_a_usage_error_that_names_the_four(inside: Inside, several: Path) -> None:
    said = inside("explain", several, "--graph", "graph.png")
    assert (said.code, said.out) == (254, "")
    assert "dot, graphml, json, svg" in said.err
    assert not Path("graph.png").exists()


def test_where_there_is_no_anomaly_there_is_no_graph(inside: Inside, histories: dict[str, Path]) -> None:
    said = inside("explain", histories["valid"], "--graph", "graph.svg")
    assert said.code == 0
    assert "graph.svg is not written" in said.err
    assert not Path("graph.svg").exists()


def test_a_folder_of_a_run_is_a_history_too(inside: Inside, several: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "history.jsonl").write_bytes(several.read_bytes())
    assert inside("explain", folder).out == inside("explain", several).out
    assert inside("explain", tmp_path / "nowhere").code == 254
