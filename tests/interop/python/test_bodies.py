"""Compression and encryption of what is sent and answered, unary and in sessions."""

from __future__ import annotations

import asyncio
import base64
import os

import pytest
from clients import batch, client, fresh, refused
from endpoint import Endpoint
from s2_sdk import (
    S2,
    AppendInput,
    BasinConfig,
    CommandRecord,
    Compression,
    Encryption,
    ReadLimit,
    S2Stream,
    SeqNum,
)

BODIES = [b"compressible " * 1_000, b"small", os.urandom(5_000), b""]
CIPHERS = list(Encryption)
KEY = bytes(range(32))


async def read_unary(stream: S2Stream) -> list[bytes]:
    return [one.body for one in (await stream.read(start=SeqNum(0))).records]


async def read_in_session(stream: S2Stream, count: int) -> list[bytes]:
    async with stream.read_session(start=SeqNum(0), limit=ReadLimit(count=count)) as session:
        return [one.body async for read in session for one in read.records]


async def append_in_session(stream: S2Stream, *bodies: bytes) -> None:
    async with stream.append_session() as session:
        tickets = [await session.submit(batch(body)) for body in bodies]
        assert [(await ticket).start.seq_num for ticket in tickets] == list(range(len(bodies)))


@pytest.mark.parametrize("compression", list(Compression), ids=str)
async def test_compressed(endpoint: Endpoint, compression: Compression) -> None:
    async with client(endpoint, compression=compression) as s2:
        name = fresh("basin")
        await s2.create_basin(name, config=BasinConfig(create_stream_on_append=True))
        unary, session = s2[name]["unary"], s2[name]["session"]
        await unary.append(batch(*BODIES))
        await append_in_session(session, *BODIES)
        for stream in (unary, session):
            assert await read_unary(stream) == BODIES
            assert await read_in_session(stream, len(BODIES)) == BODIES


async def test_one_client_compresses_and_another_does_not(endpoint: Endpoint) -> None:
    async with client(endpoint, compression=Compression.ZSTD) as writer, client(endpoint) as reader:
        name = fresh("basin")
        await writer.create_basin(name, config=BasinConfig(create_stream_on_append=True))
        await append_in_session(writer[name]["stream"], *BODIES)
        assert await read_in_session(reader[name]["stream"], len(BODIES)) == BODIES


@pytest.fixture(params=CIPHERS, ids=str)
async def encrypted(s2: S2, request: pytest.FixtureRequest) -> tuple[str, Encryption]:
    """A basin whose streams are encrypted."""
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(stream_cipher=request.param))
    await s2[name].create_stream("stream")
    return name, request.param


@pytest.mark.parametrize("key", [KEY, base64.b64encode(KEY).decode()], ids=["bytes", "str"])
async def test_encrypted(s2: S2, encrypted: tuple[str, Encryption], key: bytes | str) -> None:
    name, cipher = encrypted
    [info] = [one async for one in s2[name].list_all_streams()]
    assert info.cipher is cipher
    stream = s2[name].stream("stream", encryption_key=key)
    await append_in_session(stream, *BODIES)
    await stream.append(batch(*BODIES))
    assert await read_unary(stream) == BODIES * 2
    assert await read_in_session(stream, 2 * len(BODIES)) == BODIES * 2


async def test_what_is_encrypted_may_be_compressed(endpoint: Endpoint, encrypted: tuple[str, Encryption]) -> None:
    async with client(endpoint, compression=Compression.ZSTD) as s2:
        stream = s2[encrypted[0]].stream("stream", encryption_key=KEY)
        await append_in_session(stream, *BODIES)
        assert await read_unary(stream) == BODIES


async def test_a_follower_reads_what_is_encrypted(s2: S2, encrypted: tuple[str, Encryption]) -> None:
    stream = s2[encrypted[0]].stream("stream", encryption_key=KEY)
    async with stream.read_session(start=SeqNum(0)) as session, asyncio.timeout(20):
        await session.caught_up()
        await stream.append(batch(b"secret"))
        assert [one.body for one in (await anext(session)).records] == [b"secret"]


async def test_an_encrypted_stream_needs_its_key(s2: S2, encrypted: tuple[str, Encryption]) -> None:
    keyless = s2[encrypted[0]]["stream"]
    with refused(400, "bad_header"):
        await keyless.append(batch(b"x"))
    with refused(400, "bad_header"):
        await append_in_session(keyless, b"x")
    assert (await keyless.check_tail()).seq_num == 0
    await s2[encrypted[0]].stream("stream", encryption_key=KEY).append(batch(b"x"))
    with refused(400, "bad_header"):
        await read_unary(keyless)
    with refused(400, "bad_header"):
        await read_in_session(keyless, 1)


async def test_a_wrong_key_reads_nothing(s2: S2, encrypted: tuple[str, Encryption]) -> None:
    basin = s2[encrypted[0]]
    await basin.stream("stream", encryption_key=KEY).append(batch(b"x"))
    wrong = basin.stream("stream", encryption_key=bytes(32))
    with refused(400, "decryption_failed"):
        await read_unary(wrong)
    with refused(400, "decryption_failed"):
        await read_in_session(wrong, 1)


@pytest.mark.parametrize("key", [b"short", bytes(33)], ids=["short", "long"])
async def test_a_key_has_32_bytes(s2: S2, encrypted: tuple[str, Encryption], key: bytes) -> None:
    with refused(400, "bad_header"):
        await s2[encrypted[0]].stream("stream", encryption_key=key).append(batch(b"x"))


async def test_commands_work_on_encrypted_streams(s2: S2, encrypted: tuple[str, Encryption]) -> None:
    stream = s2[encrypted[0]].stream("stream", encryption_key=KEY)
    await stream.append(AppendInput([CommandRecord.fence("mine"), CommandRecord.trim(0)]))
    await stream.append(batch(b"x", fencing_token="mine"))
    with refused(412):
        await stream.append(batch(b"x", fencing_token="theirs"))
    read = (await stream.read(start=SeqNum(0))).records
    assert [one.is_command_record() for one in read] == [True, True, False]
