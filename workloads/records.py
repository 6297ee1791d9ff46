"""Makes records that are unique in a run, and batches of them.

A history identifies a record by its content, so no two records of a run may be equal. A client that tries again must
therefore send new records. A body begins with a readable identity: ``t3-17.2`` is the third record in the batch of
operation 17 of thread 3. A space and padding follow; the identity determines where the padding begins in a fixed text.
Each thread numbers its operations across all its streams and processes.
"""

from __future__ import annotations

from random import Random
from typing import Final
from zlib import crc32

from fencepost.harness.s2 import Headers, Record

from .choice import Weighted, small

_BATCH: Final = 15

# The minimum and maximum size of a body, in bytes. A body is never shorter than its identity.
_SIZES: Final = Weighted(
    [(30.0, (0, 24)), (40.0, (24, 80)), (20.0, (80, 400)), (9.0, (400, 4096)), (0.2, (4096, 64 * 1024))]
)

_PERIOD: Final = 251
_TEXT: Final = bytes(32 + (7 * i) % 95 for i in range(_PERIOD)) * (64 * 1024 // _PERIOD + 2)
_BINARY: Final = bytes((7 * i) % 256 for i in range(_PERIOD)) * (64 * 1024 // _PERIOD + 2)

_HEADERS: Final[Weighted[Headers]] = Weighted(
    [
        (4.0, ((b"kind", b"order"),)),
        (2.0, ((b"kind", b"order"), (b"trace", b"00-4bf92f3577b34da6-01"))),
        (1.0, ((b"flag", b""),)),
        (1.0, ((b"twice", b"a"), (b"twice", b"b"))),
        (1.0, (("größe".encode(), "ж".encode()),)),
        (1.0, ((b"bytes", b"\x00\xff\xfe"),)),
        # A header named like a command. The record is ordinary: only an *empty* header name makes a command.
        (1.0, ((b"fence", b"fence"),)),
    ]
)


def identity(thread: int, operation: int) -> str:
    """Return the identity of a thread's operation. The records of its batch add ``.0``, ``.1``, …"""
    return f"t{thread}-{operation}"


def record(name: str, random: Random) -> Record:
    """Return a record whose body begins with ``name``. Most bodies have a few bytes to a few KiB, some up to 64 KiB.

    About one record in ten has headers, and one in ten is not valid UTF-8.
    """
    begin = f"{name} ".encode()
    (low, high), within = _SIZES.split(random)
    padding = max(0, low + int(within * (high - low)) - len(begin))
    offset = crc32(begin) % _PERIOD
    kind = random.random()
    block = _BINARY if kind < 0.1 else _TEXT
    # One in ten of the binary records has headers, and one in ten of the text records.
    headers = _HEADERS.draw(random) if 0.09 <= kind < 0.19 else ()
    return Record(begin + block[offset : offset + padding], headers)


def batch(name: str, random: Random, most: int = _BATCH) -> tuple[Record, ...]:
    """Return 1 to ``most`` records (few more often than many) with the identities ``name.0``, ``name.1``, …"""
    return tuple([record(f"{name}.{index}", random) for index in range(small(most, random))])
