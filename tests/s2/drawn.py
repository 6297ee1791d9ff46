"""Strategies for the protocol's nouns, and for what becomes of bytes on their way."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

from fencepost.harness.s2 import Ack, Append, Batch, Position, Read, Record, SequencedRecord
from fencepost.harness.s2.limits import U64_MAX

u64 = st.one_of(st.integers(0, 300), st.integers(0, U64_MAX), st.just(U64_MAX))
positions = st.builds(Position, u64, u64)
tokens = st.text(max_size=9)  # at most 36 bytes


_Records: TypeAlias = st.SearchStrategy[Record]
_Sequenced: TypeAlias = st.SearchStrategy[SequencedRecord]


def _contents(content: st.SearchStrategy[bytes]) -> tuple[_Records, _Sequenced]:
    headers = st.lists(st.tuples(content, content), max_size=3).map(tuple)
    return (
        st.builds(Record, content, headers, st.none() | u64),
        st.builds(SequencedRecord, u64, u64, headers, content),
    )


records, sequenced = _contents(st.binary(max_size=20))
text_records, text_sequenced = _contents(st.text(max_size=20).map(str.encode))


def appends(of: _Records = records) -> st.SearchStrategy[Append]:
    return st.builds(Append, st.lists(of, max_size=4).map(tuple), st.none() | u64, st.none() | tokens)


def batches(of: _Sequenced = sequenced) -> st.SearchStrategy[Batch]:
    return st.builds(Batch, st.lists(of, max_size=4).map(tuple), st.none() | positions)


acks = st.builds(Ack, positions, positions, positions)
_parameters = [st.none() | u64 for _ in range(3)]
reads = st.builds(Read, *_parameters, st.booleans(), *[st.none() | u64 for _ in range(4)])


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in chunks of any size, empty ones among them."""
    ends = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Nearly the same bytes: some are changed, left out or put in, or the end is missing."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        match draw(st.sampled_from(("change", "remove", "insert", "cut"))):
            case "change" if at < len(found):
                found[at] = draw(st.integers(0, 255))
            case "remove":
                del found[at : at + draw(st.integers(1, 3))]
            case "insert":
                found[at:at] = draw(st.binary(min_size=1, max_size=3))
            case "cut":
                del found[at:]
    return bytes(found)
