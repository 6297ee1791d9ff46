"""The format of the journal's segments.

A *segment* is a file: a header, then frames. A *frame* is a group of entries that were written and synced together, and
it is whole or it is not there.

    header  = magic (8 bytes) · version (u16) · salt (8 bytes) · number of the segment (u64) · size at which the
              segment before it ended (u64) · crc32 of these (u32)
    frame   = marker (4 bytes) · length (u32) · offset (u64) · crc32 of the payload (u32) · crc32 of the salt and
              these (u32) · payload (length bytes: MessagePack, an array of entries)

Numbers are little-endian. The offset is the frame's own: a frame that is sound but in another place shows that the
file has lost or gained something before it. The salt is random, so that no bytes that a client sends, and no frame of
another segment, can pass for a frame here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

MAGIC: Final = b"fncpost\x00"
VERSION: Final = 2
_HEADER: Final = struct.Struct("<8sH8sQQI")
_MARKER: Final = b"\xf5FRM"
_FRAME: Final = struct.Struct("<4sIQII")
HEADER_BYTES: Final = _HEADER.size
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class StorageError(Exception):
    """The journal cannot be used, or no longer. The text names the file and, where there is one, the offset."""


class NoSpaceError(StorageError):
    """The disk is full. The storage holds what it held before, and a later write may succeed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A group of entries as recovery finds it: in which segment, and the offset in its file at which it ends."""

    entries: list[bytes]
    segment: int
    end: int


def seed_of(salt: bytes) -> int:
    """Return what the checksums of a segment's frames begin with."""
    return zlib.crc32(salt)


def encode_header(salt: bytes, number: int, size_before: int) -> bytes:
    """Return the header of a segment; ``size_before`` is the size (bytes) of the segment before it, 0 if none."""
    body = _HEADER.pack(MAGIC, VERSION, salt, number, size_before, 0)[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def encode_frame(entries: Sequence[bytes], offset: int, seed: int) -> bytes:
    """Return the frame of a group at an offset (bytes) of a segment with this seed."""
    payload = _encode(entries)
    head = _FRAME.pack(_MARKER, len(payload), offset, zlib.crc32(payload), 0)[:-4]
    return head + zlib.crc32(head, seed).to_bytes(4, "little") + payload


class Segment:
    """The contents of a segment. Raises StorageError where it is none."""

    def __init__(self, path: Path, number: int, content: bytes) -> None:
        self.path = path
        self.content = content
        header = content[: _HEADER.size]
        if not header.startswith(MAGIC) or len(header) < _HEADER.size:
            raise StorageError(f"{path}: offset 0: this is no segment of a journal (its header is not there)")
        _, version, salt, self.number, self.size_before, crc = _HEADER.unpack(header)
        if crc != zlib.crc32(header[:-4]):
            raise StorageError(f"{path}: offset 0: the header is damaged; restore the file from a copy")
        if version != VERSION:
            raise StorageError(f"{path}: offset 8: this is in format {version}; this server reads {VERSION}")
        if self.number != number:
            raise StorageError(f"{path}: offset 18: this is segment {self.number} under another name")
        self.seed = zlib.crc32(salt)

    def frames(self, *, torn_end: bool) -> Iterator[Frame]:
        """Go through the frames. With ``torn_end`` the last may be torn, and is then left out.

        Raises StorageError where there is any other damage.
        """
        offset = _HEADER.size
        while offset < len(self.content):
            sound = self._sound(offset)
            if sound is None or sound[0] != offset:
                self._refuse_unless_torn(offset, torn_end)
                return
            payload = sound[1]
            end = offset + _FRAME.size + len(payload)
            try:
                entries = _decode(payload)
            except msgspec.MsgspecError as error:
                raise StorageError(f"{self.path}: offset {offset}: the frame holds no entries: {error}") from error
            yield Frame(entries, self.number, end)
            offset = end

    def _sound(self, place: int) -> tuple[int, bytes] | None:
        """The offset and the payload that a frame at ``place`` states; None where there is no whole and sound one."""
        start = place + _FRAME.size
        if start > len(self.content):
            return None
        _, length, offset, payload_crc, head_crc = _FRAME.unpack_from(self.content, place)
        if head_crc != zlib.crc32(self.content[place : start - 4], self.seed) or start + length > len(self.content):
            return None
        payload = self.content[start : start + length]
        return (offset, payload) if payload_crc == zlib.crc32(payload) else None

    def _refuse_unless_torn(self, offset: int, torn_end: bool) -> None:
        """A torn write is the last thing in a file: after it there is no sound frame, of this place or another."""
        if not torn_end:
            raise StorageError(
                f"{self.path}: offset {offset}: there is no sound frame here, yet the segment was finished; "
                "restore the file from a copy"
            )
        place = self.content.find(_MARKER, offset)
        while place >= 0:
            if self._sound(place) is not None:
                raise StorageError(
                    f"{self.path}: offset {offset}: there is no sound frame here, yet there is one at {place}; "
                    "this is no torn write: restore the file from a copy"
                )
            place = self.content.find(_MARKER, place + 1)
