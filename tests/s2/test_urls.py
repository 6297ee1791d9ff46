"""Names in paths, and queries."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fencepost.harness.s2 import Read, urls
from fencepost.harness.s2.errors import Malformed

from . import drawn


@settings(max_examples=100, deadline=None)
@given(drawn.reads)
@example(Read())
def test_a_read_comes_back_from_its_query(call: Read) -> None:
    assert urls.decode_read(urls.encode_read(call).removeprefix(b"?")) == call


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), drawn.u64)
def test_a_list_comes_back_from_its_query(prefix: str, start_after: str, limit: int) -> None:
    query = urls.encode_list(prefix, start_after, limit)
    assert urls.decode_list(query.removeprefix(b"?")) == (prefix, start_after, limit)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=20))
@example(".")
@example("..")
@example("a/b?c#d%2F é\n")
def test_a_name_comes_back_from_its_segment_which_stays_one(name: str) -> None:
    segment = urls.encode_name(name)
    assert urls.decode_name(segment) == name
    assert not set(segment) & set(b"/?# ")
    assert segment not in (b".", b"..")


@pytest.mark.parametrize(
    "query", [b"seq_num=1&seq_num=2", b"sequ=1", b"seq_num=", b"seq_num=-1", b"clamp=yes", b"\xff"]
)
def test_a_malformed_query_is_refused(query: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        urls.decode_read(query)
    assert caught.value.code == "bad_query"


@settings(max_examples=200, deadline=None)
@given(st.data(), drawn.reads)
def test_damaged_queries_and_names_are_decoded_or_malformed(data: st.DataObject, call: Read) -> None:
    damaged = data.draw(drawn.damaged(urls.encode_read(call)))
    with suppress(Malformed):
        urls.decode_read(damaged)
    with suppress(Malformed):
        urls.decode_name(damaged)
