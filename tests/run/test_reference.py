"""The bundled server as a target: its process is ours, and never outlives us."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from fencepost import Append, CheckTail, Ok, Record, RunOptions, TargetFailure, TargetOptions, execute, read_history
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.history.history import Outcome
from fencepost.harness.targets.reference import ReferenceServer
from fencepost.harness.world.scripted import scripted_world
from fencepost.harness.world.scripted_spawn import ScriptedChild
from fencepost.harness.world.world import real_world
from tests.cli.invoking import SECONDS, command, environment, fencepost
from tests.run.conftest import Silent
from tests.server.processes import wait_until

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not (PROC / "self" / "stat").exists(), reason="looks for processes in /proc")


def parent_of(pid: int) -> int | None:
    """The parent of a process that is alive; None for one that is not (or a zombie)."""
    try:
        state, parent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)


def children(pid: int) -> list[int]:
    return [int(path.name) for path in PROC.iterdir() if path.name.isdigit() and parent_of(int(path.name)) == pid]


@pytest.fixture
def target(tmp_path: Path) -> ReferenceServer:
    return ReferenceServer(TargetOptions(folder=tmp_path, run_id="run", world=real_world(0), streams=2))


@pytest.fixture
async def serving(target: ReferenceServer) -> AsyncIterator[ReferenceServer]:
    await target.set_up()
    yield target
    await target.tear_down()


def server_of(target: ReferenceServer) -> int:
    process = target._child
    assert process is not None
    return process.pid


async def test_its_streams_are_there_and_empty(serving: ReferenceServer) -> None:
    client = serving.connect()
    for name in ("run-0", "run-1"):
        answer = await client.perform(name, CheckTail())
        assert isinstance(answer, Ok)
        assert answer.value.tail.seq_num == 0
        assert isinstance(client, HttpStreamClient)
        config = await client.stream_config(name)
        assert isinstance(config, Ok)
        assert (config.value.retention, config.value.vanishes) == (None, None), "its header declares nothing"
    await client.aclose()


@needs_proc
async def test_it_is_in_a_session_of_its_own_and_gone_after_the_end(target: ReferenceServer, tmp_path: Path) -> None:
    await target.set_up()
    pid = server_of(target)
    assert parent_of(pid) == os.getpid()
    assert os.getsid(pid) != os.getsid(0), "Ctrl-C would reach it"
    assert (tmp_path / "data").is_dir()
    await target.tear_down()
    assert parent_of(pid) is None
    assert not (tmp_path / "data").exists()


async def test_what_it_kept_is_there_after_a_kill_and_a_restart_at_the_same_place(serving: ReferenceServer) -> None:
    first, pid = serving.connect(), server_of(serving)
    assert isinstance(await first.perform("run-0", Append((Record(b"kept"),))), Ok)
    await serving.kill()
    await first.aclose()
    await serving.restart()
    assert server_of(serving) != pid
    second = serving.connect()
    assert second.base_url == first.base_url
    answer = await second.perform("run-0", CheckTail())
    assert isinstance(answer, Ok)
    assert answer.value.tail.seq_num == 1
    await second.aclose()


async def test_a_server_that_runs_is_not_restarted_and_one_that_died_not_killed(serving: ReferenceServer) -> None:
    running = server_of(serving)
    await serving.restart()
    assert server_of(serving) == running
    os.kill(server_of(serving), signal.SIGKILL)
    process = serving._child
    assert process is not None
    await process.wait()
    with pytest.raises(TargetFailure, match=r"ended by itself with exit code -9: see .*server\.log"):
        await serving.kill()


async def test_a_server_that_cannot_start_is_told_with_what_it_said(target: ReferenceServer, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(TargetFailure, match=r"exit code 254 before it listened: .*data.*server\.log"):
        await target.set_up()
    await target.tear_down()


@pytest.mark.parametrize(("said", "told"), [("", "it wrote nothing"), ("no disk today", "no disk today")])
async def test_a_program_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path, said: str, told: str) -> None:
    async def program(child: ScriptedChild) -> int:
        child.complain(said)
        return 3

    world = scripted_world(0, {sys.executable: program})
    target = ReferenceServer(TargetOptions(folder=tmp_path, run_id="run", world=world))
    with pytest.raises(TargetFailure, match=rf"exit code 3 before it listened: {told} \(see .*server\.log"):
        await target.set_up()
    await target.tear_down()
    assert [child.returncode for child in world.spawn.children] == [3]


async def test_the_journal_is_kept_if_asked(tmp_path: Path) -> None:
    target = ReferenceServer(TargetOptions(folder=tmp_path, run_id="run", world=real_world(0), keep=True))
    await target.set_up()
    await target.tear_down()
    assert list((tmp_path / "data").iterdir())


def test_kills_are_in_the_history_and_the_run_goes_on_to_its_verdict(tmp_path: Path) -> None:
    # This seed's schedule strikes after 0.32 s and is healed after 0.21 s; then it strikes after 0.41 s.
    options = RunOptions(
        workload="regular", seed=2952, results=tmp_path, clients=4, time_limit=1.5, faults=("kill",), formats=()
    )
    result = execute(options, Silent())
    assert result.crash is None
    assert result.exit_code in (0, 2), result.verdict
    phases = [fault.phase for fault in result.history.faults]
    assert phases
    assert phases == ["start", "heal"] * (len(phases) // 2)
    assert result.history.operation(len(result.history) - 1).purpose == "closing-read"
    heal = result.history.faults[1].time
    later = result.history.invoked > heal
    assert (result.history.outcome[later] == Outcome.OK).any(), "it came back"
    assert not (result.folder / "data").exists()


# -- the harness as a process


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                command("run", "regular", "--seed", "4", "--no-plots", *arguments),
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def acknowledged(folder: Path) -> int:
    return sum(path.read_bytes().count(b'"type":"ack"') for path in folder.glob("results/*/*.partial/history.jsonl"))


@needs_proc
def test_a_killed_harness_leaves_a_readable_history_and_no_orphan(
    tmp_path: Path, harness: Callable[..., subprocess.Popen[str]]
) -> None:
    running = harness("--time-limit", "3600")
    wait_until(lambda: acknowledged(tmp_path) > 30, "the clients act", SECONDS)
    (server,) = children(running.pid)
    running.kill()
    running.wait(SECONDS)
    wait_until(lambda: parent_of(server) is None, "the server ends with the harness", SECONDS)

    (partial,) = (tmp_path / "results" / "regular").glob("*.partial")
    history = read_history(partial / "history.jsonl")
    assert not history.whole
    assert sum(history.outcome == Outcome.OK) > 30
    assert not (tmp_path / "results" / "latest").exists()
    (row,) = json.loads(fencepost("runs", "--json", cwd=tmp_path).stdout)
    assert row["verdict"] == "(not finished)"
    checked = fencepost("check", str(partial / "history.jsonl"), cwd=tmp_path)
    assert checked.returncode in (0, 2), checked
    assert f"{len(history)} operations on 1 stream" in checked.stdout
    whole = fencepost("check", str(partial), cwd=tmp_path)
    assert whole.returncode == 255, whole
    assert "did not finish" in whole.stderr


@needs_proc
def test_a_stopped_server_does_not_outlive_a_killed_harness(
    tmp_path: Path, harness: Callable[..., subprocess.Popen[str]]
) -> None:
    """Failed before: a stopped server does not see that its input has ended."""
    running = harness("--time-limit", "3600")
    wait_until(lambda: acknowledged(tmp_path) > 10, "the clients act", SECONDS)
    (server,) = children(running.pid)
    os.kill(server, signal.SIGSTOP)
    running.kill()
    running.wait(SECONDS)
    wait_until(lambda: parent_of(server) is None, "the server is gone", SECONDS)


@needs_proc
@pytest.mark.parametrize("moment", ["server", "harness"])
def test_nobody_survives_a_start_that_is_cut_short(
    tmp_path: Path, harness: Callable[..., subprocess.Popen[str]], moment: str
) -> None:
    running = harness("--time-limit", "3600")
    wait_until(lambda: children(running.pid), "there is a server", SECONDS)
    (server,) = children(running.pid)
    if moment == "harness":
        running.kill()
        wait_until(lambda: parent_of(server) is None, "the server ends with the harness", SECONDS)
    else:
        os.kill(server, signal.SIGKILL)
        _, err = running.communicate(timeout=SECONDS)
        assert running.returncode == 255
        assert "Traceback" not in err
        lines = [line for line in err.splitlines() if line.startswith("fencepost: ")]
        assert len(lines) == 1, err


@needs_proc
def test_a_server_that_dies_by_itself_fails_the_run_and_the_history_is_kept(
    tmp_path: Path, harness: Callable[..., subprocess.Popen[str]]
) -> None:
    running = harness("--time-limit", "2")
    wait_until(lambda: acknowledged(tmp_path) > 10, "the clients act", SECONDS)
    os.kill(children(running.pid)[0], signal.SIGKILL)
    out, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 255, (out, err)
    assert "Traceback" not in err
    assert "closing-fence" in err
    assert "nothing was sent, not_sent" in err
    history = read_history(tmp_path / "results" / "latest" / "history.jsonl")
    assert history.whole
    assert sum(history.outcome == Outcome.OK) > 10
    refused = (history.outcome == Outcome.FAILED) & (history.status == -1)
    assert refused.any()
    assert refused.sum() < 1000, "threads back off from a server that is not there"
    assert "crash" in {remark.kind for remark in history.remarks}


def test_a_calm_run_has_no_indefinite_end(tmp_path: Path) -> None:
    options = RunOptions(workload="regular", seed=9, results=tmp_path, operations=400, time_limit=None, formats=())
    result = execute(options, Silent())
    assert not (result.history.outcome == Outcome.INDEFINITE).any()


def test_event_loops_are_left_as_they_were() -> None:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
