"""s2-porcupine's format as it is read: what each line becomes, and what is wrong with a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.history.chain_hash import chain_hash, fold
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import FOREVER, NONE, History, Kind, Outcome
from fencepost.harness.history.reader import parse_history, read_history
from fencepost.harness.history.s2_porcupine.described import UNTOLD, Failures
from fencepost.harness.history.sniffing import Format, format_of

from .journals import ODD

RECORDED = Path(__file__).parent / "recorded"
"""Recorded with the collector of s2-verification 0.4.0 from s2-lite 0.43.4."""


def append(op: int, client: int, *hashes: int, fence: str | None = None, **given: Any) -> dict[str, Any]:
    arguments = {
        "num_records": len(hashes),
        "record_hashes": list(hashes),
        "set_fencing_token": fence,
        "fencing_token": None,
        "match_seq_num": None,
    }
    return {"event": {"Start": {"Append": arguments | given}}, "client_id": client, "op_id": op}


def start(op: int, client: int, what: str) -> dict[str, Any]:
    return {"event": {"Start": what}, "client_id": client, "op_id": op}


def finish(op: int, client: int, what: str, **answer: int) -> dict[str, Any]:
    return {"event": {"Finish": {what: answer} if answer else what}, "client_id": client, "op_id": op}


def written(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def read(*lines: dict[str, Any], failures: Failures = Failures.ANY) -> History:
    return parse_history(written(*lines), "f", failures=failures)


LINES = (
    append(0, 1, 11, 12, match_seq_num=0),
    append(1, 2, 13, fence="x", fencing_token=""),
    finish(0, 1, "AppendSuccess", tail=2),
    start(2, 1, "CheckTail"),
    finish(1, 2, "AppendDefiniteFailure"),
    start(3, 2, "Read"),
    finish(2, 1, "CheckTailSuccess", tail=2),
    finish(3, 2, "ReadSuccess", tail=2, stream_hash=fold([11, 12])),
    append(4, 1, 14),
    start(5, 2, "Read"),
    finish(5, 2, "ReadFailure"),
    start(6, 2, "CheckTail"),
    finish(6, 2, "CheckTailFailure"),
    append(7, 3, 15, 16, fence="y"),
    finish(4, 1, "AppendIndefiniteFailure"),
)
DATA = written(*LINES)


def test_the_hash_is_that_of_the_field() -> None:
    """The vectors that both the collector and s2-porcupine test theirs with."""
    bodies = [xxhash.xxh3_64_intdigest(body) for body in (b"foo", b"bar", b"baz")]
    hashes = (0x4D2B003EE417C3A5, 0x132E5D5DD7936EDD, 0x732EE99ABC5002FF)
    assert chain_hash(0, bodies[0]) == hashes[0]
    for count, stream_hash in enumerate(hashes, 1):
        assert fold(bodies[:count]) == stream_hash
    assert fold([]) == 0


def test_every_line_becomes_what_it_says() -> None:
    history = read(*LINES)
    assert list(history.id) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert list(history.process) == [1, 2, 1, 2, 1, 2, 2, 3]
    assert [Kind(kind).label[0] for kind in history.kind] == list("aacrarca")
    assert [Outcome(outcome).name[0] for outcome in history.outcome] == list("OFOOIFFI")
    assert list(history.invoked) == [1, 2, 4, 6, 9, 10, 12, 14]
    assert list(history.ended) == [3, 5, 7, 8, 15, 11, 13, FOREVER]
    assert list(history.returned) == [3, 5, 7, 8, FOREVER, 11, 13, FOREVER]
    assert history.operation(0).ack == (0, 2, 2)
    assert history.operation(0).match_seq_num == 0
    assert history.operation(0).fencing_token is None
    assert history.operation(1).fencing_token == ""
    assert history.operation(7).last_fence == "y"
    assert history.appends.fences[7] == {1: history.tokens.index("y")}
    assert list(history.appends.digest) == [11, 12, 13, 14, 15, 16]
    assert list(history.observed_tail) == [NONE, NONE, 2, 2, NONE, NONE, NONE, NONE]
    assert list(np.flatnonzero(history.reads.hashed)) == [3]
    assert history.reads.stream_hash[3] == fold([11, 12])
    assert list(history.reads.from_seq_num) == [NONE, NONE, NONE, 0, NONE, 0, NONE, NONE]
    assert not history.whole
    assert not history.warnings


def test_what_the_format_does_not_tell_is_unknown_and_said_to_be() -> None:
    history = read(*LINES)
    for column in (history.appends.start_timestamp, history.appends.tail_timestamp, history.observed_tail_timestamp):
        assert (column == NONE).all()
    assert not history.appends.size.any()
    assert (history.status == NONE).all()
    assert history.header.untold == list(UNTOLD)
    assert history.header.unique_records is False
    assert history.header.streams[0].fencing_token == ""


def test_definite_failures_can_be_declared_to_be_of_conditions() -> None:
    lines = (*LINES, append(8, 2, 17), finish(8, 2, "AppendDefiniteFailure"))
    history = read(*lines, failures=Failures.CONDITION)
    assert list(history.status[[1, 8]]) == [412, NONE], "what gave no condition failed of something else"
    assert history.token_mismatch[1] == history.seq_num_mismatch[1] == NONE
    assert (read(*lines).status == NONE).all()


def test_the_collectors_first_append_leaves_the_token_unknown() -> None:
    hashes = list(range(3000))
    rectifying = (append(0, 0, *hashes), finish(0, 0, "AppendSuccess", tail=3000))
    history = read(*rectifying, start(1, 1, "CheckTail"), finish(1, 1, "CheckTailSuccess", tail=3000))
    assert history.header.streams[0].fencing_token is None
    assert history.operation(0).ack == (0, 3000, 3000)
    assert history.whole
    for ordinary in (
        (append(0, 1, 5), finish(0, 1, "AppendSuccess", tail=1)),
        (append(0, 0, 5, match_seq_num=0), finish(0, 0, "AppendSuccess", tail=1)),
        (append(0, 0, 5, fencing_token=""), finish(0, 0, "AppendSuccess", tail=1)),
        (append(0, 0, 5, fence="x"), finish(0, 0, "AppendSuccess", tail=1)),
        (append(0, 0, 5), finish(0, 0, "AppendSuccess", tail=2)),
        (append(0, 0, 5), finish(0, 0, "AppendDefiniteFailure")),
        (append(0, 0, 5), start(1, 1, "Read"), finish(0, 0, "AppendSuccess", tail=1)),
        (start(0, 1, "Read"), append(1, 0, 5), finish(1, 0, "AppendSuccess", tail=1)),
        (append(0, 0, 5),),
    ):
        assert read(*ordinary).header.streams[0].fencing_token == ""


def test_an_append_of_nothing_tells_the_first_token() -> None:
    first = (append(0, 0, fence="x"), finish(0, 0, "AppendSuccess", tail=0))
    history = read(*first, start(1, 1, "Read"))
    assert history.header.streams[0].fencing_token == "x"
    assert list(history.id) == [1]
    assert list(history.invoked) == [3], "times are the numbers of lines all the same"
    with pytest.raises(HistoryFailure, match=r"f:1:\d+: set_fencing_token: a batch of no records"):
        read(append(0, 1, fence="x"))


def test_a_tail_below_the_number_of_records_is_the_services_mistake() -> None:
    history = read(append(0, 1, 5, 6, 7), finish(0, 1, "AppendSuccess", tail=1))
    assert history.operation(0).ack == (0, 1, 1)


def test_positions_up_to_64_bits_are_read() -> None:
    largest = 2**64 - 1
    history = read(start(0, 1, "Read"), finish(0, 1, "ReadSuccess", tail=largest, stream_hash=largest))
    assert history.reads.stream_hash[0] == largest
    assert history.observed_tail[0] == FOREVER - 1


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_last_line_that_was_cut_is_left_out_and_told(step: int) -> None:
    lines = DATA.splitlines(keepends=True)
    ends = {at for at in range(len(DATA)) if b"\n" in DATA[max(at - 2, 0) : at + 2]}
    for length in sorted(ends.union(range(0, len(DATA), step)) - set(range(len(lines[0])))):
        data = DATA[:length]
        *_, last = data.split(b"\n")
        history = parse_history(data, "f")
        if last and data + b"\n" not in (DATA, DATA[: DATA.find(b"\n", length) + 1]):
            assert len(history.warnings) == 1
            assert f"was cut after {len(last)} bytes" in history.warnings[0]
            assert not history.whole
        else:
            assert not history.warnings


class TestMalformations:
    @pytest.mark.parametrize(
        ("line", "place", "what"),
        [
            (b"", "3:1:", "the line is empty"),
            (b"what?", "3:1:", "malformed"),
            (b"[]", "3:1:", "object"),
            (b'{"client_id":1,"op_id":9}', "3:1:", "`event`"),
            (b'{"event":{"Start":"Read"},"client_id":1}', "3:1:", "`op_id`"),
            (b'{"event":{},"client_id":1,"op_id":9}', "3:10: event:", "one of Start and Finish"),
            (b'{"event":{"Start":"Read","Finish":"ReadFailure"},"client_id":1,"op_id":9}', "3:10:", "one of Start and"),
            (b'{"event":{"Begin":"Read"},"client_id":1,"op_id":9}', "3:10: event:", "unknown field `Begin`"),
            (b'{"event":{"Start":"Peek"},"client_id":1,"op_id":9}', "3:10: event.Start:", "'Peek'"),
            (b'{"event":{"Start":{"Fence":{}}},"client_id":1,"op_id":9}', "3:10: event.Start:", "`Fence`"),
            (b'{"event":{"Finish":{}},"client_id":1,"op_id":0}', "3:20: Finish:", "one of AppendSuccess"),
            (b'{"event":{"Finish":{"AppendSuccess":{"tail":"2"}}},"client_id":1,"op_id":0}', "3:10:", "`int`"),
            (b'{"event":{"Finish":{"AppendSuccess":{"tail":-2}}},"client_id":1,"op_id":0}', "3:10:", ">= 0"),
            (b'{"event":{"Finish":{"AppendSuccess":{"tail":2.5}}},"client_id":1,"op_id":0}', "3:10:", "`int`"),
            (b'{"event":{"Finish":{"ReadSuccess":{"tail":2}}},"client_id":1,"op_id":0}', "3:10:", "`stream_hash`"),
            (b'{"event":{"Start":"Read"},"client_id":-1,"op_id":9}', "3:39: client_id:", ">= 0"),
            (b'{"event":{"Start":"Read"},"client_id":2147483648,"op_id":9}', "3:39: client_id:", "<="),
            (b'{"event":{"Start":"Read"},"client_id":1,"op_id":9223372036854775808}', "3:49: op_id:", "<="),
            (b'{"event":{"Start":"Read"},"client_id":1,"op_id":0}', "3:49: op_id:", "started before"),
            (b'{"event":{"Finish":"ReadFailure"},"client_id":1,"op_id":9}', "3:57: op_id:", "never started"),
            (
                b'{"event":{"Finish":"ReadFailure"},"client_id":1,"op_id":0}',
                "3:20: Finish:",
                "append cannot be answered by 'Read",
            ),
            (b'{"event":{"Finish":"AppendDefiniteFailure"},"client_id":2,"op_id":0}', "3:57:", "started by client 1"),
            (
                b'{"event":{"Finish":{"AppendSuccess":{"tail":18446744073709551616}}},"client_id":1,"op_id":0}',
                "3:45: tail:",
                "beyond 2⁶⁴",
            ),
            (
                b'{"event":{"Start":{"Append":{"num_records":2,"record_hashes":[1]}}},"client_id":9,"op_id":9}',
                "3:44: num_records:",
                "2 records, but 1 record_hashes",
            ),
            (
                b'{"event":{"Start":{"Append":{"num_records":1,"record_hashes":[18446744073709551616]}}},'
                b'"client_id":9,"op_id":9}',
                "3:62: record_hashes:",
                "beyond 2⁶⁴",
            ),
            (
                b'{"event":{"Start":{"Append":{"num_records":1,"record_hashes":[1],"match_seq_num":18446744073709551616}}},'
                b'"client_id":9,"op_id":9}',
                "3:82: match_seq_num:",
                "beyond 2⁶⁴",
            ),
            (b'{"event":' + b"[" * 9999 + b"]" * 9999 + b"}", "3:1", ""),
        ],
    )
    def test_is_named(self, line: bytes, place: str, what: str) -> None:
        lines = DATA.splitlines(keepends=True)
        with pytest.raises(HistoryFailure) as caught:
            parse_history(b"".join([*lines[:2], line + b"\n", *lines[2:]]), "f")
        text = str(caught.value)
        assert text.startswith(f"f:{place}"), text
        assert what in text

    @pytest.mark.parametrize("ended", [False, True])
    def test_a_client_that_does_two_things(self, ended: bool) -> None:
        lost = (finish(0, 1, "AppendIndefiniteFailure"),) if ended else ()
        with pytest.raises(HistoryFailure, match=r"f:\d:44: client_id: client 1 started operation 1 in line"):
            read(append(0, 1, 5), *lost, start(1, 1, "CheckTail"))

    def test_a_second_finish(self) -> None:
        with pytest.raises(HistoryFailure, match=r"f:16:\d+: op_id: operation 0 finished before"):
            parse_history(DATA + written(LINES[2]), "f")

    def test_an_old_collectors_format(self) -> None:
        arguments = {"num_records": 1, "last_record_crc32": 5}
        line = {"event": {"Start": {"Append": arguments}}, "client_id": 1, "op_id": 0}
        with pytest.raises(HistoryFailure, match="`record_hashes`"):
            read(line)


def damaged(random: Random) -> bytes:
    """The file with something wrong in it."""
    lines = [msgspec.json.decode(line) for line in DATA.splitlines()]
    for _ in range(random.choice((1, 1, 3))):
        i = random.randrange(len(lines))
        lines[i] = _changed(random, lines[i])
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    at = random.randrange(len(data))
    return data if random.random() < 0.7 else data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _changed(random: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        if random.random() < 0.1:
            return {key: part for key, part in value.items() if key != name}
        return value | {name: _changed(random, value[name])}
    odd = [one for one in ODD if not isinstance(one, int) or abs(one) < 2**64]
    return random.choice(odd)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_whatever_is_in_the_file_a_history_or_one_error_comes_out(random: Random) -> None:
    try:
        history = parse_history(damaged(random), "f")
    except HistoryFailure as failure:
        text = str(failure)
    else:
        text = "f:"
        assert (history.ended >= history.invoked).all()
    assert text.startswith("f:")


def test_the_format_is_told_by_the_content(tmp_path: Path) -> None:
    assert format_of(DATA) is Format.S2_PORCUPINE
    assert format_of(b' {"op_id" : 3}') is Format.S2_PORCUPINE
    assert format_of(b'{"type":"history"}') is Format.JSONL
    assert format_of(b"") is Format.JSONL
    assert format_of(b"PAR1") is Format.PARQUET


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.zst")), ids=lambda file: file.name)
def test_a_real_history_is_read_and_its_hashes_are_those_of_what_was_acknowledged(file: Path) -> None:
    history = read_history(file)
    assert (len(history), history.whole, history.warnings) == (2000, True, [])
    assert set(history.process) <= set(range(1, 21))
    acked = np.flatnonzero((history.kind == Kind.APPEND) & (history.outcome == Outcome.OK))
    hashes = {0: 0}
    offset, digest = history.appends.offset, history.appends.digest
    for row in acked[np.argsort(history.appends.start[acked])].tolist():
        start, end, _ = history.operation(row).ack or (0, 0, 0)
        hashes[end] = fold(digest[offset[row] : offset[row + 1]].tolist(), hashes[start])
    reads = np.flatnonzero(history.reads.hashed)
    assert len(reads) > 600
    for row in reads.tolist():
        assert hashes[int(history.observed_tail[row])] == int(history.reads.stream_hash[row])
