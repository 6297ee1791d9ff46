"""The rules of the house: which room may know which, what files look like, and what may be written nowhere."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

import fencepost
from fencepost.harness import s2
from tests.leaks import leaks

ROOT = Path(__file__).parents[1]
ROOMS = ("harness", "workloads", "checkers")
TESTING = ROOT / "harness" / "testing"
"""A room within a room: it is imported as ``fencepost.testing``."""
LONGEST = 400
"""Lines."""
LONGER = {"fencepost.checkers.kernel.spec": 550, "fencepost.checkers.kernel.refute": 450}
"""The specification is compiled as one module."""


@dataclass(frozen=True)
class Module:
    """One file of the package. ``name`` is what it is imported as."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """What its relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def modules() -> dict[str, Module]:
    found = {}
    package = ROOT / "src" / "fencepost"
    for base in (package, *(ROOT / room for room in ROOMS), TESTING):
        for path in base.glob("*.py") if base == package else base.rglob("*.py"):
            if base != TESTING and path.is_relative_to(TESTING):
                continue
            inside = path.relative_to(base).with_suffix("").parts
            parts = ("fencepost", *(() if base == package else (base.name,)), *inside)
            name = ".".join(parts).removesuffix(".__init__")
            found[name] = Module(name, path)
    return found


@cache
def imports(module: Module, *, typing: bool) -> tuple[str, ...]:
    """The modules of ours that it imports, in functions too; those under ``if TYPE_CHECKING`` only on demand."""
    return tuple(_imports(module, typing))


def _imports(module: Module, typing: bool) -> Iterator[str]:
    for node in _nodes(module.tree, typing):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                start = module.package.split(".")
                base = ".".join([*start[: len(start) - node.level + 1], *([node.module] if node.module else [])])
            names = [(base, alias.name) for alias in node.names]
        else:
            continue
        for base, name in names:
            if f"{base}.{name}" in modules():
                yield f"{base}.{name}"
            elif base in modules():
                yield base


def _nodes(node: ast.AST, typing: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue  # nothing is imported in one
        if not typing and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from (other, *_nodes(other, typing))
            continue
        yield child
        yield from _nodes(child, typing)


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def strays(source: str, forbidden: str) -> list[str]:
    """Imports, even for types only, from modules under one name to modules under another."""
    return [
        f"{module.name} imports {target}"
        for module in modules().values()
        if module.name.startswith(f"fencepost.{source}")
        for target in imports(module, typing=True)
        if target == f"fencepost.{forbidden}" or target.startswith(f"fencepost.{forbidden}.")
    ]


def test_the_survey_sees_every_file_and_the_imports_in_it() -> None:
    # All that follows is empty talk if these are missed: a relative import, an absolute one, and one in a function.
    assert {"fencepost", "fencepost.harness.run", "fencepost.workloads.fenced"} <= modules().keys()
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert files <= {module.path for module in modules().values()}
    assert "fencepost.harness.scheduler" in imports(modules()["fencepost.harness.recording"], typing=False)
    assert "fencepost.harness.workload" in imports(modules()["fencepost.workloads.fenced"], typing=False)
    assert "fencepost.harness.run" in imports(modules()["fencepost.harness.cli.run"], typing=False)
    assert "fencepost.harness.history.history" not in imports(modules()["fencepost.harness.verdict"], typing=False)
    assert "fencepost.harness.history.history" in imports(modules()["fencepost.harness.verdict"], typing=True)


@pytest.mark.parametrize(
    ("source", "forbidden"),
    [
        ("harness", "workloads"),
        ("harness", "checkers"),
        ("workloads", "checkers"),
        ("checkers", "workloads"),
        ("harness", "testing"),
        ("checkers", "testing"),
        ("workloads", "testing"),
        ("harness.conformance", "harness.server"),
    ],
)
def test_rooms_that_must_not_know_each_other_do_not(source: str, forbidden: str) -> None:
    assert not strays(source, forbidden)


def test_the_harness_does_not_name_a_workload_or_checker_module_in_text_either() -> None:
    named = re.compile(r"fencepost\.(workloads|checkers)\.\w")
    found = [
        f"{module.path.relative_to(ROOT)}: {match[0]}"
        for module in modules().values()
        if room_of(module.name) == "harness"
        for match in named.finditer(module.path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_the_testing_room_goes_by_one_name() -> None:
    """It lies in ``harness/``: by that name each of its classes would be there a second time."""
    by_path = re.compile(r"fencepost\.harness\.testing|from \.+testing")
    relative = re.compile(r"^\s*from \.\.", re.MULTILINE)
    files = [path for path in python_files() if path != Path(__file__)]
    assert not [str(path) for path in files if by_path.search(path.read_text(encoding="utf-8"))]
    of_room = list(TESTING.rglob("*.py"))
    assert of_room
    assert not [str(path) for path in of_room if relative.search(path.read_text(encoding="utf-8"))]


def test_the_specification_is_written_twice() -> None:
    """What the server is made of and what judges it share the protocol's vocabulary, and no rule."""
    graph = import_graph(typing=True)
    server = {name for name in graph if name.startswith("fencepost.harness.server.")}
    checkers = {name for name in graph if name.startswith("fencepost.checkers")}
    assert server
    assert checkers
    assert not [f"{a} imports {b}" for a in checkers for b in nx.descendants(graph, a) & server]
    assert not [f"{a} imports {b}" for a in server for b in nx.descendants(graph, a) & checkers]
    bodies_of_server = {body: name for name in server for body in _function_bodies(modules()[name])}
    shared = [
        f"{name} and {bodies_of_server[body]}: {body[:80]}"
        for name in checkers
        for body in _function_bodies(modules()[name])
        if body in bodies_of_server
    ]
    assert not shared, "copied code is shared code"


def test_the_protocol_is_written_once_and_does_no_io() -> None:
    """``harness/s2`` knows no other room and nothing that reaches outside, and nobody else has its nouns."""
    room = "fencepost.harness.s2"
    own = [module for name, module in modules().items() if name.startswith(room)]
    assert len(own) > 5
    strange = [f"{m.name} imports {t}" for m in own for t in imports(m, typing=True) if not t.startswith(room)]
    assert not strange
    pure = {"__future__", "collections", "contextlib", "dataclasses", "enum", "functools", "re", "typing", "urllib"}
    codecs = {"google", "gzip", "msgspec", "zlib", "zstandard"}
    roots = {
        name.partition(".")[0]
        for module in own
        for node in ast.walk(module.tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert roots <= pure | codecs
    # The little language of tests and the format of another tool have words of their own, by design.
    others = ("fencepost.harness.testing.", "fencepost.harness.history.s2_porcupine.")
    elsewhere = [
        f"{module.name}.{node.name}"
        for name, module in modules().items()
        if name.startswith("fencepost.harness.") and not name.startswith((room, *others))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name in s2.__all__
    ]
    assert not elsewhere


def test_the_kernel_knows_nothing_of_what_proposes_to_it() -> None:
    """It may know histories and the protocol, and (of the world) numpy, JSON and what hashes and compiles."""
    kernel = "fencepost.checkers.kernel"
    own = {name: module for name, module in modules().items() if name.startswith(kernel)}
    assert {f"{kernel}.accept", f"{kernel}.verify"} <= own.keys()
    allowed = (kernel, "fencepost.harness.history.", "fencepost.harness.s2.", "fencepost.harness.loops")
    allowed += ("fencepost.harness.check_limits",)
    strange = [
        f"{name} imports {target}"
        for name, module in own.items()
        for target in imports(module, typing=True)
        if not target.startswith(allowed)
    ]
    assert not strange
    outside = {
        alias.name.partition(".")[0]
        for module in own.values()
        for node in ast.walk(module.tree)
        for alias in (node.names if isinstance(node, ast.Import) else [])
    } | {
        (node.module or "").partition(".")[0]
        for module in own.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert outside - sys.stdlib_module_names <= {"fencepost", "msgspec", "numpy", "xxhash"}
    graph = import_graph(typing=True)
    reached = {target for name in own if name in graph for target in nx.descendants(graph, name)}
    assert not {name for name in reached if name.startswith("fencepost.checkers.")} - own.keys()


@cache
def _function_bodies(module: Module) -> set[str]:
    """Functions of more than a few lines, without names of functions and docstrings."""
    bodies = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            text = "\n".join(ast.unparse(statement) for statement in body)
            if text.count("\n") >= 3:
                bodies.add(text)
    return bodies


def test_nothing_that_simulation_runs_goes_past_the_world() -> None:
    """Time, chance, connections, processes and (in server and clients) files are handed in, and order is never an
    address. The command line, reports, histories and the world itself are where they come from."""
    outside = {"cli", "report", "history", "testing", "world"}
    found = []
    for module in modules().values():
        room = module.path.relative_to(ROOT).parts
        if room[0] == "workloads" or (room[0] == "harness" and room[1] not in outside):
            files = room[1] not in ("server", "client")
            text = module.path.read_text(encoding="utf-8")
            found += [f"{module.path.relative_to(ROOT)}:{leak}" for leak in leaks(text, files=files)]
    assert not found


@cache
def import_graph(*, typing: bool) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module in modules().values():
        graph.add_edges_from((module.name, target) for target in imports(module, typing=typing))
    return graph


def test_no_modules_import_each_other_in_a_circle() -> None:
    circles = [sorted(part) for part in nx.strongly_connected_components(import_graph(typing=False)) if len(part) > 1]
    assert not circles


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    found = [str(path) for path in python_files() if path.stem in empty or path.parent.name in empty]
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    missing = [module.name for module in modules().values() if not ast.get_docstring(module.tree)]
    assert not missing


def test_files_are_short_enough_to_read() -> None:
    long = {}
    for module in modules().values():
        lines = len(module.path.read_text(encoding="utf-8").splitlines())
        if lines > LONGER.get(module.name, LONGEST):
            long[module.name] = lines
    assert not long


def test_public_names_are_documented() -> None:
    missing = []
    for module in modules().values():
        for node in module.tree.body:
            public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                missing.append(f"{module.name}.{node.name}")
    assert not missing


# -- the public API


def test_every_public_name_resolves_and_stays() -> None:
    for name in fencepost.__all__:
        value = getattr(fencepost, name)
        assert value is getattr(fencepost, name)
        if isinstance(value, type):
            assert value.__name__ == name


def test_what_type_checkers_see_is_what_there_is() -> None:
    """The stub lists each public name once; what the package offers at run time is read from it."""
    stub = ast.parse((ROOT / "src" / "fencepost" / "__init__.pyi").read_text())
    seen: dict[str, str] = {}
    for node in stub.body[1:]:
        if isinstance(node, ast.AnnAssign):
            assert ast.unparse(node) == "__version__: str"
            continue
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "only an alias to the same name is exported"
            assert alias.name not in seen
            seen[alias.name] = f"fencepost.{node.module}" if node.module else "fencepost"
    assert seen.keys() == set(fencepost.__all__) - {"__version__"}
    for name, home in seen.items():
        assert getattr(fencepost, name) is getattr(importlib.import_module(home), name), f"{name} is not at {home}"


def test_an_unknown_name_is_an_attribute_error_and_names_are_listed() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Streem'"):
        _ = fencepost.Streem  # type: ignore[attr-defined]
    assert set(dir(fencepost)) >= {"Workload", "Checker", "Target", "Fault", "__version__"}


# -- what must be in no file


@cache
def tracked() -> tuple[Path, ...]:
    """What git would commit; without git (an unpacked sdist) every file outside of hidden folders."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [p for p in ROOT.rglob("*") if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


INDEX = re.compile(
    r"index[-_]url|find[-_]links|trusted[-_]host|pypi\.org|pythonhosted\.org|/simple/?\s*$", re.MULTILINE
)


def test_the_pattern_for_index_addresses_finds_them() -> None:
    for text in ("--index-url https://x.example/simple", "--extra-index-url x", "https://pypi.org/", "trusted-host=x"):
        assert INDEX.search(text)


def test_no_file_names_a_package_index() -> None:
    names = ("requirements.lock", "pyproject.toml", "Makefile")
    chosen = [*(ROOT / n for n in names), *(ROOT / ".github").rglob("*.yml"), *(ROOT / ".ci").iterdir()]
    found = []
    for path in {*chosen, *tracked()} - {Path(__file__).resolve()}:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or gone since it was listed
        # --no-emit-index-url is how the lock comes to hold none.
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in INDEX.finditer(text.replace("--no-emit-index-url", ""))]
    assert not found


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_what_pip_reads_holds_no_address_at_all(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_the_lock_pins_every_package_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_nothing_is_left_to_do() -> None:
    mark = re.compile("TO" + "DO|FIX" + "ME|X" + "XX")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".yml"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not found


def test_no_merge_was_left_half_done() -> None:
    mark = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in {".py", ".pyi", ".md", ".toml", ".yml"} and mark.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
