"""A results folder that fails, at whatever point of a run: one sentence with the path of what was kept, exit code 255.

Fault 12: a full disk was a traceback, and nobody said where the history is. The property is over every place: the n-th
file that a run opens to write is on a full disk, or the n-th change of a folder is refused, for every n.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fencepost import read_history
from fencepost.testing import append, jsonl
from tests.cli.invoking import Inside, Said
from tests.run.doubles import Script

RUN = ("run", "counting", "--target-kind", "memory", "--ops", "10", "--seed", "5")


class Disk:
    """The results folder's disk, which fails at one of the operations that it counts, or at those on one file."""

    def __init__(self, fails_at: int | str) -> None:
        self.operations: list[str] = []
        self.fails_at = fails_at

    def fails(self, what: str, path: object) -> bool:
        """Count an operation on a path of the results folder; whether it is the one that fails."""
        try:
            name = os.fspath(path)  # type: ignore[call-overload]
        except TypeError:
            return False
        if "results" not in str(name):
            return False
        self.operations.append(f"{what} {Path(str(name)).name}")
        return self.fails_at in (len(self.operations) - 1, Path(str(name)).name)


@contextmanager
def filling(fails_at: int | str) -> Iterator[Disk]:
    """The n-th file that is opened to be written takes no byte: the system's own full device is in its place."""
    disk = Disk(fails_at)
    original, os_open = io.open, os.open
    with pytest.MonkeyPatch.context() as patch:

        def opened(path: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            file = original(path, mode, *arguments, **more)
            if set(mode) & set("wax+") and disk.fails("open", path):
                _swap(file.fileno(), os_open)
            return file

        def os_opened(path: Any, flags: int, *arguments: Any, **more: Any) -> int:
            descriptor = os_open(path, flags, *arguments, **more)
            if flags & os.O_WRONLY and disk.fails("open", path):
                _swap(descriptor, os_open)
            return descriptor

        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(os, "open", os_opened)
        yield disk


def _swap(descriptor: int, os_open: Callable[..., int]) -> None:
    full = os_open("/dev/full", os.O_WRONLY)
    os.dup2(full, descriptor)
    os.close(full)


@contextmanager
def refusing(fails_at: int | str) -> Iterator[Disk]:
    """The n-th change of a folder is refused: a new file, a new folder, a new name, a link."""
    disk = Disk(fails_at)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "rename", "replace", "symlink", "open"):
            patch.setattr(os, name, _refused(name, getattr(os, name), disk))
        yield disk


def _refused(name: str, original: Callable[..., Any], disk: Disk) -> Callable[..., Any]:
    def changed(*arguments: Any, **more: Any) -> Any:
        creates = name != "open" or arguments[1] & os.O_CREAT
        if creates and disk.fails(name, arguments[1] if name in ("rename", "replace", "symlink") else arguments[0]):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(arguments[0]))
        return original(*arguments, **more)

    return changed


def assert_told(said: Said, why: str) -> None:
    """One sentence on standard error that says what failed and what was kept where; no traceback."""
    assert said.code == 255, said
    assert "Traceback" not in said.err + said.out, said
    told = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    (sentence,) = told
    assert why in sentence
    kept = re.search(r"the history up to that point is in (\S+) |the files of the run are in (\S+)$", sentence)
    assert kept, sentence
    path = Path(kept[1] or kept[2])
    assert path.exists(), sentence
    if kept[1] and path.stat().st_size:
        read_history(path)


@pytest.mark.parametrize("failing", [filling, refusing])
def test_every_failure_ends_in_one_sentence(inside: Inside, installed: Script, failing: Callable[[int], Any]) -> None:
    why = "No space left on device" if failing is filling else "Read-only file system"
    seen: list[str] = []
    for fails_at in range(40):
        shutil.rmtree("results", ignore_errors=True)
        with failing(fails_at) as disk:
            said = inside(*RUN)
        seen = disk.operations
        if len(seen) <= fails_at:
            break
        if said.code == 254:
            assert "cannot be made" in said.err
            assert failing is refusing
            assert not Path("results").exists() or not list(Path("results").rglob("*.jsonl")), "nothing was begun"
            continue
        assert_told(said, why)
    assert said.code == 0, "where nothing fails, all is well"
    assert fails_at >= 5, seen
    for name in ("history.jsonl", "run.log", "double.png") if failing is filling else ("history.jsonl", "latest"):
        assert any(name in operation for operation in seen), seen


def test_a_folder_that_was_removed_is_told(inside: Inside, installed: Script) -> None:
    def remove(stream: str, call: object) -> None:
        shutil.rmtree("results", ignore_errors=True)

    installed.answering = remove
    said = inside(*RUN)
    assert said.code == 255
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    assert re.search("nothing was kept: results/counting/.* is gone", sentence)
    assert "Traceback" not in said.err


def test_a_log_that_fails_alone_fails_the_run_and_the_verdict_is_told(inside: Inside, installed: Script) -> None:
    with filling("run.log"):
        said = inside(*RUN)
    assert "VALID: " in said.out
    assert_told(said, "run.log: No space left on device")


def test_latest_that_is_not_ours_is_not_replaced(inside: Inside, installed: Script) -> None:
    Path("results").mkdir()
    Path("results/latest").write_text("mine")
    said = inside(*RUN)
    assert_told(said, "results/latest: exists and is not a link")
    assert Path("results/latest").read_text() == "mine"


# The history cannot tell of these: it was full, or closed already. A check of the folder said 0.
@pytest.mark.parametrize(
    ("failing", "name"),
    [
        (filling, "history.jsonl"),
        (filling, "run.log"),
        (refusing, "verdict.json"),
        (filling, "double.png"),
        (refusing, "latest"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_check_of_the_folder_ends_as_the_run_did(
    inside: Inside, installed: Script, failing: Callable[[str], Any], name: str
) -> None:
    with failing(name):
        said = inside(*RUN)
    assert said.code == 255
    (folder,) = [path.parent for path in Path("results").rglob("history.jsonl")]
    if name == "history.jsonl":  # all that was recorded before the disk was full
        (folder / name).write_bytes(jsonl(append(0, 1, 2, "a", ack=0)))
    later = inside("check", str(folder))
    assert later.code == 255
    (sentence,) = [line for line in later.err.splitlines() if line.startswith("fencepost: ")]
    assert sentence.startswith("fencepost: the run crashed in part: ")
    assert "VALID: " in later.out
