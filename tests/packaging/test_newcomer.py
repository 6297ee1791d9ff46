"""The table of docs/architecture.md says how many files each task of a newcomer touches: it is put to the test.

What an entry point adds is added from a stranger's package, of which only that one file is there. What lies inside of
the tree is counted: in how many files the newest of its kind is named.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from docs.generate import page

from fencepost.harness.options import RunOptions
from fencepost.harness.run import FAULTS
from fencepost.harness.server.answers import Response
from fencepost.harness.server.app import App
from fencepost.harness.server.bugs import BUGS, compose
from fencepost.harness.server.bugs.registry import bug
from fencepost.harness.server.request import Request
from fencepost.harness.server.routing import Operation, Router, operation, operations_of
from fencepost.harness.server.rules import StreamRules
from tests.cli.invoking import Inside, inside  # noqa: F401 (a fixture)
from tests.run import doubles

ROOT = Path(__file__).parents[2]
STRANGER = Path(__file__).with_name("stranger")
ROOMS = ("harness", "workloads", "checkers")

LISTED: dict[str, tuple[str, str] | None] = {
    "workload": ("workloads", "workload"),
    "fault": ("faults", "fault"),
    "target": ("targets", "target"),
    "checker": ("anomalies", "anomaly"),
    "anomaly": ("anomalies", "anomaly"),
    "plot": None,
}
"""What can be added from another package, and the command and the column that then show it."""

GROUPS = {"anomaly": "anomalies"}
"""The groups of entry points that do not merely have an s at the end of the kind."""


def table() -> dict[str, str]:
    """The rows of the newcomer's table: the task, and the files that it touches."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## What a newcomer adds")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:2] == "| "]
    return {row[0].removeprefix("a ").removeprefix("an "): row[1] for row in rows[1:]}


def naming(*patterns: str) -> set[str]:
    """The files of the tree, tests and docs aside, in which each of these is to be found."""
    found = texts().items()
    return {str(path.relative_to(ROOT)) for path, text in found if all(re.search(p, text) for p in patterns)}


@cache
def texts() -> dict[Path, str]:
    """What the files of the tree hold, tests and docs aside."""
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "testing" not in path.parts]
    return {path: path.read_text() for path in files}


@cache
def names_in_code(path: Path) -> frozenset[str]:
    return frozenset(in_code(path))


def in_code(path: Path) -> Iterator[str]:
    """The names in a file's code, and its texts without blanks. Prose says what it likes, and is not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)) if not re.search(r"\s", text):
                yield text


def naming_in_code(pattern: str) -> set[str]:
    """The files of the tree, tests and docs aside, whose code has a name in which this is found."""
    public = ROOT / "src" / "fencepost" / "__init__.pyi"
    return {
        str(path.relative_to(ROOT))
        for path in (*texts(), public)
        if any(re.search(pattern, name) for name in names_in_code(path))
    }


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A package with nothing but this one file of the stranger's, and the one line that registers it."""
    kind: str = request.param
    site = tmp_path / "site"
    (site / f"{kind}-1.0.dist-info").mkdir(parents=True)
    (site / f"{kind}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {kind}\nVersion: 1.0\n")
    (site / f"{kind}-1.0.dist-info" / "entry_points.txt").write_text(
        f"[fencepost.{GROUPS.get(kind, f'{kind}s')}]\nstranger-{kind} = only_{kind}:{kind.capitalize()}\n"
    )
    (site / f"only_{kind}.py").write_text((STRANGER / f"{kind}.py").read_text())
    monkeypatch.syspath_prepend(str(site))
    return kind


def test_the_table_has_every_task() -> None:
    assert table() == {
        "workload": "1",
        "fault": "1–2",
        "target": "1",
        "client": "1",
        "checker": "1",
        "anomaly": "1",
        "plot": "1",
        "seeded bug": "1",
        "conformance case": "1",
        "option of a target": "1",
        "option of `fencepost run`": "2",
        "endpoint of the bundled server": "3",
        "error code": "1–2",
        "error body": "5",
        "operation kind": "11",
        "operation kind with records": "about 30",
    }


@pytest.mark.parametrize("alone", LISTED, indirect=True)
def test_one_file_adds_it_to_the_listing_and_to_the_reference(alone: str, inside: Inside) -> None:  # noqa: F811
    assert table()[alone].startswith("1")
    shown = LISTED[alone]
    name = "strangeness" if alone == "checker" else f"stranger-{alone}"
    if shown is not None:
        command, column = shown
        assert name in [row[column] for row in json.loads(inside(command, "--json").out)]
        assert alone == "checker" or f"`{name}`" in page(), "an anomaly must quote a promise of docs/semantics.md"
    else:
        said = inside("plot", "--only", name, "nowhere")
        assert "nowhere does not exist" in said.err, "the plot is known, the history is not"


@pytest.mark.parametrize("alone", ["target"], indirect=True)
def test_a_target_brings_its_own_options_in_that_file(
    alone: str,
    inside: Inside,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(doubles.register(tmp_path / "doubles")))
    (row,) = [row for row in json.loads(inside("targets", "--json").out) if row["target"] == "stranger-target"]
    assert [option["option"] for option in row["options"]] == ["mood"]
    arguments = ("--target-kind", "stranger-target", "--target-option", "mood=odd", "--ops", "5", "--no-plots")
    said = inside("run", "counting", *arguments)
    assert said.code in (0, 1, 2), said
    assert b'"mood":"odd"' in Path("results/latest/history.jsonl").read_bytes()


@pytest.mark.parametrize("path", sorted(STRANGER.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_no_file_of_the_strangers_needs_another(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "it imports a sibling"


@pytest.mark.parametrize("alone", ["client"], indirect=True)
def test_a_client_of_one_file_carries_a_run(alone: str, inside: Inside) -> None:  # noqa: F811
    from only_client import Client  # type: ignore[import-not-found]

    said = inside("run", "regular", "--client", "stranger-client", "--ops", "30", "--no-plots")
    assert said.code in (0, 2), said
    assert Client.asked >= 30


@pytest.mark.parametrize("alone", ["anomaly"], indirect=True)
def test_an_anomaly_of_one_file_names_what_is_a_case_of_it(alone: str, inside: Inside) -> None:  # noqa: F811
    said = inside("check", str(ROOT / "tests" / "checkers" / "golden" / "bad-ack-length.jsonl"), "--json")
    (violation,) = (one for checker in json.loads(said.out)["checkers"].values() for one in checker["violations"])
    assert (violation["anomaly"], violation["also"]) == ("stranger-anomaly", ["bad-ack"])
    assert violation["sentences"][0].startswith("Somebody cannot count: append #0")


# -- inside of the tree


class StrangerBug(StreamRules):
    """Every token passes."""

    def token_matches(self, given: str, current: str) -> bool:
        super().token_matches(given, current)
        return True


@pytest.fixture
def planted() -> Iterator[str]:
    """A seeded bug as its one file would add it; taken out of the table at the end."""
    bug("stranger-bug", breaks="a token", anomaly="stale-token-write", workload="fenced", clause="A4")(StrangerBug)
    yield "stranger-bug"
    del BUGS["stranger-bug"]


def test_a_row_on_a_class_adds_a_seeded_bug(planted: str, inside: Inside) -> None:  # noqa: F811
    assert planted in [row["bug"] for row in json.loads(inside("bugs", "--json").out)]
    assert f"`fencepost run fenced --bug {planted}`" in page()
    assert issubclass(compose([planted]).stream, StrangerBug)


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_is_one_file(name: str) -> None:
    """Its row stands on its class; a story may be told about it."""
    (file,) = naming(rf'(?m)^@bug\(\s*"{name}"')
    assert f"class {BUGS[name].rules.__name__}(" in (ROOT / file).read_text()


class StrangerApp(App):
    """The application with one more endpoint."""

    @operation("GET", "/v1/strangers/{stream}")
    async def greet(self, request: Request) -> Response:
        """Greet a stranger."""
        return Response(200, request.name.encode())


def test_a_row_on_a_handler_adds_an_endpoint() -> None:
    route = Router(operations_of(StrangerApp)).route(b"/v1/strangers/me")
    assert route is not None
    assert route.operations["GET"].summary == "Greet a stranger."
    assert route.name == "me"
    assert not Router(operations_of(App)).route(b"/v1/strangers/me")


@pytest.mark.parametrize("row", operations_of(App), ids=lambda row: row.name)
def test_an_endpoint_is_in_three_files_at_most(row: Operation) -> None:
    """Its handler with the row, what the service does for it, and its codec: no table of paths anywhere else."""
    rows = naming(*(rf'@operation\([^)]*"{re.escape(path)}"' for path in row.paths))
    assert len(rows) == 1
    assert rows < {str(path.relative_to(ROOT)) for path in (ROOT / "harness/server/endpoints").glob("*.py")}
    assert len(row.paths) == 1 or row.public, "one name for one thing"


USERS = r"workloads/|harness/(conformance/|closing|history/s2_porcupine/)|checkers/(?!kernel|statistics|plots)"
"""Who merely uses what there is: workloads, conformance cases, the closing read, a foreign format, and names."""

PICTURES = r"checkers/(statistics|plots)/"
"""Who counts and draws some things of their own accord."""

CHECK_TAIL = r"[Cc]heck[-_]?[Tt]ail|CHECK_TAIL|^Tail$|^TailRead$|code_tail$"
"""The names of the newest kind, of its answer, and of what they become."""

TOKEN_MISMATCH = r"(?i)token_?mismatch"
"""The names of an error body that fills a column, and of that column."""


@pytest.mark.parametrize(
    ("task", "pattern", "users"),
    [("operation kind", CHECK_TAIL, USERS), ("error body", TOKEN_MISMATCH, f"{USERS}|{PICTURES}")],
)
def test_what_goes_through_the_whole_house_is_named_in_few_files(task: str, pattern: str, users: str) -> None:
    named = {file for file in naming_in_code(pattern) if not re.match(users, file)}
    assert len(named) == int(table()[task]), sorted(named)


def test_a_kind_with_records_of_its_own_is_named_in_more_files() -> None:
    """There are two of them: what names both would have to name a third. Sessions have files of their own."""
    append = naming_in_code(r"^(Append|Appends|AppendInvoked|APPEND|Acked|appends)$|code_append$")
    read = naming_in_code(r"^(Read|Reads|ReadInvoked|READ|BatchRead|reads)$|code_(batch|read)$")
    sessions = r"harness/(client/(?!wire)|generators/|scheduler|server/(service|sessions)|s2/protobuf)"
    users = rf"{USERS}|{PICTURES}|{sessions}|checkers/kernel/(?!columns)"
    assert 25 <= len([file for file in append & read if not re.match(users, file)]) <= 35


def test_an_error_code_is_a_row_and_what_the_server_refuses_with_it() -> None:
    assert naming_in_code("^quota_exhausted$") == {"harness/s2/errors.py"}
    assert naming_in_code("^method_not_allowed$") == {"harness/s2/errors.py", "harness/server/app.py"}


@pytest.mark.parametrize("name", FAULTS.names())
def test_a_fault_is_one_file_and_what_it_needs_of_its_target(name: str) -> None:
    own = naming(rf'\bname = "{name}"')
    assert len(own) == 1
    assert naming(rf'"{name}"') - {"harness/repros.py"} - own <= naming(r"@bug\(|Bug\(|_ROWS")


SPELLED = {
    "results": "results", "time_limit": "time-limit", "operations": "ops", "target": "target-kind",
    "target_options": "target-option", "formats": "svg",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(RunOptions.__slots__) - {"workload", "budget"}))
def test_an_option_of_a_run_is_declared_in_two_files(name: str) -> None:
    """The third is whatever the option is for."""
    flag = SPELLED.get(name, name.replace("_", "-"))
    tree = ast.parse((ROOT / "harness" / "cli" / "run.py").read_text())
    (made,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "RunOptions")
    assert name in {keyword.arg for keyword in made.keywords}
    assert f"--{flag}" in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert re.search(rf"^    {name}: ", (ROOT / "harness" / "options.py").read_text(), re.MULTILINE)
