"""Encrypted streams of the service: what is under a key, which keys are refused, and that all else is as without."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.s2 import Append, Batch, CheckTail, Read, Record, SequencedRecord, metered_size
from fencepost.harness.s2.limits import MAX_BATCH_BYTES
from fencepost.harness.server.encryption import EncryptionKey, Sealer, sealed_metered_size
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.values import BasinConfig, BasinReconfiguration, Cipher
from fencepost.harness.world.randomness import SystemRandomness

from .services import AT, BASIN, STREAM, fence, one, refused, serving, soon
from .storages import DATA, simulated, stored
from .test_power_loss import survive_all

CIPHERS = pytest.mark.parametrize("cipher", Cipher, ids=lambda cipher: cipher.value)
FRESH = SystemRandomness(0).fresh
START = Read(seq_num=0)


def key(number: int = 1, size: int = 32) -> EncryptionKey:
    return EncryptionKey(b64encode(bytes([number]) * size).decode())


@asynccontextmanager
async def encrypting(cipher: Cipher, storage: Any = None, **options: Any) -> AsyncIterator[Service]:
    """A service with an encrypted stream."""
    async with serving(storage, stream=False, **options) as service:
        await service.ensure_basin(BASIN, BasinConfig(stream_cipher=cipher))
        await service.ensure_stream(*AT)
        yield service


def bodies(batch: Batch) -> list[bytes]:
    return [record.body for record in batch.records]


async def frames(service: Service, query: Read, under: EncryptionKey | None) -> list[Batch]:
    async with aclosing(await service.read_session(*AT, query, key=under)) as session:
        return [frame async for frame in session]


names = st.binary(min_size=1, max_size=9)
records = st.builds(Record, st.binary(max_size=99), st.lists(st.tuples(names, st.binary(max_size=9))).map(tuple))


@CIPHERS
@settings(max_examples=30)
@given(batch=st.lists(records, min_size=1, max_size=5).map(tuple))
def test_what_is_sealed_opens_under_its_key_in_its_stream_only(cipher: Cipher, batch: tuple[Record, ...]) -> None:
    sealed = Sealer(cipher, key(), 7, FRESH).sealed(Append(batch, match_seq_num=3))
    assert sealed.match_seq_num == 3
    assert list(map(sealed_metered_size, sealed.records)) == list(map(metered_size, batch))
    stored = Batch(tuple(SequencedRecord(9, 1, record.headers, record.body) for record in sealed.records))
    found = Sealer(cipher, key(), 7, FRESH).opened(stored)
    assert [(record.headers, record.body) for record in found.records] == [
        (record.headers, record.body) for record in batch
    ]
    for stranger in (Sealer(cipher, key(2), 7, FRESH), Sealer(cipher, key(), 8, FRESH)):
        with pytest.raises(ServiceError, match="decryption_failed"):
            stranger.opened(stored)
    for cut in (0, 3, 20, len(stored.records[0].body) - 1):
        damaged = Batch((SequencedRecord(9, 1, (), stored.records[0].body[:cut]),))
        with pytest.raises(ServiceError, match="seq_num 9"):
            Sealer(cipher, key(), 7, FRESH).opened(damaged)


def test_equal_records_do_not_look_equal() -> None:
    sealer = Sealer(Cipher.AES_256_GCM, key(), 7, FRESH)
    sealed = sealer.sealed(Append((Record(b"same"),) * 100)).records
    assert len({record.body[4:16] for record in sealed}) == 100, "a nonce was used twice"


@CIPHERS
async def test_a_stream_works_as_without_a_cipher(cipher: Cipher) -> None:
    async with encrypting(cipher) as service:
        info = (await service.list_streams(BASIN))[0][0]
        assert info.cipher is cipher
        ack = await service.perform(*AT, one(b"a", match_seq_num=0), key=key())
        assert (ack.start.seq_num, ack.tail.seq_num) == (0, 1)
        await service.perform(*AT, fence("t", fencing_token=""), key=key())
        session = await service.append_session(*AT, key=key())

        async def batches() -> AsyncGenerator[Append, None]:
            yield one(b"b", fencing_token="t")
            yield Append((Record(b"c", ((b"name", b"value"),), 5),))

        async with aclosing(session.acks(batches())) as groups:
            assert [ack.start.seq_num async for group in groups for ack in group] == [2, 3]
        with pytest.raises(StateMismatch) as mismatch:
            await service.perform(*AT, one(b"late", fencing_token="old"), key=key())
        assert mismatch.value.value == "t"
        everything = await service.perform(*AT, START, key=key())
        assert bodies(everything) == [b"a", b"t", b"b", b"c"]
        assert everything.records[3].headers == ((b"name", b"value"),)
        assert everything.records[1].headers == ((b"", b"fence"),)
        whole = await soon(frames(service, Read(seq_num=0, count=9, wait=0), key()))
        assert [record for frame in whole for record in frame.records] == list(everything.records)
        await service.perform(*AT, Append((Record.trim(3),)), key=key())
        assert bodies(await service.perform(*AT, START, key=key()))[0] == b"c"


@CIPHERS
async def test_each_record_is_under_the_key_that_it_came_with(cipher: Cipher) -> None:
    async with encrypting(cipher) as service:
        await service.perform(*AT, one(b"first"), key=key(1))
        await service.perform(*AT, fence("t"), key=key(3))
        await service.perform(*AT, one(b"second"), key=key(2))
        assert bodies(await service.perform(*AT, Read(seq_num=0, count=2), key=key(1))) == [b"first", b"t"]
        assert bodies(await service.perform(*AT, Read(seq_num=1), key=key(2))) == [b"t", b"second"]
        assert await refused(service.perform(*AT, START, key=key(1))) == (400, "decryption_failed")
        assert await refused(frames(service, Read(seq_num=0, wait=0, count=9), key(1))) == (400, "decryption_failed")
        tail = await service.perform(*AT, CheckTail())
        assert tail.tail.seq_num == 3, "a tail needs no key"


@CIPHERS
@pytest.mark.parametrize(
    "wrong",
    [None, key(size=31), key(size=33), EncryptionKey("not Base64!"), EncryptionKey("AAA"), EncryptionKey("é" * 44)],
    ids=["none", "short", "long", "no Base64", "no padding", "no ASCII"],
)
async def test_a_missing_or_impossible_key_is_refused_and_changes_nothing(
    cipher: Cipher, wrong: EncryptionKey | None
) -> None:
    async with encrypting(cipher) as service:
        await service.reconfigure_basin(BASIN, BasinReconfiguration(True, True))
        for stream in (STREAM, "made-by-itself"):
            assert await refused(service.perform(BASIN, stream, one(), key=wrong)) == (400, "bad_header")
            assert await refused(service.perform(BASIN, stream, START, key=wrong)) == (400, "bad_header")
            assert await refused(service.append_session(BASIN, stream, key=wrong)) == (400, "bad_header")
            assert await refused(service.read_session(BASIN, stream, START, key=wrong)) == (400, "bad_header")
        assert [row.name for row in (await service.list_streams(BASIN))[0]] == [STREAM]
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 0
        await service.perform(BASIN, "made-by-itself", one(), key=key())
        assert (await service.list_streams(BASIN))[0][0].cipher is cipher


async def test_a_stream_without_a_cipher_ignores_keys() -> None:
    async with serving() as service:
        await service.perform(*AT, one(b"plain"), key=EncryptionKey("anything"))
        assert bodies(await service.perform(*AT, START)) == [b"plain"]


@pytest.mark.parametrize("length", [0, 45])
def test_a_key_is_as_long_as_a_key_can_be(length: int) -> None:
    with pytest.raises(ServiceError, match="bad_header") as error:
        EncryptionKey(" " + "A" * length + "\n")
    assert "AAA" not in str(error.value)


@CIPHERS
async def test_limits_and_bounds_count_the_plaintext(cipher: Cipher) -> None:
    async with encrypting(cipher) as service:
        await service.perform(*AT, one(bytes(MAX_BATCH_BYTES - 8)), key=key())
        assert await refused(service.perform(*AT, one(bytes(MAX_BATCH_BYTES - 7)), key=key())) == (422, "invalid")
        for _ in range(4):
            await service.perform(*AT, one(b"x" * 12), key=key())  # 20 metered bytes
        assert len((await service.perform(*AT, START, key=key())).records) == 1, "the first fills the answer"
        assert len((await service.perform(*AT, Read(seq_num=1, bytes=59), key=key())).records) == 2
        bounded = await soon(frames(service, Read(seq_num=1, bytes=60), key()))
        assert [len(frame.records) for frame in bounded] == [3]


@CIPHERS
async def test_the_cipher_is_for_life_and_the_basins_is_for_new_streams(cipher: Cipher) -> None:
    disk = simulated(seed=1)
    async with encrypting(cipher, stored(DATA, disk, 2000)) as service:
        await service.reconfigure_basin(BASIN, BasinReconfiguration(create_stream_on_read=True))
        assert (await service.get_basin(BASIN)).stream_cipher is cipher
        await service.reconfigure_basin(BASIN, BasinReconfiguration(stream_cipher=None))
        await service.create_stream(BASIN, "plain")
        for number in range(30):
            await service.perform(*AT, one(b"%d" % number * 50), key=key())
        await service.ensure_stream(*AT)
    async with serving(stored(DATA, disk.lose_power(), 2000), stream=False) as service:
        assert {row.name: row.cipher for row in (await service.list_streams(BASIN))[0]} == {
            STREAM: cipher,
            "plain": None,
        }
        assert bodies(await service.perform(*AT, START, key=key())) == [b"%d" % number * 50 for number in range(30)]
        assert await refused(service.perform(*AT, START, key=key(2))) == (400, "decryption_failed")
        await service.perform(BASIN, "plain", one())


@CIPHERS
async def test_crashes_and_losses_of_power_take_nothing_back(cipher: Cipher) -> None:
    await survive_all(range(1000, 1008), "failed syncs", cipher)


def test_a_server_that_encrypts_nothing_loads_no_cryptography() -> None:
    code = """
import asyncio, sys
from tests.server.services import AT, one, serving
async def main():
    async with serving() as service:
        await service.perform(*AT, one())
asyncio.run(main())
print({"cryptography", "nacl"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
