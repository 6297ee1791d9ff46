"""The compiled scanner of s2-porcupine's format gives what the careful reader gives, or leaves the file to it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from benchmarks.porcupine_history import Flow, Recipe, Violation, write

from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import History
from fencepost.harness.history.s2_porcupine import scanner
from fencepost.harness.history.s2_porcupine.reader import read_s2_porcupine
from fencepost.harness.history.s2_porcupine.scanner import scan, scan_bytes


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """The fields in which two histories (or parts of them) differ, values and types."""
    found: list[str] = []
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(mine):
            found += differences(mine, theirs, f"{path}{field.name}.")
        elif isinstance(mine, np.ndarray):
            if mine.dtype != theirs.dtype or not np.array_equal(mine, theirs):
                found.append(path + field.name)
        elif mine != theirs:
            found.append(path + field.name)
    return found


def careful(data: bytes) -> History | None:
    """What the careful reader makes of it; None if it refuses it."""
    try:
        return read_s2_porcupine(data, "file")
    except HistoryFailure:
        return None


def made(folder: Path, **recipe: Any) -> bytes:
    path = folder / "history.jsonl"
    write(path, Recipe(**recipe))
    return path.read_bytes()


@pytest.mark.parametrize("flow", Flow)
@pytest.mark.parametrize("seed", range(3))
def test_both_readers_give_the_same_columns(tmp_path: Path, flow: Flow, seed: int) -> None:
    write(
        tmp_path / "h",
        Recipe(3000, clients=1 + 9 * seed, flow=flow, lost=0.02, landed=0.02, violation=Violation(seed), seed=seed),
    )
    found = scan(tmp_path / "h")
    assert found is not None
    assert differences(found, read_s2_porcupine((tmp_path / "h").read_bytes(), "file")) == []
    assert (found.outcome == 2).any() or seed == 0


@pytest.mark.parametrize("piece", [1, 7, 64, 333, 1000])
def test_wherever_the_file_is_cut_into_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    data = made(tmp_path, operations=60, clients=4, flow=Flow.FENCED, landed=0.1)
    monkeypatch.setattr(scanner, "_PIECE", piece)
    for file in (data, data[:-1]):  # the last newline may be missing
        found = scan_bytes(file)
        assert found is not None
        assert differences(found, read_s2_porcupine(file, "file")) == []


def test_a_line_longer_than_a_piece_with_its_slack() -> None:
    hashes = ",".join(str(2**64 - 1 - index) for index in range(300_000))
    ids = '"client_id":0,"op_id":0}\n'
    asked = f'"num_records":300000,"record_hashes":[{hashes}],"set_fencing_token":null,"fencing_token":null'
    data = (
        f'{{"event":{{"Start":{{"Append":{{{asked},"match_seq_num":null}}}}}},{ids}'
        f'{{"event":{{"Finish":{{"AppendSuccess":{{"tail":300000}}}}}},{ids}'
        '{"event":{"Start":"CheckTail"},"client_id":1,"op_id":1}\n'
    ).encode()
    found = scan_bytes(data)
    assert found is not None
    assert found.header.streams[0].fencing_token is None
    assert differences(found, read_s2_porcupine(data, "file")) == []


def test_what_the_careful_reader_refuses_or_reads_otherwise_is_left_to_it(tmp_path: Path) -> None:
    random = Random(7)
    data = made(tmp_path, operations=40, clients=3, flow=Flow.FENCED, lost=0.1, landed=0.1, violation=Violation.OVERLAP)
    read = 0
    for number in range(1500):
        damaged = _damaged(data, random)
        found = scan_bytes(damaged)
        if found is not None:
            expected = careful(damaged)
            assert expected is not None, f"mutant {number}: {damaged!r}"
            assert differences(found, expected) == [], f"mutant {number}: {damaged!r}"
            read += 1
    assert 100 < read < 1400  # both happen: a changed hash is a history, a changed brace is none


def _damaged(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True)
    match random.randrange(6):
        case 0:  # a byte is another
            at = random.randrange(len(data))
            return data[:at] + bytes([random.choice(b'0129",{}[]:\\ \n-xA\xc3')]) + data[at + 1 :]
        case 1:  # a line is gone
            del lines[random.randrange(len(lines))]
        case 2:  # two lines stand the other way round
            at = random.randrange(len(lines) - 1)
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case 3:  # a digit is another
            at = random.choice([at for at, byte in enumerate(data) if 48 <= byte <= 57])
            return data[:at] + bytes([random.randrange(48, 58)]) + data[at + 1 :]
        case 4:  # the file is cut
            return data[: random.randrange(1, len(data))]
        case 5:  # a line occurs twice
            at = random.randrange(len(lines))
            lines.insert(at, lines[at])
    return b"".join(lines)
