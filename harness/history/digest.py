"""The identity of a record's content in a history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import xxhash

from ..s2 import Record, SequencedRecord

_NO_HEADERS: Final = bytes(4)


def digest(record: Record | SequencedRecord) -> int:
    """Return the XXH3-64 hash of an unambiguous encoding of the record's headers and body.

    The encoding begins with the number of headers and prefixes every name and value with its length, so different
    contents never encode alike. It leaves timestamps out because the service may raise them. A history of n distinct
    records has two equal digests by accident with a probability of about n²/2⁶⁵.
    """
    headers = record.headers
    if not headers:
        return xxhash.xxh3_64_intdigest(_NO_HEADERS + record.body)  # the same hash in a single call
    state = xxhash.xxh3_64(len(headers).to_bytes(4, "little"))
    for name, value in headers:
        state.update(len(name).to_bytes(4, "little"))
        state.update(name)
        state.update(len(value).to_bytes(4, "little"))
        state.update(value)
    state.update(record.body)
    return state.intdigest()


def digests(records: Sequence[Record | SequencedRecord]) -> list[int]:
    """Return the digest of each record. Most have no headers: recorders spend most of their time here."""
    return [
        digest(record) if record.headers else xxhash.xxh3_64_intdigest(_NO_HEADERS + record.body) for record in records
    ]
