"""Processes that the harness starts: the real spawner and its double pass one suite; no child outlives the harness."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fencepost.harness.world.scripted_spawn import ScriptedSpawner
from fencepost.harness.world.spawn import SystemSpawner
from fencepost.testing.processes import COMMANDS, PROGRAMS, SPAWNER_CHECKS, SpawnerCheck
from tests.world.test_world import named

SECONDS = 20.0


@pytest.mark.parametrize("check", SPAWNER_CHECKS, ids=named)
@pytest.mark.parametrize("kind", ["kernel", "pipe", "scripted"])
async def test_spawners(kind: str, check: SpawnerCheck, tmp_path: Path) -> None:
    if kind == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux has a parent-death signal")
    if kind == "scripted":
        await check(ScriptedSpawner(PROGRAMS), {name: (name,) for name in COMMANDS}, tmp_path / "log")
    else:
        await check(SystemSpawner("kernel" if kind == "kernel" else "pipe"), COMMANDS, tmp_path / "log")


async def test_standard_error_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("what was there before\n")
    child = await SystemSpawner().spawn([sys.executable, "-c", "import sys; sys.exit('farewell')"], log=log)
    assert await child.wait() == 1
    missing = await SystemSpawner().spawn(["/nonexistent/program"], log=log)
    await missing.wait()
    assert log.read_text() == ("what was there before\nfarewell\n/nonexistent/program: No such file or directory\n")


STARTER = """
    import asyncio, sys
    from pathlib import Path
    from fencepost.harness.world.spawn import SystemSpawner

    async def main() -> None:
        program = "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"
        command = [sys.executable, "-I", "-S", "-c", program]
        child = await SystemSpawner(sys.argv[1]).spawn(command, log=Path(sys.argv[2]))
        print(child.pid, int(await child.readline()), flush=True)
        await child.wait()

    asyncio.run(main())
"""


@pytest.mark.parametrize("tether", ["kernel", "pipe"])
@pytest.mark.parametrize("state", ["running", "stopped"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_the_harness(tether: str, state: str, end: signal.Signals, tmp_path: Path) -> None:
    """Failed before for a stopped child: it watched its input for the end of the harness, and could not see it."""
    if tether == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux has a parent-death signal")
    code = textwrap.dedent(STARTER)
    command = [sys.executable, "-c", code, tether, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        pid, told = map(int, harness.stdout.readline().split())
        assert pid == told, "the process that is known to the harness is the program itself"
        try:
            if state == "stopped":
                os.kill(pid, signal.SIGSTOP)
            harness.send_signal(end)
            harness.wait(SECONDS)
            wait_until(lambda: not alive(pid), "the child is gone")
        finally:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


async def test_the_watcher_ends_with_the_program_that_it_watches(tmp_path: Path) -> None:
    """Watchers that stayed behind would gather, one with every restart of a server."""
    child = await SystemSpawner("pipe").spawn(COMMANDS["wait"], log=tmp_path / "log")
    assert await child.readline() == b"ready\n"
    (watcher,) = children(child.pid)
    assert alive(watcher)
    child.send_signal(signal.SIGKILL)
    wait_until(lambda: not alive(watcher), "the watcher is gone")
    assert await child.wait() == -signal.SIGKILL


def children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout
    return [int(line) for line in listed.split()]


def alive(pid: int) -> bool:
    """Whether a process runs or is stopped; one that has ended and was not waited for does neither."""
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] not in ("", "Z")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.005)
