"""The package as users get it: built, installed into a bare environment, with a stranger's beside it.

Only dependencies come from the environment of the tests: the checkout is out of reach.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STRANGER = Path(__file__).with_name("stranger")
MYPY_CACHE = ROOT / ".mypy_cache" / "wheel"
"""What mypy has read of the dependencies, which takes it seconds; it looks again at whatever is not the same."""
SECONDS = 120.0

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "stranger"
version = "1.0"
dependencies = ["fencepost"]
[project.entry-points."fencepost.workloads"]
stranger-workload = "stranger.workload:Workload"
[project.entry-points."fencepost.checkers"]
stranger-checker = "stranger.checker:Checker"
[project.entry-points."fencepost.plots"]
stranger-plot = "stranger.plot:Plot"
[project.entry-points."fencepost.targets"]
stranger-target = "stranger.target:Target"
[project.entry-points."fencepost.clients"]
stranger-client = "stranger.client:Client"
[project.entry-points."fencepost.faults"]
stranger-fault = "stranger.fault:Fault"
[tool.hatch.build.targets.wheel]
only-include = ["stranger"]
"""

LOAD = """
import json
from importlib.metadata import entry_points
import fencepost
loaded = {}
for group in ("workloads", "checkers", "plots", "targets", "clients", "faults"):
    for point in entry_points(group=f"fencepost.{group}"):
        loaded[f"{group}/{point.name}"] = point.load().__module__
print(json.dumps([fencepost.__file__, [name for name in fencepost.__all__ if getattr(fencepost, name)], loaded]))
"""


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command that sees neither the checkout nor what the tests' environment says to Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert not check or done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done


def build(kind: str, source: Path, folder: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder, cwd=source)
    (built,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@dataclass(frozen=True)
class Installed:
    """A bare environment with the package, and with a stranger's."""

    bin: Path
    site: Path
    wheel: Path

    def fencepost(self, *arguments: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run(self.bin / "fencepost", *arguments, cwd=cwd, check=check)

    def json(self, *arguments: str, cwd: Path) -> Any:
        return json.loads(self.fencepost(*arguments, "--json", cwd=cwd).stdout)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("packaging")
    wheel = build("wheel", ROOT, folder / "wheel")
    stranger = folder / "stranger"
    shutil.copytree(STRANGER, stranger / "stranger", ignore=shutil.ignore_patterns("__pycache__"))
    (stranger / "pyproject.toml").write_text(PYPROJECT)
    stranger_wheel = build("wheel", stranger, folder / "stranger-wheel")

    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    scheme = sysconfig.get_paths("venv", {"base": str(environment), "platbase": str(environment)})
    site, scripts = Path(scheme["purelib"]), Path(scheme["scripts"])
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", scripts / "python")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, stranger_wheel, cwd=folder)
    # A folder named in a .pth file is searched last, and its own .pth files (an editable checkout) do not count.
    ours = sysconfig.get_paths()
    (site / "dependencies.pth").write_text("".join(f"{ours[kind]}\n" for kind in ("purelib", "platlib")))
    return Installed(scripts, site, wheel)


def modules_of_checkout() -> set[str]:
    """The files that must be in the wheel, as they are called there."""
    found = {"fencepost/" + path.name for path in (ROOT / "src" / "fencepost").glob("*.py*")} | {"fencepost/py.typed"}
    for room in ("harness", "workloads", "checkers"):
        found |= {f"fencepost/{path.relative_to(ROOT)}" for path in (ROOT / room).rglob("*.py")}
    return {name.replace("/harness/testing/", "/testing/") for name in found}


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_module_once_and_nothing_else(installed: Installed) -> None:
    names = contents(installed.wheel)
    assert len(names) == len(set(names))
    assert {name for name in names if ".dist-info/" not in name} == modules_of_checkout()
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_is_enough_to_build_the_same_wheel(installed: Installed, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*")}
    assert {"README.md", "LICENSE", "Makefile", "requirements.lock", "tests/test_house.py"} <= names
    assert not {name for name in names if name.startswith((".venv", ".git/", "results/latest"))}
    assert sorted(contents(build("wheel", unpacked, tmp_path / "wheel"))) == sorted(contents(installed.wheel))


def test_it_is_the_installed_one_and_all_that_it_registers_can_be_loaded(installed: Installed, tmp_path: Path) -> None:
    done = run(installed.bin / "python", "-W", "error", "-c", LOAD, cwd=tmp_path)
    where, names, loaded = json.loads(done.stdout)
    assert Path(where).is_relative_to(installed.site)
    assert len(names) > 40
    ours = {name for name, module in loaded.items() if module.startswith("fencepost.")}
    wanted = {"workloads/fenced", "checkers/linearizability", "plots/witness", "targets/reference", "faults/kill"}
    assert wanted <= ours
    assert loaded.keys() - ours == {
        "workloads/stranger-workload",
        "checkers/stranger-checker",
        "plots/stranger-plot",
        "targets/stranger-target",
        "clients/stranger-client",
        "faults/stranger-fault",
    }


def test_the_command_runs_against_the_bundled_server(installed: Installed, tmp_path: Path) -> None:
    from importlib.metadata import version

    assert installed.fencepost("--version", cwd=tmp_path).stdout == f"fencepost {version('fencepost')}\n"
    options = ("--ops", "300", "--seed", "1", "--no-plots")
    verdict = json.loads(installed.fencepost("run", "regular", *options, "--json", cwd=tmp_path, check=False).stdout)
    assert verdict["checkers"]["linearizability"]["validity"] in ("valid", "unknown"), verdict
    assert "stranger-checker" not in verdict["checkers"], "it judges only what names it"
    folder = tmp_path / verdict["path"]
    assert b'"type":"ack"' in (folder / "history.jsonl").read_bytes()
    assert b'"type":"end"' in (folder / "history.jsonl").read_bytes()


def test_a_stranger_imports_nothing_but_the_public_api() -> None:
    imported = [
        name
        for path in STRANGER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    ]
    assert {name for name in imported if name and name.startswith("fencepost")} == {"fencepost"}
    assert {str(name).partition(".")[0] for name in imported} - {"fencepost"} <= sys.stdlib_module_names


def test_a_strangers_package_adds_to_every_list(installed: Installed, tmp_path: Path) -> None:
    for command, key, name in (
        ("workloads", "workload", "stranger-workload"),
        ("faults", "fault", "stranger-fault"),
        ("targets", "target", "stranger-target"),
        ("anomalies", "anomaly", "strangeness"),
    ):
        names = [row[key] for row in installed.json(command, cwd=tmp_path)]
        assert name in names
        assert len(names) > 1, "ours are there as well"


def test_a_strangers_workload_target_fault_checker_and_plot_make_a_run(installed: Installed, tmp_path: Path) -> None:
    options = ("--target-kind", "stranger-target", "--faults", "stranger-fault", "--time-limit", "0.3", "--no-plots")
    options += ("--target-option", "mood=strange")
    arguments = ("run", "stranger-workload", *options, "--expect", "strangeness", "--json")
    done = installed.fencepost(*arguments, cwd=tmp_path)
    assert "expected strangeness: found" in done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["validity"] == "invalid"
    assert verdict["checkers"]["linearizability"]["validity"] == "valid", verdict
    stranger = verdict["checkers"]["stranger-checker"]
    assert stranger["details"]["struck"] >= 2
    assert verdict["crashes"] == []
    assert verdict["checkers"].keys() == {"linearizability", "stranger-checker"}, "those that the workload names"
    assert b'"mood":"strange"' in (tmp_path / "results" / "latest" / "history.jsonl").read_bytes()
    again = installed.fencepost("check", "results/latest", "--json", cwd=tmp_path, check=False)
    assert again.returncode == 1
    assert json.loads(again.stdout)["checkers"] == verdict["checkers"]
    drawn = installed.fencepost("plot", "results/latest", "--only", "stranger-plot", cwd=tmp_path)
    assert (tmp_path / drawn.stdout.strip()).read_text().endswith("operations, invalid\n")


def test_a_users_own_code_is_type_checked_against_it(installed: Installed, tmp_path: Path) -> None:
    """What mypy sees is what the wheel brings: the stub lists the names, and each has its type."""
    (tmp_path / "mine.py").write_text(STRANGER.with_name("typed.py").read_text())
    (tmp_path / "wrong.py").write_text("import fencepost\nfencepost.check(7)\nfencepost.cheque('x')\n")
    strict = ("-m", "mypy", "--strict", "--cache-dir", MYPY_CACHE, "--python-executable", installed.bin / "python")
    said = run(sys.executable, *strict, "mine.py", "wrong.py", cwd=tmp_path, check=False).stdout
    assert "wrong.py:2: error: Argument 1" in said
    assert 'wrong.py:3: error: Module has no attribute "cheque"' in said
    assert said.endswith("Found 2 errors in 1 file (checked 2 source files)\n"), "mine.py is as it should be"
