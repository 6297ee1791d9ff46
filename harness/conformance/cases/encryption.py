"""Encryption: P9."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import pytest

from ...s2 import Record, json_codec
from .. import Reply, Stream, clause, refused
from ..place import Basins
from ..stream import Given, ack_of, append_of, batch_of
from .conditions import mismatch

CIPHERS = ("aegis-256", "aes-256-gcm")


def key(content: bytes) -> dict[str, str]:
    """Return the header with a key."""
    return {"s2-encryption-key": b64encode(content).decode()}


KEY, OTHER = key(bytes(range(32))), key(bytes(range(1, 33)))


async def encrypted(basins: Basins, cipher: str) -> Stream:
    """Return a new stream with this cipher."""
    return await (await basins.created(stream_cipher=cipher)).created()


async def append(stream: Stream, headers: Mapping[str, str], *records: Given, token: str | None = None) -> Reply:
    """Return the answer to an append with these headers."""
    body = json_codec.encode(append_of(*records, fencing_token=token))
    return await stream.post(body, "application/json", headers)


@clause("P9", "Appends and reads of such a stream carry a key, 32 bytes in Base64, in s2-encryption-key.")
@pytest.mark.parametrize("cipher", CIPHERS)
async def test_records_under_a_key(basins: Basins, cipher: str) -> None:
    """What is appended under a key is read under it, and metered as if it were plain."""
    stream = await encrypted(basins, cipher)
    ack_of(await append(stream, KEY, Record(b"secret", ((b"name", b"value"),)), "more"))
    found = batch_of(await stream.read(KEY, seq_num=0)).records
    assert [(record.headers, record.body) for record in found] == [(((b"name", b"value"),), b"secret"), ((), b"more")]
    size = 8 + 2 + len("namevalue") + len("secret")
    assert len(batch_of(await stream.read(KEY, seq_num=0, bytes=size)).records) == 1
    assert len(batch_of(await stream.read(KEY, seq_num=0, bytes=size - 1)).records) == 0


@clause("P9", "Without a usable one they are 400 bad_header.", "negative")
@pytest.mark.parametrize("cipher", CIPHERS)
async def test_no_usable_key(basins: Basins, cipher: str) -> None:
    """Without a key, and with one that is too short, too long or no Base64, nothing is appended or read."""
    stream = await encrypted(basins, cipher)
    ack_of(await append(stream, KEY, "secret"))
    for wrong in ({}, key(bytes(31)), key(bytes(33)), {"s2-encryption-key": "no key"}):
        refused(await append(stream, wrong, "x"), 400, "bad_header")
        refused(await stream.read(wrong, seq_num=0), 400, "bad_header")
    assert (await stream.tail()).seq_num == 1


@clause("P9", "A read of a record that was appended under another key is 400 decryption_failed.", "negative")
@pytest.mark.parametrize("cipher", CIPHERS)
async def test_another_key(basins: Basins, cipher: str) -> None:
    """A record is not read under another key."""
    stream = await encrypted(basins, cipher)
    ack_of(await append(stream, KEY, "secret"))
    refused(await stream.read(OTHER, seq_num=0), 400, "decryption_failed")


@clause("P9", "Fences and trims act whatever the key, a check-tail needs none", "boundary")
@pytest.mark.parametrize("cipher", CIPHERS)
async def test_what_needs_no_key(basins: Basins, cipher: str) -> None:
    """A fence under one key binds appends under another, and the tail is no secret."""
    stream = await encrypted(basins, cipher)
    ack_of(await append(stream, KEY, Record.fence("one")))
    mismatch(await append(stream, OTHER, "x", token="two"), fencing_token_mismatch="one")
    ack_of(await append(stream, OTHER, "x", token="one"))
    assert (await stream.tail()).seq_num == 2


@clause("P9", "A stream without a cipher ignores keys.", "boundary")
async def test_a_stream_without_a_cipher(stream: Stream) -> None:
    """Where nothing is encrypted, a key changes nothing."""
    ack_of(await append(stream, KEY, "plain"))
    assert [record.body for record in await stream.records(seq_num=0)] == [b"plain"]
    assert [record.body for record in batch_of(await stream.read(OTHER, seq_num=0)).records] == [b"plain"]
