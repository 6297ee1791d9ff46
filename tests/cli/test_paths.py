"""Paths that a user names: what never ends is not read, and what is no regular file is not replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from fencepost.harness import files
from fencepost.testing import append, jsonl, read

from .conftest import INVALID, VALID
from .invoking import SECONDS, Inside, command, environment

USAGE = 254

READING = {
    "check": ("check", "{}"),
    "check --json": ("check", "--json", "{}"),
    "explain": ("explain", "{}"),
    "plot": ("plot", "{}"),
    "validate": ("validate", "{}"),
    "convert": ("convert", "{}", "out.jsonl", "--to", "jsonl"),
    "verify": ("verify", "{}", "--certificate", "proof.zip"),
    "verify --certificate": ("verify", "valid.jsonl", "--certificate", "{}"),
}
WRITING = {
    "convert": ("convert", "invalid.jsonl", "{}.jsonl", "--to", "jsonl", "--force"),
    "check --certificate": ("check", "invalid.jsonl", "--certificate", "{}.zip"),
    "explain --graph": ("explain", "invalid.jsonl", "--graph", "{}.svg"),
}


def filled(template: tuple[str, ...], name: str) -> list[str]:
    return [argument.format(name) for argument in template]


@pytest.fixture
def here(inside: Inside) -> Path:
    """The empty folder that commands run in, with two histories."""
    Path("valid.jsonl").write_bytes(VALID)
    Path("invalid.jsonl").write_bytes(INVALID)
    return Path.cwd()


@pytest.mark.parametrize("name", READING)
def test_a_device_is_refused_by_every_command_that_reads(inside: Inside, here: Path, name: str) -> None:
    """Fault 14: ``check /dev/zero`` never ended. (The null device, so that a regression ends.)"""
    inside("check", "valid.jsonl", "--certificate", "proof.zip")
    (here / "device").symlink_to(os.devnull)
    said = inside(*filled(READING[name], "device"))
    assert said.code == USAGE
    assert "device is a device; name a regular file or a pipe" in said.err


def test_standard_input_that_never_ends_is_refused(here: Path) -> None:
    line = f"ulimit -v 8000000; exec '{command()[0]}' -m fencepost check - < /dev/zero"
    done = subprocess.run(
        ["sh", "-c", line], cwd=here, env=environment(), check=False, capture_output=True, timeout=SECONDS
    )
    assert done.returncode == USAGE, done.stderr
    assert b"standard input is a device, and may never end" in done.stderr


def test_only_devices_that_may_not_end_are_endless() -> None:
    reading, writing = os.pipe()
    zero, null = os.open("/dev/zero", os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)
    try:
        assert [files.is_endless(one) for one in (zero, null, reading)] == [True, False, False]
    finally:
        for descriptor in (reading, writing, zero, null):
            os.close(descriptor)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_pipe_with_a_name_is_read_like_a_file(inside: Inside, here: Path, options: tuple[str, ...]) -> None:
    """With ``--json`` it was read a second time for its hash, and that waited for ever."""
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: (here / "pipe").write_bytes(VALID))
    thread.start()
    said = inside("check", "pipe", *options)
    thread.join()
    plain = inside("check", "valid.jsonl", *options)
    assert (said.code, said.out) == (0, plain.out.replace("valid.jsonl", "pipe"))


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("kind", ["pipe", "link to a device", "folder"])
def test_what_is_no_regular_file_is_never_replaced(inside: Inside, here: Path, name: str, kind: str) -> None:
    """Fault 14: ``convert --force`` put a file in a device node's place, and so did the others."""
    (target,) = [Path(word) for word in filled(WRITING[name], "target") if word.startswith("target.")]
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(os.devnull)
    before = target.lstat()
    said = inside(*filled(WRITING[name], "target"))
    assert said.code == USAGE, said
    assert "target" in said.err
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert len(list(here.iterdir())) == 3, "no draft is left"


def test_a_picture_is_not_drawn_into_what_is_no_file(inside: Inside, here: Path) -> None:
    """The command waited for ever for a reader of the pipe."""
    Path("pictures").mkdir()
    os.mkfifo("pictures/witness-1.png")
    said = inside("plot", "invalid.jsonl", "--only", "witness", "--output", "pictures")
    assert said.code == 255
    assert "pictures/witness-1.png is not a regular file and is not replaced" in said.err
    assert list(Path("pictures").iterdir()) == [Path("pictures/witness-1.png")]


@pytest.mark.parametrize("name", WRITING)
def test_a_file_is_replaced_whole_where_its_link_points(inside: Inside, here: Path, name: str) -> None:
    (target,) = [Path(word) for word in filled(WRITING[name], "target") if word.startswith("target.")]
    kept = here / "kept"
    kept.write_bytes(b"old")
    kept.chmod(0o640)
    target.symlink_to(kept)
    said = inside(*filled(WRITING[name], "target"))
    assert said.code in (0, 1), said
    assert target.is_symlink()
    assert kept.read_bytes() != b"old"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_several_verdicts_each_name_their_file(inside: Inside, here: Path) -> None:
    """Fault 14: of three verdicts nobody knew whose they were."""
    said = inside("check", "valid.jsonl", "nowhere.jsonl", "invalid.jsonl")
    parts = said.out.split("── ")[1:]
    assert [part.split("\n")[0] for part in parts] == ["valid.jsonl", "nowhere.jsonl", "invalid.jsonl"]
    assert [part.strip().splitlines()[-1].split(":")[0] for part in parts] == ["VALID", "nowhere.jsonl", "INVALID"]
    assert "nowhere.jsonl does not exist" in said.err
    assert "── " not in inside("check", "valid.jsonl").out


# -- of many anomalies


def test_of_each_kind_the_first_is_told_in_full_and_the_others_are_counted(inside: Inside, here: Path) -> None:
    """Fault 16: five near-identical anomalies of ten lines each."""
    streams = [f"s{number}" for number in range(4)]
    events = [
        event
        for at, stream in enumerate(streams)
        for event in (
            append(at, 10 * at + 1, 10 * at + 2, "a b", ack=0, stream=stream),
            read(at, 10 * at + 3, 10 * at + 4, 0, saw="a", stream=stream),
            read(at, 10 * at + 5, 10 * at + 6, 0, count=1, saw="b", stream=stream),
        )
    ]
    Path("many.jsonl").write_bytes(jsonl(*events))
    said = inside("check", "many.jsonl")
    listed = inside("explain", "many.jsonl", "--all")
    told = [line.split(" on ")[0] for line in said.out.splitlines() if " on s" in line and not line.startswith(" ")]
    everything = [line.split(" on ")[0] for line in listed.out.splitlines() if " on s" in line and line[0] not in " ─"]
    assert len(everything) > len(told)
    assert told == list(dict.fromkeys(everything)), "one of each kind, in the same order"
    (line,) = [line for line in said.out.splitlines() if line.startswith("… and ")]
    for name in told:
        assert f"{everything.count(name) - 1} × {name}" in line
    assert "  fencepost explain many.jsonl --all" in said.out.splitlines()
