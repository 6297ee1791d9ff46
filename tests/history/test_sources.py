"""Files and standard input, compressed or not, give the same history; damage is told."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import re
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from fencepost.harness.history import sources
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.reader import read_history
from fencepost.harness.history.sources import STDIN, read_bytes, sha256
from fencepost.testing import append, check_tail, jsonl

JOURNAL = jsonl(append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 2))

SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"note"


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
    "gzip in two members": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "zstd in two frames": lambda data: zstd(data[:50]) + zstd(data[50:]),
    "zstd with a frame that holds no data": lambda data: SKIPPABLE + zstd(data) + SKIPPABLE,
}


def give_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_content_is_told_by_the_bytes_and_not_by_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = ENCODINGS[name](JOURNAL)
    path = tmp_path / "history.txt"
    path.write_bytes(data)
    assert read_bytes(path) == JOURNAL
    assert sha256(path) == hashlib.sha256(data).hexdigest()
    give_stdin(monkeypatch, data)
    assert list(read_history(STDIN).id) == [0, 1]
    assert sha256(STDIN) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name != "plain"])
def test_a_compressed_file_that_was_cut_is_refused_at_every_byte(tmp_path: Path, name: str) -> None:
    data = ENCODINGS[name](JOURNAL)
    path = tmp_path / "history"
    refusals = []
    for length in range(4, len(data)):
        path.write_bytes(data[:length])
        try:
            # A cut between two frames or members cannot be told from the end; in one it must be.
            assert read_bytes(path) in (b"", JOURNAL[:50], JOURNAL)
        except HistoryFailure as failure:
            refusals.append(str(failure))
    assert len(refusals) >= len(data) - 4 - 2
    assert all(re.match(rf"{path}: the (gzip|Zstandard) data is (truncated|damaged)", text) for text in refusals)
    assert sum("truncated" in text for text in refusals) >= len(refusals) - 1


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_a_damaged_file_is_one_error(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    data = bytearray(compress(JOURNAL * 50))
    data[len(data) // 2 :] = bytes(byte ^ 0x5A for byte in data[len(data) // 2 :])
    path = tmp_path / "history"
    path.write_bytes(data)
    with pytest.raises(HistoryFailure, match=f"^{path}: the .* data is (damaged|truncated)"):
        read_bytes(path)
    path.write_bytes(compress(JOURNAL) + b"and more")
    with pytest.raises(HistoryFailure, match="damaged"):
        read_bytes(path)


def test_standard_input_is_named_in_errors_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    give_stdin(monkeypatch, JOURNAL.replace(b'"ack"', b'"ick"'))
    with pytest.raises(HistoryFailure, match=r"^standard input:3:9: type:"):
        read_history(STDIN)
    with pytest.raises(HistoryFailure, match="name - only once"):
        read_history(STDIN)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(HistoryFailure, match="standard input is closed"):
        read_history(STDIN)


# -- what is much larger once decompressed. Before, a file of 1 MB could fill the memory.


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "gzip in many members": lambda data: gzip.compress(data[: len(data) // 16]) * 16,
    "zstd in many frames": lambda data: zstd(data[: len(data) // 16]) * 16,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_decompression_bomb_is_refused_within_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sources, "ALWAYS_ALLOWED", 1 << 20)
    monkeypatch.setattr(sources, "MAX_EXPANSION", 2)
    path = tmp_path / "history"
    path.write_bytes(BOMBS[name](bytes(128 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(HistoryFailure, match="decompress it into a file and give that") as caught:
            read_bytes(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: its ")


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_what_just_fits_is_read_and_a_byte_more_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sources, "ALWAYS_ALLOWED", 1 << 20)
    monkeypatch.setattr(sources, "MAX_EXPANSION", 2)
    path = tmp_path / "history"
    path.write_bytes(BOMBS[name](bytes(1 << 20)))
    assert len(read_bytes(path)) == 1 << 20
    path.write_bytes(BOMBS[name](bytes((1 << 20) + 1)))
    with pytest.raises(HistoryFailure, match="1,048,576"):
        read_bytes(path)
    # A file that is large enough for it may be as large as that.
    noise = random.Random(1).randbytes(1 << 20)
    path.write_bytes(BOMBS[name](noise + bytes(1 << 19)))
    assert len(read_bytes(path)) == 3 << 19
