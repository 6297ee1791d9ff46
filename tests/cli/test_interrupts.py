"""Ctrl-C and its like at every moment of a run: the history is kept, and what is there is judged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fencepost import History, read_history

from .invoking import SECONDS, command, environment

RUN = ("run", "counting", "--target-kind", "memory", "--seed", "3", "--no-plots")


class Running:
    """A command in a folder of its own, and in a process group as a shell would give it."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str]) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, condition: Callable[[], object], what: str) -> None:
        assert self.comes(condition), f"it ended before {what}: {self.process.communicate()}"

    def comes(self, condition: Callable[[], object]) -> bool:
        """Whether it comes to that, and not to the end."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return True

    def partial(self) -> Path | None:
        return next(iter(self.folder.glob("results/*/*.partial")), None)

    def recorded(self) -> bytes:
        partial = self.partial()
        history = partial / "history.jsonl" if partial else None
        return history.read_bytes() if history and history.exists() else b""

    def log(self) -> str:
        partial = self.partial()
        log = partial / "run.log" if partial else None
        return log.read_text() if log and log.exists() else ""

    def signal(self, number: int) -> None:
        """To the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=SECONDS)
        assert "Traceback" not in err, err
        return self.process.returncode, out, err

    @property
    def history(self) -> History:
        return read_history(self.folder / "results" / "latest" / "history.jsonl")


@pytest.fixture
def start(tmp_path: Path, site: Path) -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str, **env: str) -> Running:
            running = Running(tmp_path, *arguments, env=environment(site, **env))
            stack.callback(running.process.communicate)
            stack.callback(running.process.kill)
            return running

        yield begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_one_ends_the_clients_and_the_rest_goes_on(start: Callable[..., Running], number: signal.Signals) -> None:
    running = start(*RUN, "--time-limit", "3600")
    running.until(lambda: running.recorded().count(b"\n") > 40, "the clients act")
    running.signal(number)
    code, out, err = running.end()
    assert code == 0, (out, err)
    assert f"interrupted ({number.name} number 1)" in err
    assert "VALID: " in out
    history = running.history
    assert history.whole
    assert [r.text for r in history.remarks if r.kind == "interrupt"] == [f"{number.name} number 1"]
    assert history.operation(len(history) - 1).purpose == "closing-read", "the closing read was done"
    assert running.partial() is None


def test_a_second_one_stops_what_goes_on_and_still_judges(start: Callable[..., Running]) -> None:
    running = start(*RUN, "--time-limit", "3600", "--timeout", "3600", DOUBLE_HANGS="yes")
    running.until(lambda: b'"op":25' in running.recorded() or running.recorded().count(b"\n") > 45, "clients hang")
    running.signal(signal.SIGINT)
    running.until(lambda: b"SIGINT number 1" in running.recorded(), "the first is in the history")
    running.signal(signal.SIGINT)
    code, out, err = running.end()
    assert "interrupted (SIGINT number 1): ending the clients; press Ctrl-C again to stop recording" in err
    assert "interrupted (SIGINT number 2): recording stops here" in err  # it asked for one more
    history = running.history
    assert [r.text for r in history.remarks if r.kind == "interrupt"] == ["SIGINT number 1", "SIGINT number 2"]
    assert history.whole
    assert not any(history.operation(row).purpose == "closing-read" for row in range(len(history)))
    verdict = json.loads((running.folder / "results" / "latest" / "verdict.json").read_bytes())
    assert code == {"valid": 0, "unknown": 2}[verdict["validity"]], (out, err)
    assert verdict["crashes"] == []


def test_while_the_target_is_set_up_there_is_nothing_to_judge(start: Callable[..., Running]) -> None:
    running = start(*RUN, "--time-limit", "1", DOUBLE_SLOW="yes")
    running.until(running.partial, "it begins")
    # Wherever it may be by now, this must not strike where nobody can put things away. Early on it ends it at once.
    running.signal(signal.SIGINT)
    if running.comes(lambda: "SIGINT number 1" in running.log()):
        running.signal(signal.SIGINT)
    code, out, err = running.end()
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "fencepost: interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_while_it_is_judged_the_verdict_is_unknown(start: Callable[..., Running], number: signal.Signals) -> None:
    running = start(*RUN, "--ops", "10", DOUBLE_SIGNALS_CHECK=str(int(number)))
    code, out, _ = running.end()
    assert code == 2
    assert "the check was interrupted" in out
    verdict = json.loads((running.folder / "results" / "latest" / "verdict.json").read_bytes())
    assert verdict["checkers"]["double"]["reasons"] == ["the check was interrupted"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_check_that_is_interrupted_is_unknown(
    start: Callable[..., Running], histories: dict[str, Path], number: signal.Signals
) -> None:
    running = start("check", str(histories["valid"]), DOUBLE_SIGNALS_CHECK=str(int(number)))
    code, out, _ = running.end()
    assert code == 2
    assert "the check was interrupted" in out


def test_workloads_that_had_not_begun_are_left_out(start: Callable[..., Running]) -> None:
    running = start("run", "counting", "regular", *RUN[2:], "--time-limit", "3600")
    running.until(lambda: running.recorded().count(b"\n") > 40, "the clients act")
    running.signal(signal.SIGINT)
    code, out, err = running.end()
    assert code == 2, "what was not run is not known"
    assert out.count("VALID: ") == 1
    assert "interrupted; not run: regular" in err


@pytest.mark.parametrize("moment", ["check", "plot"])
def test_a_harness_killed_while_it_judges_or_draws_leaves_no_folder_that_looks_whole(
    start: Callable[..., Running], moment: str
) -> None:
    running = start(*[a for a in RUN if a != "--no-plots"], "--ops", "10", DOUBLE_DIES=moment)
    running.process.communicate(timeout=SECONDS)
    assert running.process.returncode == -signal.SIGKILL
    partial = running.partial()
    assert partial is not None
    assert read_history(partial / "history.jsonl").whole
    assert not (running.folder / "results" / "latest").exists()
    listed = start("runs", "--json").end()
    (row,) = json.loads(listed[1])
    assert (row["path"], row["verdict"]) == (str(partial.relative_to(running.folder)), "(not finished)")


def test_in_a_terminal_the_line_is_live_and_ctrl_c_spares_the_server(tmp_path: Path) -> None:
    """The real thing: a controlling terminal, the bundled server, and the key itself."""
    ours, theirs = pty.openpty()
    claim = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    arguments = command("run", "regular", "--seed", "3", "--time-limit", "3600", "--no-plots")
    process = subprocess.Popen(
        [sys.executable, "-c", claim, *arguments],
        cwd=tmp_path,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    fcntl.ioctl(ours, termios.TIOCSWINSZ, b"\x28\x00\xa0\x00\x00\x00\x00\x00")
    screen = b""
    pressed = False
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            try:
                data = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not data:
                break
            screen += data
            if not pressed and re.search(rb"[1-9][\d,]* operations after", screen):
                os.write(ours, b"\x03")
                pressed = True
        assert process.wait(SECONDS) in (0, 2), screen.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    screen = re.sub(rb"\x1b\[[\d;?]*[A-Za-z]", b"", screen)
    assert pressed, "no live line told of operations"
    assert b"\r" in screen
    assert b"interrupted (SIGINT number 1)" in screen
    assert b"Traceback" not in screen
    history = read_history(tmp_path / "results" / "latest" / "history.jsonl")
    assert history.operation(len(history) - 1).purpose == "closing-read"
    assert not (history.outcome == 2).any(), "Ctrl-C reached the server"
