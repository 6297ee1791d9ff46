"""Servers and conformance runs in processes that start fast: forked from one that has imported everything."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from fencepost.harness.conformance import cases as room
from fencepost.harness.conformance.catalogue import cases
from tests.server.processes import wait_until

SECONDS = 60.0
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        *{f"{room.__name__}.{case.name.partition('.')[0]}": None for case in cases()},
        "fencepost.harness.cli.conform",
        "fencepost.harness.cli.serve",
        "fencepost.harness.conformance.running",
        "fencepost.harness.conformance.catalogue",
        "fencepost.harness.server.app",
        "fencepost.harness.server.bugs",
        "fencepost.harness.server.service",
        "fencepost.harness.server.serving",
        "fencepost.harness.targets.target",
        "fencepost.harness.world.world",
        "uvloop",
        "pytest_asyncio.plugin",
    ]
)


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    output: str
    errors: str


def _main(arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    for name, number in (("out", 1), ("err", 2)):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    sys.stdout = open(1, "w", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
    from fencepost.harness.cli.entry import main

    main(arguments)


def _start(folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> ForkServerProcess:
    folder.mkdir()
    process = _context.Process(target=_main, args=(arguments, folder, environment))
    process.start()
    return process


def conform(
    folder: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    meanwhile: Callable[[ForkServerProcess], None] = lambda process: None,
) -> Ran:
    """Run ``fencepost conform`` with these arguments; ``meanwhile`` may do something to the process."""
    process = _start(folder, ("conform", *arguments), environment or {})
    try:
        meanwhile(process)
        process.join(SECONDS)
        assert process.exitcode is not None, f"conform has not ended: {(folder / 'out').read_text()}"
    finally:
        process.kill()
    return Ran(process.exitcode, (folder / "out").read_text(), (folder / "err").read_text())


@contextmanager
def serving(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Run ``fencepost serve --memory`` while the block runs, and give its URL."""
    process = _start(folder, ("serve", "--memory", "--port", "0", *arguments), environment or {})
    output = folder / "out"
    try:
        wait_until(
            lambda: output.exists() and output.read_text().endswith("\n"), "the server says where it is", SECONDS
        )
        yield output.read_text().split()[-1]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(SECONDS)
        assert process.exitcode == 0
        log = (folder / "err").read_text()
        assert "Traceback" not in log, log
    finally:
        process.kill()


def verdicts(file: Path) -> dict[str, str]:
    """Return the verdict on each clause in the JSON that a run wrote."""
    report: dict[str, Any] = json.loads(file.read_text())
    return {row["clause"]: row["verdict"] for row in report["clauses"]}
