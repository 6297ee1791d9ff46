"""Hostile input on a real socket: always a clear refusal, the state untouched, the server alive.

Each example is judged by the stream itself, read back whole over another connection, and by the answer: a refusal
is a 4xx with a code of the server's table. The exception is bytes that are no HTTP: there hyper, below us, refuses.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fencepost.harness.s2 import Append, Record, protobuf
from fencepost.harness.s2.errors import Malformed
from tests.s2 import drawn
from tests.server.victim import MAX_BODY, PATH, VALID, Victim, relentless

from .processes import Connection

not_strings = st.one_of(st.none(), st.booleans(), st.integers(), st.lists(st.text(max_size=3), max_size=2))
not_u64 = st.one_of(
    st.integers(max_value=-1),
    st.integers(min_value=1 << 64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=1),
)
not_lists = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.dictionaries(st.text(), st.none())
)
unknown_fields = st.text(max_size=12).filter(
    lambda name: name not in ("records", "match_seq_num", "fencing_token", "body", "headers", "timestamp")
)
wrong_headers = st.one_of(
    not_lists,
    st.lists(st.one_of(not_lists, st.lists(st.text(max_size=2)).filter(lambda pair: len(pair) != 2)), min_size=1),
    st.just([["", "no-such-command"]]),
    st.just([["", "fence"], ["a", "b"]]),
    st.just([["a", "b"], ["", "fence"]]),
    st.just([["", ""]]),
    st.just([["", "FENCE"]]),
)
bad_commands = st.one_of(
    st.text(alphabet="aé€😀", min_size=37, max_size=80).map(lambda token: {"headers": [["", "fence"]], "body": token}),
    st.text(alphabet="ab", max_size=20)
    .filter(lambda body: len(body) != 8)
    .map(lambda body: {"headers": [["", "trim"]], "body": body}),
)


@st.composite
def wrong_records(draw: st.DrawFn) -> Any:
    """A record with exactly one thing wrong."""
    record = {"body": draw(st.text(max_size=5))}
    match draw(st.integers(0, 5)):
        case 0:
            return draw(st.one_of(not_lists.filter(lambda value: not isinstance(value, dict)), st.lists(st.none())))
        case 1:
            return {**record, draw(unknown_fields): draw(not_strings)}
        case 2:
            return {**record, "body": draw(not_strings)}
        case 3:
            return {**record, "headers": draw(wrong_headers)}
        case 4:
            return {**record, "timestamp": draw(not_u64)}
        case _:
            return draw(bad_commands)


@st.composite
def wrong_appends(draw: st.DrawFn) -> Any:
    """The body of an append with exactly one thing wrong; without that it would be taken."""
    good = {"records": draw(st.lists(st.fixed_dictionaries({"body": st.text(max_size=3)}), min_size=1, max_size=3))}
    match draw(st.integers(0, 7)):
        case 0:
            return draw(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.none())))
        case 1:
            return {**good, draw(unknown_fields): draw(not_strings)}
        case 2:
            return {**good, "records": draw(not_lists)}
        case 3:
            return {**good, "records": draw(st.sampled_from([[], [{}] * 1001]))}
        case 4:
            return {**good, "match_seq_num": draw(not_u64)}
        case 5:
            return {**good, "fencing_token": draw(st.one_of(st.booleans(), st.integers(), st.text(min_size=37)))}
        case 6:
            return {"fencing_token": "", "match_seq_num": 1}
        case _:
            wrong = draw(wrong_records())
            records = good["records"]
            records.insert(draw(st.integers(0, len(records))), wrong)
            return {"records": records}


@relentless(300)
@given(body=wrong_appends())
def test_a_wrong_append_is_refused(victim: Victim, http: Connection, body: Any) -> None:
    victim.expect_refusal(http.request("POST", PATH, json.dumps(body).encode()))
    victim.expect_untouched()


# ---------------------------------------------------------------- appends that are not JSON


@st.composite
def broken_json(draw: st.DrawFn) -> bytes:
    """A valid append, cut short or with bytes put in that make it none (a backslash before its w, v or x, say)."""
    text = json.dumps(VALID, separators=(",", ":")).encode()
    place = draw(st.integers(0, len(text) - 1))
    if draw(st.booleans()):
        return text[:place]
    intruder = draw(st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\x1f", b'"', b"\\", b"\xf8"]))
    return text[:place] + intruder + text[place:]


@relentless(200)
@given(body=broken_json())
def test_broken_json_is_refused(victim: Victim, http: Connection, body: bytes) -> None:
    victim.expect_refusal(http.request("POST", PATH, body))
    victim.expect_untouched()


@relentless(100)
@given(body=st.binary(max_size=200), form=st.sampled_from(["raw", "base64"]))
def test_any_bytes_are_refused(victim: Victim, http: Connection, body: bytes, form: str) -> None:
    victim.expect_refusal(http.request("POST", PATH, body, {"s2-format": form}))
    victim.expect_untouched()


not_base64 = st.text(min_size=1, max_size=12).filter(lambda text: not _is_base64(text))


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


@relentless(100)
@given(text=not_base64, place=st.integers(0, 2))
def test_broken_base64_is_refused(victim: Victim, http: Connection, text: str, place: int) -> None:
    record = [{"body": text}, {"headers": [[text, "QQ=="]]}, {"headers": [["QQ==", text]]}][place]
    victim.expect_refusal(http.request("POST", PATH, {"records": [record]}, {"s2-format": "base64"}))
    victim.expect_untouched()


# ---------------------------------------------------------------- protobuf

REFUSED = b"\x1a\x0dno such token"
"""A field of an append, which refuses it."""
APPEND = protobuf.encode_append(Append((Record(b"body", ((b"name", b"value"),), 7), Record(b"x")), 1))


def _token(body: bytes) -> str | None:
    """The fencing token of an append that can be read; of any other the one that refuses."""
    try:
        return protobuf.decode_append(body).fencing_token
    except Malformed:
        return "no such token"


@relentless(150)
@given(st.one_of(st.binary(max_size=40), drawn.damaged(APPEND)))
def test_any_protobuf_is_refused_or_keeps_its_condition(victim: Victim, http: Connection, body: bytes) -> None:
    """Whatever is before and after it, an append with a wrong token is not applied.

    A body that swallows the token's field, or sets the token again behind it, is a different append: it is left out.
    """
    for sent in (REFUSED + body, body + REFUSED):
        if _token(sent) != "no such token":
            continue
        answer = http.request("POST", PATH, sent, {"content-type": "application/protobuf"})
        if answer.status != 412:
            victim.expect_refusal(answer)
            assert answer.code in ("bad_proto", "invalid")
    victim.expect_untouched()


@pytest.mark.parametrize("end", range(len(REFUSED + APPEND)))
def test_protobuf_that_is_cut_short_is_refused(victim: Victim, http: Connection, end: int) -> None:
    answer = http.request("POST", PATH, (REFUSED + APPEND)[:end], {"content-type": "application/protobuf"})
    if answer.status != 412:
        victim.expect_refusal(answer)
        assert answer.code in ("bad_proto", "invalid")
    victim.expect_untouched()


def test_millions_of_empty_messages_are_refused(victim: Victim, http: Connection) -> None:
    """They compress to a kilobyte, and would be half a gigabyte of objects."""
    records = b"\x0a\x00" * (MAX_BODY // 2)
    headers = b"\x0a" + b"\x80\x80\x80\x03" + b"\x12\x00" * (3 << 20)  # of one record, 6 MiB long
    for body in (records, headers):
        head = {"content-type": "application/protobuf", "content-encoding": "zstd"}
        answer = http.request("POST", PATH, zstandard.compress(body), head)
        victim.expect_refusal(answer)
        assert answer.code == "invalid"
    victim.expect_untouched()
