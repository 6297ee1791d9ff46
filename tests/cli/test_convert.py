"""``fencepost convert`` and ``validate``, and what is piped between commands."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from fencepost.harness.history.reader import read_history
from fencepost.harness.history.sniffing import Format, format_of
from fencepost.harness.history.sources import read_bytes
from fencepost.testing import append, check_tail, jsonl, read
from tests.history.events_at_random import plain

from .invoking import Inside, command, environment, fencepost

HISTORY = jsonl(
    append(0, 1, 2, "a fence=x", ack=0, token=""),
    append(1, 1, 3, "b", token="", fence="x"),
    read(2, 4, 5, 0, saw="a fence=x"),
    read(2, 6, 7, 0, count=1, saw="a"),
    append(3, 8, None, "c"),
    check_tail(2, 9, 10, 2),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_bytes(HISTORY)
    return path


def test_a_history_goes_through_every_format_and_gets_the_same_verdict(inside: Inside, source: Path) -> None:
    first = inside("convert", source, "a.parquet.gz", "--to", "parquet")
    assert (first.code, first.out, first.err) == (0, "", "")
    assert inside("convert", "a.parquet.gz", "b.jsonl.zst", "--to", "jsonl").code == 0
    assert plain(read_history(Path("b.jsonl.zst"))) == plain(read_history(source))
    lossy = inside("convert", "b.jsonl.zst", "c.jsonl", "--to", "s2-porcupine")
    assert lossy.code == 0
    assert lossy.err.splitlines() == [
        "lost, since s2-porcupine cannot express it:",
        "  1 × a refused append: the tail or the token that the 412 named",
        "  1 × a read that does not prove the exact tail: written as one that failed",
    ]
    formats = {name: format_of(read_bytes(Path(name))) for name in ("a.parquet.gz", "b.jsonl.zst", "c.jsonl")}
    assert list(formats.values()) == [Format.PARQUET, Format.JSONL, Format.S2_PORCUPINE]
    for name in formats:
        assert inside("check", name).code == 0, name
    assert inside("check", "c.jsonl", "--failures", "condition").code == 0


def test_a_target_is_overwritten_only_by_force(inside: Inside, source: Path) -> None:
    Path("t").write_bytes(b"mine")
    refused = inside("convert", source, "t", "--to", "parquet")
    assert (refused.code, refused.out) == (254, "")
    assert "t exists; choose another name, or --force" in refused.err
    assert Path("t").read_bytes() == b"mine"
    assert inside("convert", source, "t", "--to", "parquet", "--force").code == 0
    assert format_of(Path("t").read_bytes()) is Format.PARQUET


def test_nothing_is_left_of_what_cannot_be_written(
    inside: Inside, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(HISTORY.replace(b'"ack"', b'"ick"'))
    two = tmp_path / "two.jsonl"
    two.write_bytes(jsonl(append(0, 1, 2, "a", ack=0), append(1, 3, 4, "b", ack=0, stream="t")))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for arguments, what in (
        ((bad, "t", "--to", "parquet"), "bad.jsonl:"),
        ((two, "t", "--to", "s2-porcupine"), "name one of 's', 't'"),
        ((two, "t", "--to", "s2-porcupine", "--stream", "u"), "no stream is called 'u'; there are: 's', 't'"),
        ((source, "none/t", "--to", "jsonl"), "none/t: cannot be written: No such file"),
        ((source, "t", "--to", "jsonl"), "t: cannot be written: No space left on device; choose another target"),
    ):
        said = inside("convert", *arguments)
        assert (said.code, said.out) == (254, "")
        assert what in said.err
        assert not list(Path.cwd().iterdir())


def test_one_stream_of_several_can_be_named(inside: Inside, tmp_path: Path) -> None:
    two = tmp_path / "two.jsonl"
    two.write_bytes(jsonl(append(0, 1, 2, "a", ack=0), append(1, 3, 4, "b", ack=0, stream="t")))
    said = inside("convert", two, "t.jsonl", "--to", "s2-porcupine", "--stream", "t")
    assert "1 × an operation on another stream: left out" in said.err
    assert list(read_history(Path("t.jsonl")).id) == [1]


def test_histories_are_piped_from_command_to_command(tmp_path: Path, source: Path) -> None:
    fifo = " | ".join(
        " ".join([*map(str, command()), line])
        for line in (f"convert {source} --to s2-porcupine", "convert - --to parquet", "check -")
    )
    done = subprocess.run(["sh", "-c", fifo], cwd=tmp_path, env=environment(), check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines()[-1].startswith("VALID: 6 operations")


def test_a_check_of_standard_input_says_what_was_checked(
    inside: Inside, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(HISTORY, mtime=0))))
    piped = inside("check", "-", "--json")
    assert piped.code == 0
    Path("history.gz").write_bytes(gzip.compress(HISTORY, mtime=0))
    named = inside("check", "history.gz", "--json")
    assert named.out.replace('"history.gz"', '"-"') == piped.out


class TestValidate:
    def test_a_good_history_tells_what_can_be_decided(self, inside: Inside, source: Path) -> None:
        said = inside("validate", source)
        assert (said.code, said.err) == (0, "")
        for line in (
            "format: jsonl",
            "6 operations on 1 stream",
            "  3 appends: 1 succeeded, 1 failed, 1 indefinite (1 never returned)",
            "  2 reads: 2 succeeded, 0 failed, 0 indefinite",
            "  tokens told by refusals (412): 1",
            "  records returned: 3",
            "stream 's': no closing read: whether 1 indefinite append took effect has to be searched for; "
            "1 append never returned and may still arrive",
            "4 processes; up to 2 operations at once",
            "3 records sent, each of its own content",
            "the history is whole",
        ):
            assert line in said.out.splitlines(), said.out

    def test_every_problem_is_told_with_its_own_line(self, inside: Inside, tmp_path: Path) -> None:
        path = tmp_path / "bad.jsonl"
        lines = HISTORY.splitlines(keepends=True)
        kinds = [line[: line.index(b",")] for line in lines]
        ack = kinds.index(b'{"type":"ack"')
        batch = kinds.index(b'{"type":"batch"')
        lines[ack] = lines[ack].replace(b'"ack"', b'"ick"')
        lines[batch] = lines[batch].replace(b'"sizes":[', b'"sizes":[-1,')
        path.write_bytes(b"".join([*lines, b'{"type":"tail","op":77,"time":50,"tail":[0,0]}\n']))
        said = inside("validate", path)
        assert said.code == 254
        told = [line.removeprefix(f"fencepost: {path}:") for line in said.err.splitlines()]
        assert [line.split(":")[0] for line in told] == [str(ack + 1), str(batch + 1), str(len(lines) + 1)]
        assert "lines of the operations that are wrong" in said.out
        assert "4 operations on 1 stream" in said.out

    def test_there_is_an_end_to_problems(self, inside: Inside, tmp_path: Path) -> None:
        path = tmp_path / "bad.jsonl"
        path.write_bytes(HISTORY + b"what?\n" * 100)
        said = inside("validate", path)
        assert said.code == 254
        assert len(said.err.splitlines()) == 21
        assert "that is 20 problems; there may be more" in said.err

    def test_without_a_header_there_is_one_problem(self, inside: Inside, tmp_path: Path) -> None:
        path = tmp_path / "bad.jsonl"
        path.write_bytes(b"".join(HISTORY.splitlines(keepends=True)[1:]))
        said = inside("validate", path)
        assert (said.code, said.out, len(said.err.splitlines())) == (254, "", 1)

    def test_of_the_other_formats(self, inside: Inside, source: Path) -> None:
        for name, to in (("a", "parquet"), ("b", "s2-porcupine")):
            assert inside("convert", source, name, "--to", to).code == 0
            said = inside("validate", name)
            assert (said.code, said.err) == (0, "")
            assert said.out.startswith(f"format: {to}\n6 operations on 1 stream\n")
        data = Path("b").read_bytes().replace(b'"num_records":1', b'"num_records":2')
        Path("c").write_bytes(data)
        said = inside("validate", "c")
        assert said.code == 254
        assert all("num_records" in line for line in said.err.splitlines())
        assert len(said.err.splitlines()) == 2


def test_a_run_is_converted_by_its_folder(stored: Path, tmp_path: Path) -> None:
    done = fencepost("convert", "results/latest", str(tmp_path / "t.parquet"), "--to", "parquet", cwd=stored)
    assert done.returncode == 0, done.stderr
    assert plain(read_history(tmp_path / "t.parquet")) == plain(read_history(stored / "results/latest/history.jsonl"))
