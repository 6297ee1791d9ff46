"""Every command of the README works as it is written there."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fencepost

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
EXPECTED = {
    "fencepost repro stale-writer": 1,
    "fencepost check results/latest": 1,
    "fencepost explain results/latest": 1,
    "fencepost check history.s2.jsonl": 1,
}
"""Exit codes other than 0, as the text around the command says."""

EARLY = "--rate 300 --seed 922"
"""So ``kill`` strikes three times in the first two seconds, and what was done before does not take long to look at."""

ONE_WITNESS = "from fencepost.checkers.plots import picture; picture.MOST = 1;"
SHORT = (
    "from dataclasses import replace; from fencepost.harness.cli import repro;"
    "repro.REPROS = {name: replace(one, time_limit=1.0) for name, one in repro.REPROS.items()};"
)
ONLY_WITNESSES = "from fencepost.harness import pictures; pictures.PLOTS.names = lambda: ['witness'];"
MAIN = "from fencepost.harness.cli import main; main()"


def blocks() -> list[str]:
    """The shell blocks, in order."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def commands() -> list[str]:
    """Each command, with continued lines joined."""
    return [line for block in blocks() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


class Shell:
    """Runs the commands of the page one after the other, as its reader would, in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb"}
        self.port = _free_port()
        self.background: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> None:
        """Run one command; its exit code must be the one that the page promises."""
        if exported := re.fullmatch(r"export (\w+)=(.*)", command):
            self.environment[exported[1]] = exported[2]
        elif command.endswith("&"):
            self._start(command.removesuffix("&"))
        else:
            wanted = next((code for prefix, code in EXPECTED.items() if command.startswith(prefix)), 0)
            done = subprocess.run(
                self._here(command),
                shell=True,
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == wanted, f"{command}\n{done.stdout}\n{done.stderr}"

    def close(self) -> None:
        """Stop what was started in the background."""
        for process in self.background:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=20)

    def _start(self, command: str) -> None:
        process = subprocess.Popen(
            self._here(command),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.background.append(process)
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()

    def _here(self, command: str) -> str:
        """The command on a free port. Runs are as short as what is said of them allows, and draw nothing; a story draws
        the one picture that it shows, and of violations one is drawn.
        """
        command = command.replace("4566", str(self.port))
        rest = command.removeprefix("fencepost ")
        if command.startswith("fencepost repro "):
            return f'{sys.executable} -c "{ONE_WITNESS}{ONLY_WITNESSES}{SHORT}{MAIN}" {rest}'
        if command.startswith("fencepost plot "):
            return f'{sys.executable} -c "{ONE_WITNESS}{MAIN}" {rest}'
        if not command.startswith("fencepost run "):
            return command
        found = "--expect" in command
        command = command.replace("--time-limit 5", f"--time-limit {2 if found else 1}")
        return f"{command} --no-plots {EARLY if found else '' if '--rate' in command else '--rate 200'}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def test_the_commands_run_one_after_the_other(shell: Shell) -> None:
    ours = [command for command in commands() if not command.startswith("make ")]
    assert len(ours) >= 8
    for command in ours:
        shell.run(command)


def test_the_python_runs_and_would_find_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    with pytest.raises(fencepost.CheckFailure, match="stale-read"):
        exec(compile(block.replace("call.answered(1)", "call.answered(0)"), "README.md", "exec"), {})


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith("make ")])
def test_a_make_target_exists_and_is_run_by_ci(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
    assert command in (ROOT / ".ci" / "run").read_text()
