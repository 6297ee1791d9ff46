"""Random invocations and outcomes, as a workload and a client make them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fencepost.harness import s2
from fencepost.harness.client import outcome as outcomes
from fencepost.harness.history.events import Header, StreamState
from fencepost.harness.workload import Invocation

STREAMS = ("s", "über/zwei")

numbers = st.integers(0, 2**40) | st.just(2**62)
tokens = st.text(max_size=9)
bodies = st.binary(max_size=12)
headers = st.lists(st.tuples(st.binary(min_size=1, max_size=4), bodies), max_size=2).map(tuple)
given = st.none() | numbers


def header() -> Header:
    return Header(
        schema=1,
        version="0",
        workload="w",
        seed=1,
        started="2026-01-01T00:00:00+00:00",
        streams=[StreamState(STREAMS[0]), StreamState(STREAMS[1], 5, None)],
        unique_records=False,
    )


records = (
    st.builds(s2.Record, body=bodies, headers=headers, timestamp=given)
    | tokens.map(s2.Record.fence)
    | st.integers(0, 2**64 - 1).map(s2.Record.trim)
)
positions = st.builds(s2.Position, numbers, numbers)
appends = st.builds(
    s2.Append,
    st.lists(records, min_size=1, max_size=3).map(tuple),
    match_seq_num=given,
    fencing_token=st.none() | tokens,
)
reads = st.builds(
    s2.Read,
    seq_num=given,
    timestamp=given,
    tail_offset=given,
    clamp=st.booleans(),
    count=given,
    bytes=given,
    until=given,
    wait=given,
)
calls = appends | reads | st.just(s2.CheckTail())
invocations = st.builds(
    Invocation,
    stream=st.sampled_from(STREAMS),
    call=calls,
    thread=st.none() | st.integers(0, 9),
    purpose=st.sampled_from(("", "zombie")),
    time=given,
)


@st.composite
def sequenced(draw: st.DrawFn) -> s2.SequencedRecord:
    record = draw(records)
    return s2.SequencedRecord(draw(numbers), draw(numbers), record.headers, record.body)


def answers(call: s2.Call) -> st.SearchStrategy[Any]:
    if isinstance(call, s2.Append):
        return st.builds(s2.Ack, positions, positions, positions)
    if isinstance(call, s2.Read):
        return st.builds(s2.Batch, st.lists(sequenced(), max_size=3).map(tuple), st.none() | positions)
    return st.builds(s2.Tail, positions)


refusals = (
    st.builds(lambda n: outcomes.Definite("condition_failed", 412, {"seq_num_mismatch": n}), numbers)
    | st.builds(lambda t: outcomes.Definite("condition_failed", 412, {"fencing_token_mismatch": t}), tokens)
    | st.builds(
        lambda p: outcomes.Definite("range", 416, {"tail": {"seq_num": p.seq_num, "timestamp": p.timestamp}}), positions
    )
    | st.just(outcomes.Definite("not_sent"))
    | st.just(outcomes.Definite("invalid", 422, {"code": "invalid", "message": "…"}))
)
failures = refusals | st.just(outcomes.Indefinite("timed out")) | st.just(outcomes.Indefinite("odd", 503, {"a": [1]}))


@st.composite
def operations(draw: st.DrawFn) -> tuple[Invocation, Any]:
    """An invocation, and how it ended (None: never)."""
    invocation = draw(invocations)
    return invocation, draw(st.none() | failures | answers(invocation.call).map(outcomes.Ok))
