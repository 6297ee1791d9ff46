"""Frames of sessions: however the bytes are cut, the same frames; whatever the bytes, one exception."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterable
from hashlib import sha256

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.s2.compression import COMPRESS_FROM, Compression
from fencepost.harness.s2.errors import Malformed
from fencepost.harness.s2.frames import (
    MAX_BODY_BYTES,
    Frame,
    FrameDecoder,
    Message,
    Terminal,
    encode_message,
    encode_terminal,
)

from . import drawn

BODIES = st.one_of(
    st.binary(max_size=50), st.builds(lambda b, n: b * n, st.binary(min_size=1, max_size=9), st.integers(200, 900))
)
MESSAGES = st.builds(Message, BODIES, st.booleans())
TERMINALS = st.builds(Terminal, st.integers(0, 65535), st.binary(max_size=30))


def decoded(chunks: Iterable[bytes]) -> list[Frame]:
    decoder = FrameDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    decoder.close()
    return frames


def frame(flag: int, body: bytes) -> bytes:
    return (1 + len(body)).to_bytes(3, "big") + bytes([flag]) + body


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(st.tuples(MESSAGES, st.sampled_from(Compression)), max_size=4), st.none() | TERMINALS)
def test_the_frames_come_back_however_the_bytes_are_cut(
    data: st.DataObject, messages: list[tuple[Message, Compression]], terminal: Terminal | None
) -> None:
    whole = b"".join(encode_message(*one) for one in messages) + (encode_terminal(terminal) if terminal else b"")
    expected: list[Frame] = [message for message, _ in messages]
    assert decoded(data.draw(drawn.cut(whole))) == expected + ([terminal] if terminal else [])


def test_the_bytes_are_those_of_the_description() -> None:
    assert encode_message(Message(b"ab")) == b"\x00\x00\x03\x00ab"
    assert encode_message(Message(b"ab", reconnect_advised=True), Compression.GZIP) == b"\x00\x00\x03\x10ab"
    assert encode_terminal(Terminal(412, b"{}")) == b"\x00\x00\x05\x80\x01\x9c{}"
    body = b"a" * COMPRESS_FROM
    zstd, gzipped = encode_message(Message(body), Compression.ZSTD), encode_message(Message(body), Compression.GZIP)
    assert (zstd[3], gzipped[3]) == (0b0010_0000, 0b0100_0000)
    assert zstandard.decompress(zstd[4:]) == gzip.decompress(gzipped[4:]) == body


def test_reserved_bits_are_ignored() -> None:
    assert decoded([frame(0b0000_1111, b"x")]) == [Message(b"x")]
    assert decoded([frame(0b1111_1111, b"\x01\x90{}")]) == [Terminal(400, b"{}")]


def test_the_largest_frame_passes_and_a_larger_one_is_refused_by_its_length_alone() -> None:
    whole = encode_message(Message(bytes(MAX_BODY_BYTES)))
    assert len(whole) == 3 + (2 << 20)
    (found,) = decoded([whole])
    assert isinstance(found, Message)
    assert len(found.body) == MAX_BODY_BYTES
    with pytest.raises(ValueError, match="at most"):
        encode_message(Message(bytes(MAX_BODY_BYTES + 1)))
    with pytest.raises(ValueError, match="at most"):
        encode_terminal(Terminal(500, bytes(MAX_BODY_BYTES - 1)))
    with pytest.raises(Malformed, match="2097153"):
        list(FrameDecoder().feed(((2 << 20) + 1).to_bytes(3, "big")))


def test_a_body_that_compression_makes_larger_is_sent_as_it_is() -> None:
    noise = b"".join(sha256(number.to_bytes(4, "big")).digest() for number in range(64))
    assert encode_message(Message(noise), Compression.GZIP)[3] == 0
    assert encode_message(Message(noise), Compression.ZSTD)[3] == 0


def zstd_of_unknown_size(body: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return compressor.compress(body) + compressor.flush()


BOMB = 64 << 20


@pytest.mark.parametrize("size", [BOMB, MAX_BODY_BYTES + 1], ids=["much", "by a byte"])
@pytest.mark.parametrize(
    ("flag", "compress"),
    [
        (0b0010_0000, zstandard.compress),
        (0b0010_0000, zstd_of_unknown_size),
        (0b0100_0000, gzip.compress),
    ],
    ids=["zstd", "zstd of unknown size", "gzip"],
)
def test_a_decompression_bomb_is_refused_within_bounded_memory(
    flag: int, compress: Callable[[bytes], bytes], size: int
) -> None:
    body = compress(bytes(size))  # here, not where tests are collected: every worker does that
    assert len(body) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(Malformed) as caught:
            decoded([frame(flag, body)])
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.code == "bad_frame"


@pytest.mark.parametrize(
    ("flag", "body"),
    [
        (0b0010_0000, zstandard.compress(bytes(MAX_BODY_BYTES))),
        (0b0010_0000, zstd_of_unknown_size(bytes(MAX_BODY_BYTES))),
        (0b0100_0000, gzip.compress(bytes(MAX_BODY_BYTES), mtime=0)),
        (0b0010_0000, zstandard.compress(b"")),
        (0b0100_0000, gzip.compress(b"", mtime=0)),
    ],
)
def test_what_just_fits_once_decompressed_passes(flag: int, body: bytes) -> None:
    (found,) = decoded([frame(flag, body)])
    assert isinstance(found, Message)
    assert len(found.body) in (0, MAX_BODY_BYTES)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x00\x00\x00", "this one has 0"),
        (frame(0b0110_0000, b"x"), "3 is not a valid Compression"),
        (frame(0b0010_0000, b"x"), "Zstandard"),
        (frame(0b0010_0000, zstandard.compress(b"x" * 99)[:-1]), "Zstandard"),
        (frame(0b0010_0000, zstandard.compress(b"x" * 99) + b"x"), "Zstandard"),
        (frame(0b0010_0000, zstd_of_unknown_size(b"x" * 99)[:-1]), "Zstandard"),
        (frame(0b0010_0000, zstd_of_unknown_size(b"x" * 99) + b"x"), "Zstandard"),
        (frame(0b0100_0000, b"x"), "gzip"),
        (frame(0b0100_0000, gzip.compress(b"x", mtime=0)[:-1]), "does not end"),
        (frame(0b0100_0000, gzip.compress(b"x", mtime=0) + b"x"), "does not end"),
        (frame(0b1000_0000, b""), "status"),
        (frame(0b1000_0000, b"\x01"), "status"),
        (frame(0b1000_0000, b"\x01\x90") + b"x", "follow"),
        (frame(0, b"x")[:-1], "within a frame"),
        (b"\x00", "within a frame"),
    ],
)
def test_a_malformed_frame_is_refused_with_what_is_wrong(data: bytes, words: str) -> None:
    for chunks in ([data], [bytes([byte]) for byte in data]):
        with pytest.raises(Malformed, match=words) as caught:
            decoded(chunks)
        assert caught.value.code == "bad_frame"


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(st.tuples(MESSAGES, st.sampled_from(Compression)), min_size=1, max_size=3), TERMINALS)
def test_damage_is_bad_frame_or_other_frames_and_the_same_for_every_cut(
    data: st.DataObject, messages: list[tuple[Message, Compression]], terminal: Terminal
) -> None:
    whole = data.draw(drawn.damaged(b"".join(encode_message(*one) for one in messages) + encode_terminal(terminal)))
    found = _survived([whole])
    assert found[1] in ("", "bad_frame")
    assert _survived(data.draw(drawn.cut(whole))) == found


def _survived(chunks: list[bytes]) -> tuple[list[Frame], str]:
    decoder = FrameDecoder()
    frames: list[Frame] = []
    try:
        for chunk in chunks:
            frames.extend(decoder.feed(chunk))  # keeps what came before the exception
        decoder.close()
    except Malformed as error:
        return frames, error.code
    return frames, ""
