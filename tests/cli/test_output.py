"""What the commands print: for people, for scripts, for shells."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from fencepost.harness.cli import entry
from fencepost.harness.cli.entry import COMMANDS
from fencepost.harness.judge import anomalies
from fencepost.harness.repros import REPROS
from fencepost.harness.server.bugs import BUGS

from .invoking import Inside, environment, fencepost

LISTS = ("workloads", "faults", "bugs", "anomalies")


def group() -> click.Group:
    assert isinstance(entry.command, click.Group)
    return entry.command


# -- help


def test_help_lists_every_command_and_an_example(inside: Inside) -> None:
    said = inside("--help")
    assert said.code == 0
    wanted = {
        "serve",
        "run",
        "check",
        "verify",
        "explain",
        "plot",
        "convert",
        "validate",
        "conform",
        "clean",
        "runs",
        "bugs",
        "workloads",
        "anomalies",
        "faults",
        "targets",
        "repro",
    }
    assert wanted == COMMANDS.keys()
    for name in wanted:
        assert re.search(rf"^  {name} +\S", said.out, re.MULTILINE), name
    assert "fencepost run fenced" in said.out
    assert "0 valid, 1 invalid, 2 unknown, 254 usage, 255 crash" in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_explains_its_options_and_gives_an_example(inside: Inside, name: str) -> None:
    said = inside(name, "--help")
    assert said.code == 0
    assert inside(name, "-h").out == said.out
    assert re.search(r"Examples?:\n", said.out)
    assert re.search(rf"^  +(\w+=\S+ )?fencepost (run|{name}) ?", said.out, re.MULTILINE)
    command = group().get_command(outermost(), name)
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert max(option.opts, key=len) in said.out


def outermost() -> click.Context:
    """The context of the group, with its settings: a command keeps the help option that it was first asked for."""
    return click.Context(group(), info_name="fencepost", **group().context_settings)


def every_example() -> list[str]:
    """All command lines that any help shows."""
    context = outermost()
    texts = [group().get_help(context)]
    for name in COMMANDS:
        command = group().get_command(context, name)
        assert command is not None
        texts.append(command.get_help(click.Context(command, parent=context, info_name=name)))
    lines = [line.strip() for text in texts for line in text.splitlines()]
    found = [re.sub(r"^(\w+=\S+ )+", "", line) for line in lines if re.match(r"(\w+=\S+ )*fencepost \w", line)]
    return [re.split(r"  +", line)[0] for line in found]


def test_every_example_in_the_help_can_be_parsed() -> None:
    examples = every_example()
    assert len(examples) > 15
    for example in examples:
        _, name, *arguments = shlex.split(example)
        command = group().get_command(outermost(), name)
        assert command is not None, example
        command.make_context(name, arguments, parent=outermost())  # raises for an unknown option or a wrong value


def test_names_in_the_examples_exist() -> None:
    names = {anomaly.name for anomaly in anomalies()}
    for example in every_example():
        words = shlex.split(example)
        for option, known in (("--bug", BUGS.keys()), ("--expect", names)):
            given = {after for word, after in itertools.pairwise(words) if word == option}
            assert given <= set(known), example


def test_the_version_is_the_packages(inside: Inside) -> None:
    from importlib.metadata import version

    assert inside("--version").out == f"fencepost {version('fencepost')}\n"


# -- lists


@pytest.mark.parametrize("name", LISTS)
def test_lists_say_the_same_to_people_and_to_scripts(inside: Inside, name: str) -> None:
    people, scripts = inside(name), inside(name, "--json")
    assert (people.code, scripts.code) == (0, 0)
    rows: list[dict[str, Any]] = json.loads(scripts.out)
    assert rows
    text = people.out.splitlines()
    assert re.split(r"  +", text[0].strip()) == list(rows[0])
    for row in rows:
        first = str(next(iter(row.values())))
        assert any(line.startswith(f"{first} ") for line in text), first
        assert all(str(value) for name, value in row.items() if name != "faults"), "an empty cell explains nothing"
    # Every word of every cell is somewhere in the table, however it was folded.
    words = set(people.out.split())
    assert {word for row in rows for value in row.values() for word in str(value).split()} <= words


def test_the_lists_are_the_tables(inside: Inside) -> None:
    def names(list_name: str) -> list[str]:
        return [next(iter(row.values())) for row in json.loads(inside(list_name, "--json").out)]

    assert {"regular", "match-seq-num", "fenced"} <= set(names("workloads"))
    assert "kill" in names("faults")
    assert names("bugs") == list(BUGS)
    assert names("anomalies") == [anomaly.name for anomaly in anomalies()]


def test_bugs_name_anomalies_workloads_and_faults_that_exist(inside: Inside) -> None:
    rows = json.loads(inside("bugs", "--json").out)
    assert {row["anomaly"] for row in rows} <= {anomaly.name for anomaly in anomalies()}
    assert {row["workload"] for row in rows} <= {r["workload"] for r in json.loads(inside("workloads", "--json").out)}
    faults = {name for row in rows for name in row["faults"].split(", ") if name}
    assert faults <= {row["fault"] for row in json.loads(inside("faults", "--json").out)}


def test_stories_are_of_bugs_that_exist_and_anomalies_that_are_theirs() -> None:
    assert "stale-writer" in REPROS
    for repro in REPROS.values():
        bug = BUGS[repro.bug]
        assert (repro.anomaly, repro.workload, repro.faults) == (bug.anomaly, bug.workload, bug.faults), repro.name


# -- verdicts


def test_a_run_prints_its_verdict_as_one_json_line_the_same_as_it_stored(stored: Path) -> None:
    (line,) = (stored / "said").read_text().splitlines()
    said = json.loads(line)
    path = said.pop("path")
    assert (stored / path / "verdict.json").exists()
    assert said == json.loads((stored / path / "verdict.json").read_bytes())
    assert said["history"]["file"] == "history.jsonl"


def test_a_check_of_a_stored_run_says_exactly_what_the_run_said(
    inside: Inside, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stored)
    before = sorted(stored.rglob("*"))
    said = json.loads(inside("check", "results/latest", "--json").out)
    assert said.pop("path") == "results/latest"
    assert said == json.loads((stored / "results" / "latest" / "verdict.json").read_bytes())
    people = inside("check", "results/latest")
    assert people.code == {"valid": 0, "invalid": 1, "unknown": 2}[said["validity"]]
    assert people.out.splitlines()[-1].startswith(f"{said['validity'].upper()}: ")
    file = json.loads(inside("check", "results/latest/history.jsonl", "--json").out)
    assert file["checkers"] == said["checkers"]
    assert sorted(stored.rglob("*")) == before, "nothing is written"


def test_a_violation_is_told_the_same_to_people_and_scripts(inside: Inside, histories: dict[str, Path]) -> None:
    people, scripts = inside("check", histories["invalid"]), inside("check", histories["invalid"], "--json")
    (violation,) = (v for r in json.loads(scripts.out)["checkers"].values() for v in r["violations"])
    assert f"{violation['anomaly']} on {violation['stream']}" in people.out
    assert f"the promise: {violation['promise']}" in people.out
    for sentence in violation["sentences"]:
        assert sentence in people.out
    for operation in violation["operations"]:
        assert re.search(rf"^ +> .*#{operation} ", people.out, re.MULTILINE)
    assert people.err == ""


def test_several_histories_are_one_line_each_for_scripts(inside: Inside, histories: dict[str, Path]) -> None:
    said = inside("check", "--json", histories["valid"], histories["malformed"], histories["invalid"])
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line.get("validity") for line in lines] == ["valid", None, "invalid"]
    assert [line["path"] for line in lines] == [str(histories[name]) for name in ("valid", "malformed", "invalid")]
    assert (lines[1]["exit_code"], lines[1].keys()) == (254, {"path", "error", "exit_code"})
    assert "malformed.jsonl:3:" in lines[1]["error"]


# -- stored runs


def test_the_stored_runs_are_a_table(inside: Inside, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stored)
    (row,) = json.loads(inside("runs", "--json").out)
    verdict = json.loads((stored / "results" / "latest" / "verdict.json").read_bytes())
    assert row["verdict"] == verdict["validity"]
    assert row["workload"] == "regular"
    assert (stored / row["path"] / "history.jsonl").exists()
    people = inside("runs")
    assert people.out.splitlines()[0].split() == list(row)
    assert people.out.splitlines()[1].split() == [value for value in row.values() if value]


def test_no_runs_is_told_beside_the_output(inside: Inside) -> None:
    said = inside("runs", "--results", "nowhere")
    assert (said.code, said.out) == (0, "")
    assert "no runs are stored in nowhere" in said.err
    assert json.loads(inside("runs", "--results", "nowhere", "--json").out) == []


# -- progress


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(stored: Path) -> None:
    told = (stored / "told").read_text()
    phases = ["setting up", "clients", "closing", "checking", "verifying"]
    assert [line.rpartition(": ")[2] for line in told.splitlines()] == phases
    assert all(line.startswith("regular, seed 11: ") for line in told.splitlines())
    assert "\x1b" not in told
    assert "\r" not in told


def test_the_seed_is_printed_even_if_it_was_drawn(tmp_path: Path, site: Path) -> None:
    arguments = ("run", "counting", "--target-kind", "memory", "--ops", "5", "--no-plots", "--json")
    done = fencepost(*arguments, cwd=tmp_path, env=environment(site))
    (seed,) = set(re.findall(r"counting, seed (\d+): ", done.stderr))
    options = json.loads((tmp_path / "results" / "latest" / "options.json").read_bytes())
    assert options["seed"] == int(seed)
    assert Path(json.loads(done.stdout)["path"]).name.endswith(f"-{seed}")


# -- shells


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_given_a_script_for_completion(tmp_path: Path, shell: str) -> None:
    done = fencepost(cwd=tmp_path, env=environment(_FENCEPOST_COMPLETE=f"{shell}_source"))
    assert done.returncode == 0, done.stderr
    assert "_FENCEPOST_COMPLETE" in done.stdout
    assert "fencepost" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True, env=os.environ)


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    def complete(*words: str) -> set[str]:
        asked = {"COMP_WORDS": " ".join(["fencepost", *words]), "COMP_CWORD": str(len(words))}
        done = fencepost(cwd=tmp_path, env=environment(_FENCEPOST_COMPLETE="bash_complete", **asked))
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert complete("ru") == {"run", "runs"}
    assert complete("run", "regular", "--ex") == {"--expect"}


# -- a story


def test_a_story_is_told_from_start_to_end(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from fencepost.checkers.plots import picture as drawing
    from fencepost.harness import pictures
    from fencepost.harness.cli import repro

    short = {name: replace(story, time_limit=1.0) for name, story in REPROS.items()}
    monkeypatch.setattr(repro, "REPROS", short)
    monkeypatch.setattr(pictures.PLOTS, "names", lambda: ["witness"])  # the one that it shows
    monkeypatch.setattr(drawing, "MOST", 1)
    said = inside("repro", "stale-writer", "--seed", "1")
    assert said.code == 1, said
    story = said.out.splitlines()
    assert story[0] == REPROS["stale-writer"].story
    assert "The run: workload fenced, bug stale-fence-cache, 1 s." in story
    assert any(line.startswith("stale-token-write on ") for line in story)
    assert re.search(r"> .*token .* → +at \[\d+, \d+\)", said.out), "the timeline"
    (history,) = re.findall(r"^history   (\S+)$", said.out, re.MULTILINE)
    assert Path(history).exists()
    (picture,) = re.findall(r"^picture   (\S+)$", said.out, re.MULTILINE)
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert story[-1] == "verdict   invalid, exit code 1"
