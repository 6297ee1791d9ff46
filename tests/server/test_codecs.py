"""Which codec a body is read in and an answer is written in, over real HTTP, and that all codecs say the same."""

from __future__ import annotations

import base64
from itertools import product

import pytest

from fencepost.harness.s2 import Ack, Append, Batch, Position, Record, json_codec, protobuf
from fencepost.harness.s2.json_codec import Format

from .processes import Answer, Connection, records_of

JSON = "application/json"
PROTOBUF = "application/protobuf"
ANY_BYTES = Record(bytes(range(256)), ((b"\xff\x00", b"\xfe"), (b"name", b"")), 17)


def append(http: Connection, stream: str, call: Append, sent: str = PROTOBUF, accepted: str = PROTOBUF) -> Answer:
    body = json_codec.encode_append(call) if sent == JSON else protobuf.encode_append(call)
    headers = {"content-type": sent, "accept": accepted, "s2-format": "base64"}
    return http.request("POST", records_of(stream), body, headers)


def ack(answer: Answer) -> Ack:
    assert answer.status == 200, answer
    decode = protobuf.decode_ack if answer.headers["content-type"] == PROTOBUF else json_codec.decode_ack
    return decode(answer.body)


def read(http: Connection, stream: str, query: str = "seq_num=0", accepted: str = PROTOBUF) -> Batch:
    headers = {"accept": accepted, "s2-format": "base64"}
    answer = http.request("GET", f"{records_of(stream)}?{query}", headers=headers)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == accepted
    return protobuf.decode_batch(answer.body) if accepted == PROTOBUF else json_codec.decode_batch(answer.body)


def tail(http: Connection, stream: str) -> int:
    return int(http.request("GET", records_of(stream) + "/tail").json["tail"]["seq_num"])


def test_every_codec_appends_and_reads_the_same(http: Connection, stream: str) -> None:
    call = Append((ANY_BYTES, Record(b"", ((b"only", b"headers"),), 18), Record(timestamp=19)))
    for number, (sent, accepted) in enumerate(product((JSON, PROTOBUF), repeat=2)):
        answer = append(http, stream, call, sent, accepted)
        assert answer.headers["content-type"] == accepted
        first = 3 * number
        end = Position(first + 3, 19)
        assert ack(answer) == Ack(Position(first, 17 if not number else 19), end, end)
    whole = read(http, stream)
    assert [(record.headers, record.body) for record in whole.records] == [
        (record.headers, record.body) for record in call.records
    ] * 4
    assert whole == read(http, stream, accepted=JSON)


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("application/vnd.api+json", JSON),
        ("application/json, application/protobuf", JSON),
        ("application/protobuf", PROTOBUF),
        ("application/x-protobuf", PROTOBUF),
        (" application/protobuf;messageType=AppendInput ", PROTOBUF),
        ("application/protobuf,application/json", PROTOBUF),
    ],
)
def test_the_first_media_type_of_a_body_names_its_codec(
    http: Connection, stream: str, content_type: str, codec: str
) -> None:
    call = Append((Record(b"x"),))
    body = json_codec.encode_append(call, Format.RAW) if codec == JSON else protobuf.encode_append(call)
    answer = http.request("POST", records_of(stream), body, {"content-type": content_type})
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert [record.body for record in read(http, stream).records] == [b"x"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "json", "application/x-www-form-urlencoded", "text/json"])
def test_a_body_of_another_type_is_refused_as_s2_refuses_it(http: Connection, stream: str, content_type: str) -> None:
    for body in (b'{"records":[{"body":"x"}]}', protobuf.encode_append(Append((Record(b"x"),)))):
        answer = http.request("POST", records_of(stream), body, {"content-type": content_type})
        assert (answer.status, answer.code) == (400, "bad_json")
    assert tail(http, stream) == 0


@pytest.mark.parametrize(
    ("accept", "codec"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/html", JSON),
        ("text/html, application/protobuf", JSON),
        ("application/x-protobuf", PROTOBUF),
        ("application/protobuf;q=0.1, application/json", PROTOBUF),
    ],
)
def test_the_first_media_type_that_is_accepted_names_the_codec_of_the_answer(
    http: Connection, stream: str, accept: str | None, codec: str
) -> None:
    headers = {} if accept is None else {"accept": accept}
    assert http.append(stream, "x", headers=headers).headers["content-type"] == codec
    answer = http.request("GET", records_of(stream) + "?seq_num=0", headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, codec)
    answer = http.request("GET", records_of(stream) + "/tail", headers=headers)
    assert (answer.headers["content-type"], answer.json["tail"]["seq_num"]) == (JSON, 1)


def test_repeated_accept_headers_are_one_list(http: Connection, stream: str) -> None:
    http.append(stream, "x")
    path = records_of(stream) + "?seq_num=0"
    for values in ((PROTOBUF, JSON), (JSON, PROTOBUF)):
        answer = http.request("GET", path, headers=[("accept", value) for value in values])
        assert answer.headers["content-type"] == values[0]


def test_refusals_are_json_in_every_codec(http: Connection, stream: str) -> None:
    ack(append(http, stream, Append((Record.fence("tökén"),))))
    one = (Record(b"x"),)
    refused = append(http, stream, Append(one, 9, "other"))
    assert (refused.status, refused.json) == (412, {"fencing_token_mismatch": "tökén"})
    refused = append(http, stream, Append(one, 9, "tökén"))
    assert (refused.status, refused.json) == (412, {"seq_num_mismatch": 1})
    refused = http.request("GET", records_of(stream) + "?seq_num=7", headers={"accept": PROTOBUF})
    assert (refused.status, refused.json["tail"]["seq_num"]) == (416, 1)
    refused = append(http, "no-such-stream", Append(one))
    assert (refused.status, refused.code) == (404, "stream_not_found")
    assert ack(append(http, stream, Append(one, 1, "tökén"))).start.seq_num == 1


@pytest.mark.parametrize(
    "records",
    [
        (),
        (Record(),) * 1001,
        (Record(b"x" * (1 << 20)),),
        (Record(b"", ((b"", b"fence"), (b"more", b""))),),
        (Record(b"", ((b"", b"unknown"),)),),
        (Record(b"1", ((b"", b"trim"),)),),
        (Record(b"", ((b"name", b""), (b"", b"value"))),),
    ],
    ids=["none", "too many", "too large", "command and header", "unknown command", "short trim", "empty name"],
)
def test_what_is_no_batch_is_invalid_in_every_codec(http: Connection, stream: str, records: tuple[Record, ...]) -> None:
    for sent in (JSON, PROTOBUF):
        answer = append(http, stream, Append(records), sent)
        assert (answer.status, answer.code) == (422, "invalid"), sent
    assert tail(http, stream) == 0


def test_a_token_that_is_too_long_is_bad_json_and_invalid_protobuf(http: Connection, stream: str) -> None:
    call = Append((Record(b"x"),), fencing_token="é" * 18 + "x")
    answer = append(http, stream, call, JSON)
    assert (answer.status, answer.code) == (400, "bad_json")
    answer = append(http, stream, call, PROTOBUF)
    assert (answer.status, answer.code) == (422, "invalid")
    assert tail(http, stream) == 0


@pytest.mark.parametrize("body", [b"\x0a\x05", b"\x1a\x01\xff", b"\xff" * 11, b'{"records":[{"body":"x"}]}'])
def test_what_is_no_protobuf_is_bad_proto(http: Connection, stream: str, body: bytes) -> None:
    answer = http.request("POST", records_of(stream), body, {"content-type": PROTOBUF})
    assert (answer.status, answer.code) == (400, "bad_proto")
    assert tail(http, stream) == 0


def test_unknown_fields_of_protobuf_are_skipped(http: Connection, stream: str) -> None:
    body = protobuf.encode_append(Append((Record(b"x"),))) + b"\x7a\x03new"
    assert http.request("POST", records_of(stream), body, {"content-type": PROTOBUF}).status == 200
    assert tail(http, stream) == 1


def test_the_largest_batch_fits_in_protobuf(http: Connection, stream: str) -> None:
    call = Append((Record(b"x" * 1040),) * 1000)
    assert ack(append(http, stream, call)).end.seq_num == 1000
    batch = read(http, stream)
    assert [record.body for record in batch.records] == [record.body for record in call.records]


def test_the_format_is_asked_of_json_only(http: Connection, stream: str) -> None:
    call = Append((Record(base64.b64encode(b"x")),))
    headers = {"content-type": PROTOBUF, "s2-format": "hex"}
    assert http.request("POST", records_of(stream), protobuf.encode_append(call), headers).status == 200
    answer = http.append(stream, "x", headers={"s2-format": "hex"})
    assert (answer.status, answer.code) == (400, "bad_header")
    assert [record.body for record in read(http, stream).records] == [base64.b64encode(b"x")]
