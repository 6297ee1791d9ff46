"""Basins and streams over HTTP, as the test suites of S2's SDKs ask for them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .processes import Answer, Connection, records_of, wait_until

WEEK = 7 * 24 * 60 * 60
DEFAULT = {
    "storage_class": "express",
    "retention_policy": {"age": WEEK},
    "timestamping": {"mode": "client-prefer", "uncapped": False},
    "delete_on_empty": {"min_age_secs": 0},
}
FULL = {
    "storage_class": "standard",
    "retention_policy": {"age": 3600},
    "timestamping": {"mode": "arrival", "uncapped": True},
    "delete_on_empty": {"min_age_secs": 600},
}
PARTS = [
    {"storage_class": "standard"},
    {"storage_class": "express"},
    {"retention_policy": {"age": 86400}},
    {"retention_policy": {"infinite": {}}},
    {"timestamping": {"mode": "client-prefer"}},
    {"timestamping": {"mode": "client-require"}},
    {"timestamping": {"mode": "arrival"}},
    {"timestamping": {"uncapped": True}},
    {"delete_on_empty": {"min_age_secs": 3600}},
    {"delete_on_empty": {"min_age_secs": 0}},
]
_numbers = itertools.count()


@pytest.fixture
def basin(http: Connection) -> str:
    """A basin of its own for each test."""
    name = f"basin-of-a-test-{next(_numbers)}"
    assert http.request("POST", "/v1/basins", {"basin": name}, basin=None).status == 201
    return name


def of(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The configuration with a part of it replaced."""
    whole = {**base, **part}
    if "timestamping" in part:
        whole["timestamping"] = {**base["timestamping"], **part["timestamping"]}
    return whole


def refusal(answer: Answer) -> tuple[int, str]:
    assert answer.json["message"]
    return answer.status, answer.code


def names(http: Connection, basin: str, query: str = "") -> tuple[list[str], bool]:
    answer = http.request("GET", f"/v1/streams?{query}" if query else "/v1/streams", basin=basin)
    assert answer.status == 200, answer
    return [row["name"] for row in answer.json["streams"]], answer.json["has_more"]


# -- basins


def test_a_new_basin_says_where_and_when(http: Connection) -> None:
    answer = http.request("POST", "/v1/basins", {"basin": "basin-in-a-place", "location": "aws:us-east-1"}, basin=None)
    assert (answer.status, answer.headers["s2-provision-result"]) == (201, "created")
    row = answer.json
    assert (row["name"], row["location"], row["deleted_at"]) == ("basin-in-a-place", "aws:us-east-1", None)
    assert abs(datetime.fromisoformat(row["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert http.request("GET", "/v1/basins?prefix=basin-in-a-place", basin=None).json["basins"] == [row]
    elsewhere = {"basin": "basin-elsewhere", "location": "aws:nowhere-1"}
    assert refusal(http.request("POST", "/v1/basins", elsewhere, basin=None)) == (422, "invalid")
    assert refusal(http.request("PUT", "/v1/basins/basin-elsewhere", {"scope": "x"}, basin=None)) == (422, "invalid")


def test_a_basin_reports_all_that_is_configured_and_nothing_else(http: Connection, basin: str) -> None:
    path = f"/v1/basins/{basin}"
    nothing = {
        "create_stream_on_append": False,
        "create_stream_on_read": False,
        "default_stream_config": {},
        "stream_cipher": None,
    }
    assert http.request("GET", path, basin=None).json == nothing
    everything = {
        "create_stream_on_append": True,
        "create_stream_on_read": True,
        "default_stream_config": FULL,
        "stream_cipher": "aegis-256",
    }
    ensured = http.request("PUT", path, {"config": everything}, basin=None)
    assert (ensured.status, ensured.headers["s2-provision-result"]) == (200, "updated")
    assert http.request("GET", path, basin=None).json == everything
    assert http.request("PATCH", path, {}, basin=None).json == everything, "nothing given, nothing changed"
    partly = {"create_stream_on_read": None, "default_stream_config": {"retention_policy": {"infinite": {}}}}
    assert http.request("PATCH", path, partly, basin=None).json == {
        **everything,
        "create_stream_on_read": False,
        "default_stream_config": of(FULL, partly["default_stream_config"]),  # type: ignore[arg-type]
    }
    reset = http.request("PATCH", path, {"default_stream_config": None}, basin=None).json
    assert reset["default_stream_config"] == {}


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_each_part_of_a_basins_default_is_kept_and_inherited(
    http: Connection, basin: str, part: dict[str, Any]
) -> None:
    path = f"/v1/basins/{basin}"
    http.request("POST", "/v1/streams", {"stream": "before"}, basin=basin)
    changed = http.request("PATCH", path, {"default_stream_config": part}, basin=None)
    assert changed.json["default_stream_config"] == part
    http.request("POST", "/v1/streams", {"stream": "after"}, basin=basin)
    assert http.request("GET", "/v1/streams/after", basin=basin).json == of(DEFAULT, part)
    assert http.request("GET", "/v1/streams/before", basin=basin).json == DEFAULT


@pytest.mark.parametrize("on", ["append", "read", "check_tail"])
def test_streams_are_made_on_demand_with_the_basins_default(http: Connection, basin: str, on: str) -> None:
    def ask() -> Answer:
        if on == "append":
            return http.request("POST", records_of("new"), {"records": [{"body": "x"}]}, basin=basin)
        tail = "/tail" if on == "check_tail" else "?seq_num=0"
        return http.request("GET", records_of("new") + tail, basin=basin)

    flag = "create_stream_on_append" if on == "append" else "create_stream_on_read"
    other = "create_stream_on_read" if on == "append" else "create_stream_on_append"
    path = f"/v1/basins/{basin}"
    http.request("PATCH", path, {other: True, "default_stream_config": FULL}, basin=None)
    assert refusal(ask()) == (404, "stream_not_found")
    assert http.request("PATCH", path, {flag: True}, basin=None).json[flag] is True
    assert ask().status == (416 if on == "read" else 200)
    assert http.request("GET", "/v1/streams/new", basin=basin).json == FULL


@pytest.mark.parametrize("on", ["append", "read", "events"])
def test_a_request_that_makes_a_stream_may_say_how(http: Connection, basin: str, on: str) -> None:
    http.request(
        "PATCH",
        f"/v1/basins/{basin}",
        {"create_stream_on_append": True, "create_stream_on_read": True, "default_stream_config": FULL},
        basin=None,
    )

    def ask(config: str) -> Answer:
        headers = {"s2-stream-config": config}
        if on == "append":
            return http.request("POST", records_of("new"), {"records": [{"body": "x"}]}, headers, basin)
        if on == "events":
            headers["accept"] = "text/event-stream"
        return http.request("GET", records_of("new") + "?seq_num=0&count=1", None, headers, basin)

    for wrong in ("{", "[]", '{"storage_class": "none"}', '{"retention_policy": {"age": 0}}', "\xff"):
        assert refusal(ask(wrong)) == (400, "bad_header"), wrong
    assert names(http, basin) == ([], False)
    assert ask('{"retention_policy": {"infinite": {}}}').status == (200 if on == "append" else 416)
    made = of(FULL, {"retention_policy": {"infinite": {}}})
    assert http.request("GET", "/v1/streams/new", basin=basin).json == made
    ask('{"storage_class": "express"}')
    assert http.request("GET", "/v1/streams/new", basin=basin).json == made, "it exists"


def test_what_is_no_basin_cannot_be_configured_or_deleted(http: Connection) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        answer = http.request(method, "/v1/basins/no-such-basin", body, basin=None)
        assert refusal(answer) == (404, "basin_not_found")


# -- streams


def test_a_new_stream_has_the_defaults_of_the_service(http: Connection, basin: str) -> None:
    answer = http.request("POST", "/v1/streams", {"stream": "größe/1"}, basin=basin)
    assert (answer.status, answer.headers["s2-provision-result"]) == (201, "created")
    assert {**answer.json, "created_at": None} == {
        "name": "größe/1",
        "created_at": None,
        "deleted_at": None,
        "cipher": None,
    }
    assert http.request("GET", "/v1/streams/gr%C3%B6%C3%9Fe%2F1", basin=basin).json == DEFAULT


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_each_part_of_a_streams_configuration_is_kept_and_can_be_changed(
    http: Connection, basin: str, part: dict[str, Any]
) -> None:
    http.request("POST", "/v1/streams", {"stream": "made", "config": part}, basin=basin)
    assert http.request("GET", "/v1/streams/made", basin=basin).json == of(DEFAULT, part)
    http.request("POST", "/v1/streams", {"stream": "changed", "config": FULL}, basin=basin)
    changed = http.request("PATCH", "/v1/streams/changed", part, basin=basin)
    assert changed.json == of(FULL, part) == http.request("GET", "/v1/streams/changed", basin=basin).json


def test_null_brings_back_the_default_of_the_basin(http: Connection, basin: str) -> None:
    default = {"retention_policy": {"age": 60}, "timestamping": {"uncapped": True}}
    http.request("PATCH", f"/v1/basins/{basin}", {"default_stream_config": default}, basin=None)
    http.request("POST", "/v1/streams", {"stream": "s", "config": FULL}, basin=basin)
    nulls = dict.fromkeys(FULL)
    assert http.request("PATCH", "/v1/streams/s", nulls, basin=basin).json == of(of(DEFAULT, default), {})


@pytest.mark.parametrize("age", [0, -1, 1 << 64])
def test_no_retention_is_shorter_than_a_second(http: Connection, basin: str, age: int) -> None:
    expected = (422, "invalid") if age == 0 else (400, "bad_json")
    http.request("POST", "/v1/streams", {"stream": "s"}, basin=basin)
    config = {"retention_policy": {"age": age}}
    nested = {"default_stream_config": config}
    for method, path, body in (
        ("POST", "/v1/streams", {"stream": "never", "config": config}),
        ("PUT", "/v1/streams/never", config),
        ("PATCH", "/v1/streams/s", config),
        ("POST", "/v1/basins", {"basin": "never-a-basin", "config": nested}),
        ("PUT", "/v1/basins/never-a-basin", {"config": nested}),
        ("PATCH", f"/v1/basins/{basin}", nested),
    ):
        assert refusal(http.request(method, path, body, basin=basin)) == expected, (method, path)
    assert names(http, basin) == (["s"], False)


def test_the_same_creation_twice_is_one(http: Connection, basin: str) -> None:
    token = {"s2-request-token": "a-token"}
    body = {"stream": "s", "config": {"storage_class": "standard"}}
    first, again = (http.request("POST", "/v1/streams", body, token, basin) for _ in range(2))
    assert (again.status, again.headers["s2-provision-result"], again.json) == (201, "noop", first.json)
    for other_body, other_token in ((body, {}), (body, {"s2-request-token": "another"}), ({"stream": "s"}, token)):
        conflict = http.request("POST", "/v1/streams", other_body, other_token, basin)
        assert refusal(conflict) == (409, "resource_already_exists")
    named = {"basin": f"{basin}-b"}
    first, again = (http.request("POST", "/v1/basins", named, token, basin=None) for _ in range(2))
    assert (again.status, again.headers["s2-provision-result"], again.json) == (200, "noop", first.json)
    conflict = http.request("POST", "/v1/basins", named, basin=None)
    assert refusal(conflict) == (409, "resource_already_exists")
    long = http.request("POST", "/v1/streams", {"stream": "t"}, {"s2-request-token": "x" * 37}, basin)
    assert refusal(long) == (422, "invalid")


def test_lists_are_in_lexicographic_order_and_paged(http: Connection, basin: str) -> None:
    made = ["b", "a/2", "a/10", "a/1", "c"]
    for name in made:
        http.request("POST", "/v1/streams", {"stream": name}, basin=basin)
    assert names(http, basin) == (sorted(made), False)
    assert names(http, basin, "limit=0") == names(http, basin, "limit=1001") == (sorted(made), False)
    assert names(http, basin, "prefix=a%2F&limit=2") == (["a/1", "a/10"], True)
    assert names(http, basin, "prefix=a%2F&start_after=a%2F10&limit=1") == (["a/2"], False)
    assert names(http, basin, "prefix=a%2F&start_after=a%2F2") == ([], False)
    assert names(http, basin, "start_after=c") == ([], False)
    assert names(http, basin, "prefix=none") == ([], False)
    answer = http.request("GET", "/v1/streams?prefix=b&start_after=a", basin=basin)
    assert refusal(answer) == (422, "invalid")
    for query in ("limit=-1", "limit=x", "limit=1&limit=2", "unknown=1"):
        assert refusal(http.request("GET", f"/v1/streams?{query}", basin=basin)) == (400, "bad_query")


# -- deletion


@pytest.mark.parametrize("what", ["stream", "basin"])
def test_a_deletion_takes_a_moment(http: Connection, basin: str, what: str) -> None:
    http.request("POST", "/v1/streams", {"stream": "s"}, basin=basin)
    path = "/v1/streams/s" if what == "stream" else f"/v1/basins/{basin}"
    make = ("POST", "/v1/streams", {"stream": "s"}) if what == "stream" else ("POST", "/v1/basins", {"basin": basin})
    listing = "/v1/streams?prefix=s" if what == "stream" else f"/v1/basins?prefix={basin}"

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = http.request("GET", listing, basin=basin).json[f"{what}s"]
        return found

    deleted = http.request("DELETE", path, basin=basin)
    assert (deleted.status, deleted.body) == (202, b"")
    # The server may be slow, so each of these may already find it gone.
    (row,) = rows() or [{"deleted_at": "2001-01-01T00:00:00Z"}]
    assert datetime.fromisoformat(row["deleted_at"])
    assert http.request("DELETE", path, basin=basin).status in (202, 404)
    assert http.request(*make, basin=basin).status in (409, 201)
    http.request("DELETE", path, basin=basin)
    wait_until(lambda: rows() == [], "it is gone")
    assert refusal(http.request("DELETE", path, basin=basin)) == (404, f"{what}_not_found")
    assert http.request(*make, basin=basin).status == 201


# -- names


@pytest.mark.parametrize(
    "name", ["short", "a" * 49, "Test-Basin-Name", "test_basin_name", "-test-basin", "test-basin-"]
)
def test_an_invalid_name_of_a_basin_is_refused_where_it_stands(http: Connection, name: str) -> None:
    assert refusal(http.request("POST", "/v1/basins", {"basin": name}, basin=None)) == (400, "bad_json")
    for method, body in (("GET", None), ("PUT", None), ("PATCH", {}), ("DELETE", None)):
        answer = http.request(method, f"/v1/basins/{name}", body, basin=None)
        assert refusal(answer) == (400, "bad_path")
    for method, path, body in (
        ("GET", "/v1/streams", None),
        ("GET", "/v1/streams/s", None),
        ("POST", records_of("s"), {"records": [{}]}),
    ):
        assert refusal(http.request(method, path, body, basin=name)) == (400, "bad_header")


def test_an_invalid_name_of_a_stream_is_refused_where_it_stands(http: Connection, basin: str) -> None:
    for name in ("", ".", "..", "x" * 513, "ü" * 257):
        assert refusal(http.request("POST", "/v1/streams", {"stream": name}, basin=basin)) == (400, "bad_json")
    for path in ("%2E", "%2e%2e", "x" * 513):
        for suffix in ("", "/records", "/records/tail"):
            assert refusal(http.request("GET", f"/v1/streams/{path}{suffix}", basin=basin)) == (400, "bad_path")
    assert names(http, basin) == ([], False)


# -- the account


def test_there_is_one_location_and_it_is_the_default(http: Connection) -> None:
    (location,) = http.request("GET", "/v1/locations", basin=None).json
    assert location == {
        "name": "aws:us-east-1",
        "is_private": False,
        "storage_classes": ["standard", "express"],
        "default_storage_class": "express",
    }
    path = "/v1/locations/default"
    assert http.request("GET", path, basin=None).json == location
    assert http.request("PUT", path, location["name"], basin=None).json == location
    assert refusal(http.request("PUT", path, "aws:eu-north-9", basin=None)) == (422, "invalid")
    assert refusal(http.request("PUT", path, {"name": "x"}, basin=None)) == (400, "bad_json")


@pytest.mark.parametrize(
    ("path", "metric"),
    [
        ("/v1/metrics", "active-basins"),
        ("/v1/metrics", "account-ops"),
        ("/v1/metrics/some-basin", "storage"),
        ("/v1/metrics/some-basin", "append-throughput"),
        ("/v1/metrics/some-basin/some%20stream", "storage"),
    ],
)
def test_metrics_are_not_offered_but_asking_wrongly_is_wrong(http: Connection, path: str, metric: str) -> None:
    def ask(query: str) -> tuple[int, str]:
        return refusal(http.request("GET", f"{path}?{query}", basin=None))

    assert ask(f"set={metric}&start=0&end=3600") == (501, "not_implemented")
    assert ask(f"set={metric}&start=0&end=3600&interval=hour") == (501, "not_implemented")
    for query in ("start=0&end=1", "set=nonsense&start=0&end=1", f"set={metric}&start=x&end=1"):
        assert ask(query) == (400, "bad_query"), query
    assert ask(f"set={metric}&start=0&end=1&interval=week") == (400, "bad_query")
    for query in (f"set={metric}&end=1", f"set={metric}&start=1", f"set={metric}", f"set={metric}&start=2&end=1"):
        assert ask(query) == (422, "invalid"), query


def test_metrics_are_asked_of_valid_names(http: Connection) -> None:
    for path in ("/v1/metrics/short", "/v1/metrics/UPPERCASE/s", "/v1/metrics/some-basin/%2E%2E"):
        answer = http.request("GET", f"{path}?set=storage&start=0&end=1", basin=None)
        assert refusal(answer) == (400, "bad_path")
