"""The compiled scanner of s2-porcupine's format gives what the careful reader gives, or leaves the file to it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from benchmarks.porcupine_history import Flow, Recipe, Violation, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.history.content import Content
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import BEYOND, NONE, History
from fencepost.harness.history.losses import Losses
from fencepost.harness.history.s2_porcupine import reader, scanner
from fencepost.harness.history.s2_porcupine.scanner import scan
from fencepost.harness.history.s2_porcupine.writer import written
from tests.history.events_at_random import random_history
from tests.history.same import differences


def careful(data: bytes) -> History | None:
    """What the ordinary reader makes of it; None if it refuses it."""
    try:
        return reader._ordinary(Content(data, "file"), None)
    except HistoryFailure:
        return None


def scan_bytes(data: bytes) -> History | None:
    return scan(Content(data, "file"))


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
    found = scan_bytes((tmp_path / "h").read_bytes())
    assert found is not None
    assert differences(found, careful((tmp_path / "h").read_bytes())) == []
    assert (found.outcome == 2).any() or seed == 0


@pytest.mark.parametrize("piece", [1, 7, 64, 333])
def test_wherever_the_file_is_cut_into_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    data = made(tmp_path, operations=15, clients=4, flow=Flow.FENCED, landed=0.1)
    monkeypatch.setattr(scanner, "_PIECE", piece)
    for file in (data, data[:-1]):  # the last newline may be missing
        found = scan_bytes(file)
        assert found is not None
        assert differences(found, careful(file)) == []


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
    assert differences(found, careful(data)) == []


def spelled(data: bytes, text: str) -> bytes:
    """The file with another token in the place of "a", as our writer spells it."""
    return data.replace(b'"a"', msgspec.json.encode(text))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.randoms(use_true_random=False),
    st.one_of(st.just("a"), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)),
)
def test_whatever_our_writer_writes_is_scanned_and_both_readers_give_the_same(random: Random, token: str) -> None:
    history = random_history(random)
    for stream in range(len(history.header.streams)):
        data = spelled(b"".join(written(history, stream, Losses())), token)
        if not data:
            continue
        for file in (data, data[: -random.randrange(1, 60)]):
            wanted, found = careful(file), scan_bytes(file)
            assert found is not None
            assert wanted is not None
            assert not differences(found, wanted)


def test_ids_need_not_be_near_each_other() -> None:
    lines = [
        b'{"event":{"Start":"CheckTail"},"client_id":2147483647,"op_id":9223372036854775807}\n',
        b'{"event":{"Start":"CheckTail"},"client_id":0,"op_id":5}\n',
        b'{"event":{"Finish":{"CheckTailSuccess":{"tail":18446744073709551615}}},"client_id":0,"op_id":5}\n',
    ]
    found = scan_bytes(b"".join(lines))
    assert found is not None
    assert not differences(found, careful(b"".join(lines)))
    assert found.observed_tail.tolist() == [NONE, BEYOND]


@pytest.mark.parametrize("mutants", [600, pytest.param(20_000, marks=pytest.mark.slow)])
def test_what_the_careful_reader_refuses_or_reads_otherwise_is_left_to_it(tmp_path: Path, mutants: int) -> None:
    random = Random(7)
    data = made(tmp_path, operations=40, clients=3, flow=Flow.FENCED, lost=0.1, landed=0.1, violation=Violation.OVERLAP)
    read = 0
    for number in range(mutants):
        damaged = _damaged(data, random)
        found = scan_bytes(damaged)
        if found is not None:
            expected = careful(damaged)
            assert expected is not None, f"mutant {number}: {damaged!r}"
            assert differences(found, expected) == [], f"mutant {number}: {damaged!r}"
            read += 1
    # Both happen: a changed hash is a history, a changed brace is none.
    assert mutants // 15 < read < mutants * 14 // 15


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
