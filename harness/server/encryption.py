"""Encryption at rest, under keys that clients bring.

A stream has its cipher for life, and every append to it or read of it brings a key. The server keeps no key: it is
forgotten with the request or session that brought it. So one stream may have records under several keys. A read fails
if it finds one that is not under its own.

The headers and the body of a record are encrypted together, each record with its own random nonce. (Under one key,
AES-256-GCM allows for 2^32 of them.) The incarnation of the stream and the metered size are authenticated, so a record
of one stream cannot pass for one of another. Positions and timestamps stay readable, and so do command records, which
the server has to obey without a key when it starts. A *sealed* record has no headers, and the body

    metered size of the plaintext (u32, big-endian) · nonce · ciphertext with tag (of MessagePack: headers, body)
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import structs

from ..s2 import Answer, Append, Batch, Call, Headers, Record, SequencedRecord, metered_size
from .errors import ServiceError
from .values import Cipher

C = TypeVar("C", bound=Call[Any])
A = TypeVar("A", bound=Answer)
MAX_KEY_CHARACTERS: Final = 44
"""The longest key material, in Base64."""

_KEY_BYTES: Final = 32
_SIZE_BYTES: Final = 4
_Crypt: TypeAlias = Callable[[bytes, bytes, bytes], bytes]  # (nonce, text, associated data)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Headers, bytes]).decode


class EncryptionKey:
    """Key material as a client gave it. Nothing shows it: neither its repr nor the message of an error.

    Raise ServiceError ``bad_header`` if its length is out of range.
    """

    __slots__ = ("_base64",)

    def __init__(self, base64: str) -> None:
        self._base64 = base64.strip()
        if not 0 < len(self._base64) <= MAX_KEY_CHARACTERS:
            raise ServiceError(
                "bad_header",
                f"an encryption key has 1 to {MAX_KEY_CHARACTERS} characters of Base64; this one has "
                f"{len(self._base64)}",
            )

    def material(self) -> bytes:
        """Return the key itself. Raise ServiceError ``bad_header`` if this is no Base64 or has not 32 bytes."""
        try:
            key = b64decode(self._base64, validate=True)
        except ValueError:
            raise ServiceError("bad_header", "the encryption key is not valid Base64") from None
        if len(key) != _KEY_BYTES:
            raise ServiceError(
                "bad_header", f"the encryption key must have {_KEY_BYTES} bytes; this one has {len(key)}"
            )
        return key


class Sealer:
    """Encrypts and decrypts the records of one incarnation of a stream, under one key.

    ``fresh`` returns so many random bytes. Raise ServiceError ``bad_header`` if the key is missing or does not fit.
    """

    def __init__(
        self, cipher: Cipher, key: EncryptionKey | None, stream_id: int, fresh: Callable[[int], bytes]
    ) -> None:
        if key is None:
            raise ServiceError(
                "bad_header", f"the stream is encrypted with {cipher.value}: give its key in s2-encryption-key"
            )
        self._aead = _AEADS[cipher](key.material())
        self._id = stream_id.to_bytes(8, "big")
        self._fresh = fresh

    def sealed(self, call: C) -> C:
        """Return the call with its records, if any, sealed. Command records and malformed ones stay as they are."""
        if not isinstance(call, Append):
            return call
        return structs.replace(call, records=tuple(map(self._seal, call.records)))

    def opened(self, answer: A) -> A:
        """Return the answer with its records, if it has any, as they were before they were sealed.

        Raise ServiceError ``decryption_failed`` if one is under another key.
        """
        if not isinstance(answer, Batch):
            return answer
        return structs.replace(answer, records=tuple(map(self._open, answer.records)))

    def _seal(self, record: Record) -> Record:
        if not all(name for name, _ in record.headers):
            return record
        size = metered_size(record).to_bytes(_SIZE_BYTES, "big")
        nonce = self._fresh(self._aead.nonce_bytes)
        text = self._aead.encrypt(nonce, _encode((record.headers, record.body)), self._id + size)
        return Record(size + nonce + text, (), record.timestamp)

    def _open(self, record: SequencedRecord) -> SequencedRecord:
        if record.headers:
            return record
        body = record.body
        start = _SIZE_BYTES + self._aead.nonce_bytes
        nonce, associated = body[_SIZE_BYTES:start], self._id + body[:_SIZE_BYTES]
        try:
            text = self._aead.decrypt(nonce, body[start:], associated)
        except (self._aead.failure, ValueError):  # the latter if it is too short
            raise ServiceError(
                "decryption_failed", f"the encryption key is not that of the record at seq_num {record.seq_num}"
            ) from None
        headers, body = _decode(text)
        return SequencedRecord(record.seq_num, record.timestamp, headers, body)


def sealed_metered_size(record: Record | SequencedRecord) -> int:
    """Return the metered size (bytes) of a record of an encrypted stream: that of its plaintext."""
    return metered_size(record) if record.headers else int.from_bytes(record.body[:_SIZE_BYTES], "big")


class _Aead(NamedTuple):
    nonce_bytes: int
    encrypt: _Crypt
    decrypt: _Crypt
    failure: type[Exception]


# The libraries are imported by the first request that needs them: most servers never encrypt anything.


def _aes_256_gcm(key: bytes) -> _Aead:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    aead = AESGCM(key)
    return _Aead(12, aead.encrypt, aead.decrypt, InvalidTag)


def _aegis_256(key: bytes) -> _Aead:
    from nacl.bindings import crypto_aead_aegis256_decrypt, crypto_aead_aegis256_encrypt
    from nacl.exceptions import CryptoError

    def encrypt(nonce: bytes, text: bytes, associated: bytes) -> bytes:
        ciphertext: bytes = crypto_aead_aegis256_encrypt(text, associated, nonce, key)
        return ciphertext

    def decrypt(nonce: bytes, text: bytes, associated: bytes) -> bytes:
        plaintext: bytes = crypto_aead_aegis256_decrypt(text, associated, nonce, key)
        return plaintext

    return _Aead(32, encrypt, decrypt, CryptoError)


_AEADS: Final = {Cipher.AES_256_GCM: _aes_256_gcm, Cipher.AEGIS_256: _aegis_256}
