"""The format of the journal's segments.

A *segment* is a file with a header and frames. A *frame* is a group of entries that were written and synced together.
It is stored completely or not at all.

    header  = magic (8 bytes) · version (u16) · salt (8 bytes) · number of the segment (u64) · size at which the
              segment before it ended (u64) · crc32 of these (u32)
    frame   = marker (4 bytes) · length (u32) · offset (u64) · crc32 of the payload (u32) · crc32 of the salt and
              these (u32) · payload (length bytes: MessagePack, an array of entries)

Numbers are little-endian. The offset is the frame's own, so an intact frame at another offset shows that the file has
lost or gained bytes before it. The salt is random, so neither bytes from a client nor a frame of another segment can
pass for a frame of this one.
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
VERSION: Final = 3
_HEADER: Final = struct.Struct("<8sH8sQQI")
_MARKER: Final = b"\xf5FRM"
_FRAME: Final = struct.Struct("<4sIQII")
ELSEWHERE: Final = "Choose an empty data directory, or remove this one if it is no longer needed"
"""What to do about a journal in another format."""
HEADER_BYTES: Final = _HEADER.size
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class StorageError(Exception):
    """The journal cannot be used, or not any more. The text names the file and, if there is one, the offset."""


class NoSpaceError(StorageError):
    """The disk is full. The storage is unchanged, and a later write may succeed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A group of entries found by recovery, with its segment and the offset (bytes) at which it ends there."""

    entries: list[bytes]
    segment: int
    end: int


def seed_of(salt: bytes) -> int:
    """Return the start value for the checksums of a segment's frames."""
    return zlib.crc32(salt)


def encode_header(salt: bytes, number: int, size_before: int) -> bytes:
    """Return the header of a segment. ``size_before`` is the size (bytes) of the previous segment, 0 if none."""
    body = _HEADER.pack(MAGIC, VERSION, salt, number, size_before, 0)[:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def encode_frame(entries: Sequence[bytes], offset: int, seed: int) -> bytes:
    """Return the frame of a group of entries at an offset (bytes) of a segment with this seed."""
    payload = _encode(entries)
    head = _FRAME.pack(_MARKER, len(payload), offset, zlib.crc32(payload), 0)[:-4]
    return head + zlib.crc32(head, seed).to_bytes(4, "little") + payload


class Segment:
    """The contents of a segment. Raise StorageError if it has no valid header."""

    def __init__(self, path: Path, number: int, content: bytes) -> None:
        self.path = path
        self.content = content
        header = content[: _HEADER.size]
        if not header.startswith(MAGIC) or len(header) < _HEADER.size:
            raise StorageError(f"{path}: offset 0: the file is not a segment of a journal: it has no header")
        _, version, salt, self.number, self.size_before, crc = _HEADER.unpack(header)
        if crc != zlib.crc32(header[:-4]):
            raise StorageError(f"{path}: offset 0: the header is damaged; restore the file from a copy")
        if version != VERSION:
            raise StorageError(
                f"{path}: offset 8: another version of fencepost wrote this journal, in format {version}; "
                f"this one reads format {VERSION}. {ELSEWHERE}"
            )
        if self.number != number:
            raise StorageError(f"{path}: offset 18: the file is segment {self.number} under another name")
        self.seed = zlib.crc32(salt)
        self._view = memoryview(content)

    def frames(self, *, torn_end: bool) -> Iterator[Frame]:
        """Yield the frames. With ``torn_end`` the last one may be torn, and is then left out.

        Raise StorageError for any other damage.
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

    def _sound(self, place: int) -> tuple[int, memoryview] | None:
        """Return the stated offset and the payload of the frame at ``place``, or None without an intact one there."""
        start = place + _FRAME.size
        if start > len(self.content):
            return None
        _, length, offset, payload_crc, head_crc = _FRAME.unpack_from(self.content, place)
        if head_crc != zlib.crc32(self._view[place : start - 4], self.seed) or start + length > len(self.content):
            return None
        payload = self._view[start : start + length]
        return (offset, payload) if payload_crc == zlib.crc32(payload) else None

    def _refuse_unless_torn(self, offset: int, torn_end: bool) -> None:
        """Raise StorageError unless the damage can be a torn write, which has no intact frame after it."""
        if not torn_end:
            raise StorageError(
                f"{self.path}: offset {offset}: there is no intact frame here, although the segment was finished; "
                "restore the file from a copy"
            )
        place = self.content.find(_MARKER, offset)
        while place >= 0:
            if self._sound(place) is not None:
                raise StorageError(
                    f"{self.path}: offset {offset}: there is no intact frame here, but one follows at {place}, "
                    "so this is not a torn write; restore the file from a copy"
                )
            place = self.content.find(_MARKER, place + 1)
