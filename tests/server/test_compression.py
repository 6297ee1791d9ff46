"""Compressed bodies: those of requests within limits, those of answers as clients ask for them."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fencepost.harness.s2 import Append, Record, json_codec, protobuf
from fencepost.harness.s2.compression import Compression
from fencepost.harness.server.content_coding import decoded, preferred
from fencepost.harness.server.errors import ServiceError
from fencepost.harness.server.limits import Limits

from .processes import Answer, Connection, records_of
from .victim import PATH, Victim, relentless

MAX_BODY = Limits().body_bytes
PROTOBUF = {"content-type": "application/protobuf", "accept": "application/protobuf"}
CODECS = {
    "json": (json_codec.encode_append, json_codec.decode_batch, {"s2-format": "base64"}),
    "protobuf": (protobuf.encode_append, protobuf.decode_batch, PROTOBUF),
}


def zstd_of_unknown_size(body: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return compressor.compress(body) + compressor.flush()


COMPRESS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "zstd": ("zstd", zstandard.compress),
    "zstd of unknown size": ("zstd", zstd_of_unknown_size),
    "gzip": ("gzip", gzip.compress),
}
every_compression = pytest.mark.parametrize(("coding", "compress"), COMPRESS.values(), ids=COMPRESS)


def decompressed(answer: Answer) -> bytes:
    match answer.headers.get("content-encoding"):
        case None:
            return answer.body
        case "gzip":
            return gzip.decompress(answer.body)
        case "zstd":
            return zstandard.decompress(answer.body)
    raise AssertionError(answer.headers)


@pytest.fixture
def stream(http: Connection, request: pytest.FixtureRequest) -> Iterator[str]:
    name = re.sub(r"\W", "-", request.node.name)
    assert http.request("POST", "/v1/streams", {"stream": name}).status == 201
    yield name
    assert http.request("DELETE", f"/v1/streams/{name}").status == 202


@pytest.mark.parametrize("codec", CODECS)
@every_compression
def test_compressed_appends_and_answers_are_the_same_as_plain_ones(
    http: Connection, stream: str, codec: str, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    encode, decode, headers = CODECS[codec]
    records = (Record(b"hello " * 200, ((b"n", b"v"),), 5), Record(bytes(range(256)), (), 6))
    body = compress(encode(Append(records)))
    assert http.request("POST", records_of(stream), body, headers | {"content-encoding": coding}).status == 200
    path = records_of(stream) + "?seq_num=0"
    plain = http.request("GET", path, headers=headers)
    answer = http.request("GET", path, headers=headers | {"accept-encoding": coding})
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == (coding, "accept-encoding")
    assert answer.headers["content-type"] == plain.headers["content-type"]
    assert len(answer.body) < len(plain.body)
    assert decompressed(answer) == plain.body
    found = decode(plain.body).records
    assert [(record.body, record.headers) for record in found] == [(one.body, one.headers) for one in records]


@every_compression
def test_basins_and_streams_are_managed_in_compressed_bodies(
    http: Connection, request: pytest.FixtureRequest, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    prefix = re.sub(r"\W", "-", request.node.callspec.id)
    names = [f"{prefix}:{number:04d}" for number in range(30)]
    for name in names:
        body = compress(json.dumps({"stream": name}).encode())
        assert http.request("POST", "/v1/streams", body, {"content-encoding": coding}).status == 201
    try:
        answer = http.request("GET", f"/v1/streams?prefix={prefix}:", headers={"accept-encoding": coding})
        assert answer.headers["content-encoding"] == coding
        assert [row["name"] for row in json.loads(decompressed(answer))["streams"]] == names
    finally:
        for name in names:
            http.request("DELETE", f"/v1/streams/{name}")


def test_an_answer_is_compressed_if_that_is_asked_for_and_worth_it(http: Connection, stream: str) -> None:
    path = records_of(stream) + "?seq_num=0"
    for size, compressed in ((900, False), (1100, True)):
        http.append(stream, "x" * size)
        path = f"{records_of(stream)}?tail_offset=1"
        assert ("content-encoding" in http.request("GET", path, headers={"accept-encoding": "gzip"}).headers) is (
            compressed
        )
        assert "content-encoding" not in http.request("GET", path).headers
    name = "x" * 2000
    refused = http.request("GET", f"/v1/streams?{name}={name}", headers={"accept-encoding": "zstd"})
    assert (refused.status, json.loads(decompressed(refused))["code"]) == (400, "bad_query")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "NONE"),
        ("identity", "NONE"),
        ("br, deflate", "NONE"),
        ("*", "NONE"),
        ("gzip", "GZIP"),
        ("x-gzip", "GZIP"),
        ("ZSTD", "ZSTD"),
        ("gzip, zstd", "ZSTD"),
        ("gzip;q=0.9, zstd;q=0.8, br", "GZIP"),
        ("zstd;q=0, gzip", "GZIP"),
        ("gzip;q=0, zstd;q=0.000", "NONE"),
        ("identity, gzip;q=0.5", "NONE"),
        ("identity;q=0, gzip;q=0.001", "GZIP"),
        (" gzip ; Q = 1.000 ,", "GZIP"),
        ("zstd;q=nan, gzip;q=2, gzip;level=1", "NONE"),
        ("gz\xffip", "NONE"),
    ],
)
def test_the_weights_of_accept_encoding_decide(header: str, expected: str) -> None:
    assert preferred(header.encode("latin-1")) is Compression[expected]


def test_repeated_accept_encodings_are_one_list(http: Connection, stream: str) -> None:
    http.append(stream, "x" * 2000)
    headers = [("accept-encoding", "gzip;q=0.5"), ("accept-encoding", "zstd")]
    assert http.request("GET", records_of(stream) + "?seq_num=0", headers=headers).headers["content-encoding"] == "zstd"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd, identity", "", "compress", "\xff"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", PATH), ("POST", "/v1/streams"), ("PUT", "/v1/basins/some-basin")]
)
def test_another_coding_is_refused_with_the_known_ones(
    victim: Victim, http: Connection, method: str, path: str, coding: str
) -> None:
    answer = http.request(method, path, b'{"records":[{"body":"x"}]}', {"content-encoding": coding})
    assert (answer.status, answer.code) == (415, "unsupported_encoding")
    assert answer.headers["accept-encoding"] == "zstd, gzip"
    victim.expect_refusal(answer)
    victim.expect_untouched()


def test_two_codings_in_two_headers_are_refused(victim: Victim, http: Connection) -> None:
    body = gzip.compress(gzip.compress(b'{"records":[{"body":"x"}]}'))
    answer = http.request("POST", PATH, body, [("content-encoding", "gzip")] * 2)
    assert (answer.status, answer.code) == (415, "unsupported_encoding")
    victim.expect_untouched()


@pytest.mark.parametrize("headers", [{}, PROTOBUF], ids=["json", "protobuf"])
@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda body: body + b"x", lambda body: body[:4]])
@every_compression
def test_a_body_that_is_not_what_it_says_is_malformed(
    victim: Victim,
    http: Connection,
    coding: str,
    compress: Callable[[bytes], bytes],
    damage: Callable[[bytes], bytes],
    headers: dict[str, str],
) -> None:
    call = Append((Record(b"some words"),))
    body = protobuf.encode_append(call) if headers else json_codec.encode_append(call)
    for sent in (damage(compress(body)), body, b""):
        answer = http.request("POST", PATH, sent, headers | {"content-encoding": coding})
        assert (answer.status, answer.code) == (400, "bad_proto" if headers else "bad_json"), sent
    victim.expect_untouched()


@relentless(100)
@example("zstd", b"\xa0\xff\xff\xff\xff")  # claims four gigabytes
@example("zstd", b"\x20\x0a\x23\x03\x00x")  # claims ten bytes, and has a block of a hundred
@given(st.sampled_from(("zstd", "gzip")), st.binary(max_size=60))
def test_any_bytes_that_are_said_to_be_compressed_are_refused(
    victim: Victim, http: Connection, coding: str, body: bytes
) -> None:
    magic = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b\x08\x00"}[coding]
    for sent in (body, magic + body):
        victim.expect_refusal(http.request("POST", PATH, sent, {"content-encoding": coding}))
    victim.expect_untouched()


@pytest.mark.parametrize("size", [MAX_BODY + 1, 4 * MAX_BODY], ids=["by a byte", "much"])
@every_compression
def test_a_decompression_bomb_is_refused_within_bounded_memory(
    victim: Victim, http: Connection, coding: str, compress: Callable[[bytes], bytes], size: int
) -> None:
    bomb = compress(bytes(size))
    assert len(bomb) < MAX_BODY // 8
    for method, path in (("POST", PATH), ("PATCH", "/v1/streams/victim")):
        answer = http.request(method, path, bomb, {"content-encoding": coding})
        assert (answer.status, answer.code) == (413, "payload_too_large")
    victim.expect_untouched()
    tracemalloc.start()
    try:
        with pytest.raises(ServiceError) as refusal:
            decoded(bomb, Compression[coding.upper()], MAX_BODY, "bad_json")
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BODY
    finally:
        tracemalloc.stop()
    assert refusal.value.code == "payload_too_large"


@every_compression
def test_a_body_that_just_fits_decompressed_is_taken(
    http: Connection, stream: str, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = b'{"records":[{"body":"x"}]}'.ljust(MAX_BODY)
    assert http.request("POST", records_of(stream), compress(body), {"content-encoding": coding}).status == 200


def test_appended_bytes_are_counted_decompressed(http: Connection, stream: str) -> None:
    def appended() -> float:
        text = http.request("GET", "/metrics").body.decode()
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        return next(one.value for one in samples if one.name == "fencepost_appended_bytes_total")

    body = json.dumps({"records": [{"body": "x" * 5000}]}).encode()
    before = appended()
    assert http.request("POST", records_of(stream), gzip.compress(body), {"content-encoding": "gzip"}).status == 200
    assert appended() - before == len(body)
