"""Every operation over real HTTP: what is answered, in which shape, with which status."""

from __future__ import annotations

import base64
import json
import socket
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .processes import BASIN, Connection, ServerProcess, records_of, wait_until

BASE64 = {"s2-format": "base64"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---------------------------------------------------------------- records


def test_an_append_is_acknowledged_with_the_positions_of_its_records(http: Connection, stream: str) -> None:
    first = http.append(stream, "a", "b").json
    second = http.append(stream, "c").json
    assert (first["start"]["seq_num"], first["end"]["seq_num"], first["tail"]["seq_num"]) == (0, 2, 2)
    assert (second["start"]["seq_num"], second["end"]["seq_num"]) == (2, 3)
    assert http.request("GET", records_of(stream) + "/tail").json == {"tail": second["tail"]}


def test_records_come_back_as_they_were_sent(http: Connection, stream: str) -> None:
    records = [
        {"body": "bödy\u0000\n", "headers": [["name", "välue"], ["name", ""]], "timestamp": 17},
        {"headers": [["only", "headers"]], "timestamp": 18},
        {"timestamp": 19},
    ]
    assert http.request("POST", records_of(stream), {"records": records}).status == 200
    answer = http.request("GET", records_of(stream) + "?seq_num=0")
    assert answer.json == {"records": [{"seq_num": index, **record} for index, record in enumerate(records)]}
    assert answer.headers["content-type"] == "application/json"


def test_base64_carries_any_bytes_and_raw_shows_them_lossily(http: Connection, stream: str) -> None:
    name, value, body = b"\xff\x00", b"\xfe", bytes(range(256))
    sent = {"records": [{"body": b64(body), "headers": [[b64(name), b64(value)]]}]}
    assert http.request("POST", records_of(stream), sent, BASE64).status == 200
    (exact,) = http.request("GET", records_of(stream) + "?seq_num=0", headers=BASE64).json["records"]
    assert base64.b64decode(exact["body"]) == body
    assert exact["headers"] == [[b64(name), b64(value)]]
    (lossy,) = http.request("GET", records_of(stream) + "?seq_num=0").json["records"]
    assert lossy["body"] == body.decode(errors="replace")
    assert lossy["headers"] == [["\ufffd\0", "\ufffd"]]


def test_a_trim_in_base64_takes_effect(http: Connection, stream: str) -> None:
    http.append(stream, "a", "b", "c")
    trim = {"records": [{"headers": [["", b64(b"trim")]], "body": b64((2).to_bytes(8, "big"))}]}
    assert http.request("POST", records_of(stream), trim, BASE64).status == 200
    assert [record["seq_num"] for record in http.request("GET", records_of(stream) + "?seq_num=2").json["records"]] == [
        2,
        3,
    ]


def test_refused_conditions_answer_412_with_the_state_that_refused_them(http: Connection, stream: str) -> None:
    fence = {"records": [{"headers": [["", "fence"]], "body": "tökén"}]}
    assert http.request("POST", records_of(stream), fence).status == 200
    refused = http.append(stream, "x", fencing_token="other", match_seq_num=9)
    assert (refused.status, refused.json) == (412, {"fencing_token_mismatch": "tökén"})
    refused = http.append(stream, "x", fencing_token="tökén", match_seq_num=9)
    assert (refused.status, refused.json) == (412, {"seq_num_mismatch": 1})
    assert http.append(stream, "x", fencing_token="tökén", match_seq_num=1).status == 200


def test_an_empty_token_is_a_token(http: Connection, stream: str) -> None:
    assert http.append(stream, "x", fencing_token="").status == 200
    http.request("POST", records_of(stream), {"records": [{"headers": [["", "fence"]], "body": "t"}]})
    assert http.append(stream, "x", fencing_token="").json == {"fencing_token_mismatch": "t"}
    assert http.append(stream, "x", fencing_token=None).status == 200


def test_a_read_beyond_the_tail_answers_416_with_the_tail(http: Connection, stream: str) -> None:
    tail = http.append(stream, "a").json["tail"]
    for query in ("?seq_num=1", "?seq_num=7", "", "?seq_num=7&clamp=true", f"?seq_num={2**64 - 1}"):
        answer = http.request("GET", records_of(stream) + query)
        assert (answer.status, answer.json) == (416, {"tail": tail}), query


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("seq_num=1&count=2", [1, 2]),
        ("tail_offset=2", [3, 4]),
        ("timestamp=300", [2, 3, 4]),
        ("seq_num=0&until=300", [0, 1]),
        ("seq_num=0&bytes=18", [0, 1]),
        ("seq_num=0&count=0", []),
    ],
)
def test_reads_start_and_end_where_they_are_told(
    http: Connection, stream: str, query: str, expected: list[int]
) -> None:
    records = [{"body": str(index), "timestamp": 100 * (index + 1)} for index in range(5)]
    http.request("POST", records_of(stream), {"records": records})
    answer = http.request("GET", f"{records_of(stream)}?{query}")
    assert [record["seq_num"] for record in answer.json["records"]] == expected


@pytest.mark.parametrize(
    "query",
    ["seq_num=0&timestamp=1", "timestamp=1&tail_offset=1", "timestamp=5&until=5", "timestamp=6&until=5&wait=60"],
)
def test_a_read_that_contradicts_itself_is_invalid(http: Connection, stream: str, query: str) -> None:
    http.append(stream, "a")
    answer = http.request("GET", f"{records_of(stream)}?{query}")
    assert (answer.status, answer.code) == (422, "invalid")


def test_a_waiting_read_returns_what_is_appended_meanwhile(
    http: Connection, stream: str, server: ServerProcess
) -> None:
    with Connection(server.port) as waiting:
        waiting.socket.sendall(
            f"GET {records_of(stream)}?seq_num=0&wait=60 HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\n\r\n".encode()
        )
        http.append(stream, "late")
        assert [record["body"] for record in waiting.answer().json["records"]] == ["late"]


@pytest.mark.parametrize("name", ["a/b", "a%2Fb", " ", "ü/ñ?#&+", "x" * 512, "é" * 256, "..a", "\x01\n"])
def test_stream_names_hold_anything(http: Connection, name: str) -> None:
    assert http.request("POST", "/v1/streams", {"stream": name}).status == 201
    assert http.append(name, "here").status == 200
    assert [record["body"] for record in http.read_all(name)] == ["here"]
    listed = http.request("GET", "/v1/streams").json["streams"]
    assert name in [row["name"] for row in listed]


# ---------------------------------------------------------------- streams and basins


def test_creating_what_exists_is_refused_unless_it_is_the_same_request(http: Connection) -> None:
    request = {"stream": "once", "config": {"timestamping": {"mode": "arrival"}}}
    token = {"s2-request-token": "first"}
    created = http.request("POST", "/v1/streams", request, token)
    assert created.status == 201
    assert created.json["name"] == "once"
    assert datetime.fromisoformat(created.json["created_at"]).tzinfo is not None
    again = http.request("POST", "/v1/streams", request, token)
    assert (again.status, again.json) == (201, created.json)
    for body, headers in (
        (request, {"s2-request-token": "second"}),
        (request, {}),
        ({"stream": "once"}, token),
    ):
        refused = http.request("POST", "/v1/streams", body, headers)
        assert (refused.status, refused.code) == (409, "resource_already_exists")


def test_ensure_says_what_it_did(http: Connection) -> None:
    path = "/v1/streams/ensured"
    for body, status, result in (
        (None, 201, "created"),
        (None, 200, "noop"),
        ({"storage_class": "standard"}, 200, "updated"),
        ({"storage_class": "standard"}, 200, "noop"),
        (None, 200, "updated"),
    ):
        answer = http.request("PUT", path, body)
        assert (answer.status, answer.headers["s2-provision-result"]) == (status, result), body
        config = http.request("GET", path).json
        assert config["storage_class"] == (body or {"storage_class": "express"})["storage_class"]


def test_a_change_tells_null_from_absent(http: Connection) -> None:
    config = {
        "storage_class": "express",
        "retention_policy": {"age": 60},
        "timestamping": {"mode": "client-require", "uncapped": True},
        "delete_on_empty": {"min_age_secs": 5},
    }
    assert http.request("POST", "/v1/streams", {"stream": "changed", "config": config}).status == 201
    path = "/v1/streams/changed"
    assert http.request("GET", path).json == config
    changed = http.request("PATCH", path, {"retention_policy": {"infinite": {}}, "timestamping": {"uncapped": False}})
    assert changed.status == 200
    assert changed.json == {
        **config,
        "retention_policy": {"infinite": {}},
        "timestamping": {"mode": "client-require", "uncapped": False},
    }
    unchanged = http.request("PATCH", path, {})
    assert unchanged.json == changed.json
    reset = http.request("PATCH", path, {"timestamping": {"mode": None}}).json
    assert reset.get("timestamping", {}).get("mode") in (None, "client-prefer")
    assert reset["timestamping"]["uncapped"] is False


def test_a_deleted_stream_is_gone_and_its_name_is_free(http: Connection, stream: str) -> None:
    http.append(stream, "old")
    deleted = http.request("DELETE", f"/v1/streams/{stream}")
    assert (deleted.status, deleted.body) == (202, b"")
    refused = http.append(stream, "new")
    assert refused.code in ("stream_deletion_pending", "stream_not_found")
    wait_until(lambda: http.request("GET", f"/v1/streams/{stream}").status == 404, "the stream is gone")
    assert http.request("POST", "/v1/streams", {"stream": stream}).status == 201
    assert http.append(stream, "new").json["start"]["seq_num"] == 0


def test_lists_go_by_name_and_by_page(http: Connection) -> None:
    for name in ("list/b", "list/a", "list/c", "other"):
        http.request("POST", "/v1/streams", {"stream": name})
    page = http.request("GET", "/v1/streams?prefix=list%2F&limit=2").json
    assert ([row["name"] for row in page["streams"]], page["has_more"]) == (["list/a", "list/b"], True)
    page = http.request("GET", "/v1/streams?prefix=list%2F&start_after=list%2Fb").json
    assert ([row["name"] for row in page["streams"]], page["has_more"]) == (["list/c"], False)


def test_the_life_of_a_basin(http: Connection) -> None:
    created = http.request(
        "POST",
        "/v1/basins",
        {"basin": "life-of-a-basin", "config": {"create_stream_on_append": True}, "location": None},
        basin=None,
    )
    assert created.status == 201
    path = "/v1/basins/life-of-a-basin"
    assert http.request("GET", path, basin=None).json["create_stream_on_append"] is True
    names = [row["name"] for row in http.request("GET", "/v1/basins?prefix=life", basin=None).json["basins"]]
    assert names == ["life-of-a-basin"]
    batch = {"records": [{"body": "made by appending"}]}
    assert http.request("POST", records_of("new"), batch, basin="life-of-a-basin").status == 200
    changed = http.request("PATCH", path, {"create_stream_on_append": False}, basin=None)
    assert changed.json["create_stream_on_append"] is False
    refused = http.request("POST", records_of("newer"), batch, basin="life-of-a-basin")
    assert (refused.status, refused.code) == (404, "stream_not_found")
    ensured = http.request("PUT", path, {"config": {"create_stream_on_read": True}}, basin=None)
    assert (ensured.status, ensured.headers["s2-provision-result"]) == (200, "updated")
    ensured = http.request("PUT", path, basin=None)
    assert (ensured.status, ensured.headers["s2-provision-result"]) == (200, "updated")
    assert http.request("GET", path, basin=None).json["create_stream_on_read"] is False
    assert http.request("DELETE", path, basin=None).status == 202
    wait_until(lambda: http.request("GET", path, basin=None).status == 404, "the basin is gone")
    assert http.request("POST", records_of("new"), batch, basin="life-of-a-basin").code == "basin_not_found"


# ---------------------------------------------------------------- the server itself


def test_health_and_metrics(http: Connection, stream: str) -> None:
    assert http.request("GET", "/health", basin=None).status == 200

    def sample(name: str, **labels: str) -> float:
        answer = http.request("GET", "/metrics", basin=None)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return sum(
            sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    records = sample("fencepost_appended_records_total")
    appends = sample("fencepost_requests_total", operation="append", status="200")
    refusals = sample("fencepost_requests_total", operation="append", status="412")
    journalled = sample("fencepost_journal_entries_total")
    synced = sample("fencepost_journal_syncs_total")
    timed = sample("fencepost_request_seconds_count", operation="append")
    http.append(stream, "a", "b", "c")
    http.append(stream, "d", match_seq_num=0)
    assert sample("fencepost_appended_records_total") == records + 3
    assert sample("fencepost_journal_entries_total") == journalled + 1, "a batch is one entry, a refusal is none"
    assert sample("fencepost_journal_syncs_total") == synced + 1
    assert sample("fencepost_requests_total", operation="append", status="200") == appends + 1
    assert sample("fencepost_requests_total", operation="append", status="412") == refusals + 1
    assert sample("fencepost_request_seconds_count", operation="append") == timed + 2
    assert sample("fencepost_requests_in_flight") == 1, "the scrape itself, and nothing else"


def test_a_bearer_token_is_asked_of_everything_but_health(tmp_path: Path) -> None:
    environment = {"STREAM_TOKEN": "s3cret"}
    with (
        ServerProcess(tmp_path / "log", "--token-env", "STREAM_TOKEN", env=environment) as server,
        Connection(server.port) as http,
    ):
        assert http.request("GET", "/health").status == 200
        for headers in (
            {},
            {"authorization": "Bearer s3cre"},
            {"authorization": "s3cret"},
            {"authorization": "Bearer"},
        ):
            refused = http.request("GET", "/v1/basins", headers=headers)
            assert (refused.status, refused.code) == (403, "permission_denied"), headers
        assert http.request("GET", "/metrics").status == 403
        assert http.request("GET", "/v1/basins", headers={"authorization": "Bearer s3cret"}).status == 200
        server.terminate()
        assert "s3cret" not in server.log.read_text()


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/basins", "GET, POST"),
        ("/v1/basins/some-basin", "GET, PUT, PATCH, DELETE"),
        ("/v1/streams", "GET, POST"),
        ("/v1/streams/some", "GET, PUT, PATCH, DELETE"),
        ("/v1/streams/some/records", "POST, GET"),
        ("/v1/streams/some/records/tail", "GET"),
        ("/health", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(http: Connection, path: str, allow: str) -> None:
    for method in ("TRACE", "OPTIONS", "MADEUP"):
        answer = http.request(method, path)
        assert (answer.status, answer.headers["allow"], answer.code) == (405, allow, "method_not_allowed")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v2/streams", "/v1/streams/", "/v1/streams//records", "/v1/streams/a/b/c", "//health"]
)
def test_an_unknown_path_is_404(http: Connection, path: str) -> None:
    answer = http.request("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


# ---------------------------------------------------------------- HTTP/2


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """A header in HPACK, neither indexed nor compressed; both parts shorter than 127 bytes."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def _http2(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """One request by prior knowledge (RFC 9113 §3.3): the first byte of the answer's headers, and its body."""
    head = {":method": method, ":scheme": "http", ":path": path, ":authority": "test", "s2-basin": BASIN}
    head["content-type"] = "application/json"
    block = b"".join(_literal(name, value) for name, value in head.items())
    headers, data, settings, end_stream, end_headers = 1, 0, 4, 1, 4
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(settings, 0, 0, b""))
        connection.sendall(_frame(headers, end_headers, 1, block) + _frame(data, end_stream, 1, body))
        file = connection.makefile("rb")
        status, content = 0, b""
        while True:
            length, kind, flags = int.from_bytes(file.read(3), "big"), file.read(1)[0], file.read(1)[0]
            stream, payload = int.from_bytes(file.read(4), "big"), file.read(length)
            if stream == 1 and kind == headers:
                status = payload[0] if payload[0] >> 5 != 1 else payload[1]  # a table size update may come first
            elif stream == 1 and kind == data:
                content += payload
            if stream == 1 and flags & end_stream:
                file.close()
                return status, content


def test_http2_is_spoken_on_the_same_port_by_prior_knowledge(
    http: Connection, server: ServerProcess, stream: str
) -> None:
    indexed_200 = 0x88
    path = records_of(stream)
    assert len(path) < 127
    status, body = _http2(server.port, "POST", path, b'{"records":[{"body":"by HTTP/2"}]}')
    assert (status, json.loads(body)["end"]["seq_num"]) == (indexed_200, 1)
    assert [record["body"] for record in http.read_all(stream)] == ["by HTTP/2"]
    status, body = _http2(server.port, "POST", path, b"{}")
    assert (status != indexed_200, json.loads(body)["code"]) == (True, "bad_json")
