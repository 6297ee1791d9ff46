"""The unary protocol: P1, P2 and P5."""

from __future__ import annotations

import json
from base64 import b64encode

from ...s2 import Record, json_codec, protobuf
from ...s2.errors import find
from .. import Service, Stream, clause, refused
from ..stream import ack_of, append_of, batch_of
from .objects import MANY


@clause("P1", "/health and /metrics (Prometheus text) stand beside it")
async def test_what_stands_beside(service: Service) -> None:
    """The service says that it is well, and shows its metrics."""
    assert (await service.request("GET", "//health")).status == 200
    answer = await service.request("GET", "//metrics")
    assert answer.status == 200
    assert answer.headers.get("content-type", "").startswith("text/plain")


@clause("P1", "The header s2-basin names the basin on /v1/streams…")
async def test_the_header_names_the_basin(stream: Stream) -> None:
    """With the header the stream is found; with that of a basin that is not there, or a bad name, it is not."""
    assert (await stream.check_tail()).status == 200
    target = f"{stream.path}/records/tail"
    service = stream.basin.service
    absent = await service.request("GET", target, headers={"s2-basin": "no-basin-of-this-name-is-here"})
    refused(absent, 404, "basin_not_found")
    bad = await service.request("GET", target, headers={"s2-basin": "Bad_Name"})
    assert bad.status == 400


@clause("P1", "Authorization is Authorization: Bearer <token>.", "boundary")
async def test_a_request_with_a_token(stream: Stream) -> None:
    """A request with the token that the run was given, or with any if it was given none, is answered."""
    token = stream.basin.service.settings.token or "some-token"
    answer = await stream.basin.request(
        "GET", f"{stream.path}/records/tail", headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status in (200, 403) if stream.basin.service.settings.token is None else answer.status == 200


@clause("P1", "The base path is /v1", "negative")
async def test_no_such_path(service: Service) -> None:
    """A path that there is not is a 404, and so is one without the base path."""
    for target in ("/no-such-path", "//streams"):
        assert (await service.request("GET", target)).status == 404


@clause("P2", "Unary requests speak JSON (s2-format: raw or base64 for names, values and bodies)")
async def test_json_in_both_formats(stream: Stream) -> None:
    """What is appended in one format can be read in the other."""
    raw = {"records": [{"body": "raw", "headers": [["name", "välue"]]}]}
    ack_of(await stream.post(json.dumps(raw).encode(), "application/json", {"s2-format": "raw"}))
    encoded = {"records": [{"body": b64encode(b"base64").decode(), "headers": []}]}
    ack_of(await stream.post(json.dumps(encoded).encode(), "application/json", {"s2-format": "base64"}))
    found = await stream.records(seq_num=0)
    assert [(record.headers, record.body) for record in found] == [
        (((b"name", "välue".encode()),), b"raw"),
        ((), b"base64"),
    ]
    shown = (await stream.read({"s2-format": "raw"}, seq_num=0)).json["records"]
    assert [record["body"] for record in shown] == ["raw", "base64"]


@clause("P2", "or application/protobuf")
async def test_protobuf(stream: Stream) -> None:
    """An append and a read in protobuf."""
    body = protobuf.encode_append(append_of(Record(b"\xff", ((b"n", b"\xfe"),), 1000), "b", match_seq_num=0))
    answer = await stream.post(body, "application/protobuf", {"accept": "application/protobuf"})
    assert answer.status == 200
    ack = protobuf.decode_ack(answer.body)
    assert (ack.start.seq_num, ack.start.timestamp, ack.end.seq_num) == (0, 1000, 2)
    answer = await stream.read({"accept": "application/protobuf"}, seq_num=0)
    assert answer.status == 200
    assert protobuf.decode_batch(answer.body).records == await stream.records(seq_num=0)


@clause("P2", "Integers are uint64.", "boundary")
async def test_integers(stream: Stream) -> None:
    """The greatest integer is one; the next is none, and neither is one below 0."""
    assert (await stream.append("x", match_seq_num=2**64 - 1)).status == 412
    for wrong in (2**64, -1):
        body = json.dumps({"records": [{"body": ""}], "match_seq_num": wrong}).encode()
        assert (await stream.post(body, "application/json")).status == 400
        answer = await stream.read(seq_num=wrong)
        assert 400 <= answer.status < 500
        assert answer.status != 416


@clause("P2", "Unary requests speak JSON", "negative")
async def test_what_cannot_be_read(stream: Stream) -> None:
    """What is neither JSON nor protobuf, an unknown format, and what is not base64, is a 4xx; nothing is applied."""
    good = json_codec.encode(append_of("x"))
    for body, kind, headers in (
        (b"{", "application/json", {}),
        (b'{"records": 5}', "application/json", {}),
        (b'{"records": [{"body": "not base64!"}]}', "application/json", {}),
        (b"\xff\xff\xff", "application/protobuf", {}),
        (good, "text/html", {}),
        (good, "application/json", {"s2-format": "hex"}),
    ):
        answer = await stream.post(body, kind, headers)
        assert 400 <= answer.status < 500, f"{kind} {body!r}: {answer}"
    assert (await stream.tail()).seq_num == 0


@clause("P5", 'An error is {"code", "message"}', "negative")
async def test_errors_have_codes(stream: Stream) -> None:
    """Errors of many kinds have a code, with its status, and a message."""
    absent = stream.basin.stream()
    for answer in (
        await absent.basin.request("GET", absent.path),
        await stream.create(),
        await stream.append(),
        await stream.post(b"{", "application/json"),
        await stream.read(seq_num=0, timestamp=0),
        await stream.basin.request("GET", "/streams", headers={"s2-basin": "no-basin-of-this-name-is-here"}),
    ):
        assert find(answer.code, answer.status) is not None, f"no code of S2's with its status: {answer}"
        assert isinstance(answer.json["message"], str)


@clause("P5", "412 and 416 have only their own bodies", "boundary")
async def test_refusals_with_their_own_bodies(stream: Stream) -> None:
    """A 412 and a 416 say what they have to say, and nothing else."""
    assert (await stream.append("x", match_seq_num=9)).json == {"seq_num_mismatch": 0}
    assert (await stream.append("x", fencing_token="t")).json == {"fencing_token_mismatch": ""}
    assert (await stream.read(seq_num=9)).json == {"tail": {"seq_num": 0, "timestamp": 0}}


@clause("P5", "Which codes promise no side effect (a definite failure)")
async def test_a_definite_failure_has_no_effect(stream: Stream) -> None:
    """Of many appends, exactly those that were not refused are in the stream."""
    sent = {}
    for number in range(MANY):
        sent[f"{number}"] = (await stream.append(f"{number}")).status
    accepted = [body for body, status in sent.items() if status == 200]
    assert [record.body.decode() for record in batch_of(await stream.read(seq_num=0)).records] == accepted
