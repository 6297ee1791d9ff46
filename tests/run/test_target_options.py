"""A target's own options: declared as rows, given by name, refused where they do not fit, stored without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from fencepost import Option, UsageFailure
from fencepost.harness.cli.run import SHORTCUTS
from fencepost.harness.cli.run import command as run_command
from fencepost.harness.run import TARGETS
from fencepost.harness.targets.options import resolve, without_secrets
from fencepost.harness.targets.target import options_of, summary_of
from tests.cli.invoking import Inside
from tests.run import doubles
from tests.run.conftest import Run

ROWS = (
    Option("latency", "seconds that it takes", float, default=0.5),
    Option("replicas", "how many there are", int, required=True),
    Option("verbose", "whether it talks", bool, default=False),
    Option("password", "what opens it", secret=True),
    Option("peer", "who else is there", repeatable=True),
)


def test_every_row_has_a_value_and_texts_are_converted() -> None:
    assert resolve("mine", ROWS, {"replicas": "3"}) == {
        "latency": 0.5,
        "replicas": 3,
        "verbose": False,
        "password": None,
        "peer": (),
    }
    given = {"replicas": 1, "latency": 2, "verbose": "yes", "peer": ["a", "b"], "password": "x"}
    assert resolve("mine", ROWS, given) == {
        "latency": 2.0,
        "replicas": 1,
        "verbose": True,
        "password": "x",
        "peer": ("a", "b"),
    }
    assert resolve("mine", ROWS, {"replicas": "3", "peer": "alone"})["peer"] == ("alone",)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "the target 'mine' needs --target-option replicas=INTEGER: how many there are; its options are: latency"),
        ({"replicas": 1, "hat": 1}, r"'mine' has no option 'hat'; its options are: latency \(number, default 0.5\)"),
        ({"replicas": "many"}, "the target option 'replicas': 'many' is not of the type integer"),
        ({"replicas": 1.5}, "1.5 is not of the type integer"),
        ({"replicas": True}, "True is not of the type integer"),
        ({"replicas": 1, "latency": "nan"}, "'nan' is not of the type number"),
        ({"replicas": 1, "verbose": "perhaps"}, "'perhaps' is not of the type yes or no"),
        ({"replicas": ["1", "2"]}, "'replicas' is given 2 times; it takes one value"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_options_are_named(given: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageFailure, match=what):
        resolve("mine", ROWS, given)


def test_a_target_without_options_says_so() -> None:
    with pytest.raises(UsageFailure, match="'plain' has no option 'hat'; it has no options"):
        resolve("plain", (), {"hat": "1"})


def test_no_secret_is_stored_or_told() -> None:
    given = {"replicas": 1, "password": "open-sesame"}
    stored = without_secrets(ROWS, resolve("mine", ROWS, given))
    assert stored == {"latency": 0.5, "replicas": 1, "verbose": False, "password": True, "peer": ()}
    assert without_secrets(ROWS, resolve("mine", ROWS, {"replicas": 1}))["password"] is False
    number = (Option("pin", "a secret number", int, secret=True),)
    with pytest.raises(UsageFailure) as refused:
        resolve("mine", number, {"pin": "12a4"})
    assert "12a4" not in str(refused.value)


@pytest.mark.parametrize(
    "row",
    [
        {"name": "Upper", "help": ""},
        {"name": "under_score", "help": ""},
        {"name": "x", "help": "", "type": list},
        {"name": "x", "help": "", "required": True, "default": "y"},
        {"name": "x", "help": "", "repeatable": True, "default": ("y",)},
    ],
    ids=repr,
)
def test_a_row_that_contradicts_itself_is_no_row(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the option"):
        Option(**row)


def test_a_run_hands_a_target_its_options_and_stores_them_without_secrets(run: Run, results: Path) -> None:
    result = run(target_options={"mood": "sunny", "pin": "open-sesame"})
    assert result.history.header.target == {"name": "memory", "mood": "sunny"}
    wanted = {"mood": "sunny", "pin": True}
    assert result.history.header.options["target_options"] == wanted
    assert json.loads((result.folder / "options.json").read_bytes())["target_options"] == wanted
    assert not [path for path in results.rglob("*") if path.is_file() and b"open-sesame" in path.read_bytes()]


def test_options_that_do_not_fit_are_refused_before_the_run(run: Run, results: Path, script: doubles.Script) -> None:
    with pytest.raises(UsageFailure, match="the target 'memory' has no option 'hat'; its options are: mood"):
        run(target_options={"hat": "1"})
    assert script.log == []
    assert not results.exists()


@pytest.mark.usefixtures("installed")
def test_the_command_line_gives_any_target_its_options(inside: Inside) -> None:
    arguments = ("run", "counting", "--target-kind", "memory", "--ops", "4", "--no-plots")
    said = inside(*arguments, "--target-option", "mood=a=b", "--target-option", "pin=1")
    assert said.code == 0, said
    (folder,) = Path("results/counting").iterdir()
    assert json.loads((folder / "options.json").read_bytes())["target_options"] == {"mood": "a=b", "pin": True}
    twice = inside(*arguments, "--target-option", "mood=1", "--target-option", "mood=2")
    assert "'mood' is given 2 times" in twice.err


@pytest.mark.usefixtures("installed")
def test_targets_are_listed_with_their_options(inside: Inside) -> None:
    rows = {row["target"]: row for row in json.loads(inside("targets", "--json").out)}
    assert rows.keys() == {"reference", "endpoint", "memory"}
    (mood, pin) = rows["memory"]["options"]
    assert mood == {
        "option": "mood",
        "type": "text",
        "default": "default mild",
        "flag": "",
        "help": "what it is like today",
    }
    assert pin["option"] == "pin"
    assert "--basin NAME (required): the basin" in inside("targets").out


def test_every_shortcut_of_the_command_is_an_option_of_a_bundled_target_and_says_so() -> None:
    flags = {row.flag: row.name for name in ("reference", "endpoint") for row in options_of(TARGETS.get(name))}
    assert {flag.partition(" ")[0]: name for flag, name in flags.items()} == SHORTCUTS
    known = {opt for param in run_command.params if isinstance(param, click.Option) for opt in param.opts}
    assert known >= SHORTCUTS.keys()


def test_every_bundled_target_says_what_it_is() -> None:
    for name in ("reference", "endpoint"):
        target = TARGETS.get(name)
        assert summary_of(target)
        assert all(row.help for row in options_of(target))
