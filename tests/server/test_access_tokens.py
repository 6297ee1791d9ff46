"""Access tokens over real HTTP, as the SDKs' suites ask for them: issued, listed, revoked, and what they permit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost.harness.s2 import json_codec
from fencepost.harness.s2.errors import Malformed
from fencepost.harness.server.access.scopes import Op
from fencepost.harness.server.access.wire import decode_issue, show_token
from fencepost.harness.server.app import App
from fencepost.harness.server.errors import ServiceError
from fencepost.harness.server.routing import Operation, operations_of

from .authorized import DENIED, EVERYWHERE, ROOT, Client, auth_server, refusal
from .processes import BASIN, Connection, ServerProcess, records_of

IDS = count()
OPS = {"ops": ["list-basins"]}
ALL_OPS = [op.value for op in Op]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with auth_server(tmp_path_factory.mktemp("access") / "log", "--memory") as process:
        yield process
        log = Path(process.log).read_text()
        assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def root(server: ServerProcess) -> Iterator[Client]:
    with Client(server.port) as client:
        assert client.request("POST", "/v1/streams", {"stream": "s"}).status == 201
        yield client


@pytest.fixture
def name() -> str:
    return f"token-{next(IDS)}-"


# -- issue


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ({"ops": ["read", "list-basins", "read"]}, {"ops": ["read", "list-basins"]}),
        ({"op_groups": {"account": {"read": True}}}, {"op_groups": ("account", True, False)}),
        ({"op_groups": {"stream": {"read": True, "write": True}}}, {"op_groups": ("stream", True, True)}),
        ({**OPS, "basins": {"exact": "some-basin"}}, {"basins": {"exact": "some-basin"}}),
        ({**OPS, "basins": {"prefix": ""}}, {"basins": {"prefix": ""}}),
        ({**OPS, "streams": {"prefix": "tenant/"}}, {"streams": {"prefix": "tenant/"}}),
        ({**OPS, "streams": {"exact": ""}}, {"streams": None}),
        ({**OPS, "access_tokens": {"exact": "ü"}}, {"access_tokens": {"exact": "ü"}}),
        ({**OPS, "basins": None, "streams": None, "access_tokens": None, "op_groups": None}, OPS),
    ],
)
def test_a_scope_is_listed_as_it_was_given(root: Client, name: str, scope: dict[str, Any], shown: Any) -> None:
    root.token(name, scope)
    (row,) = root.request("GET", f"/v1/access-tokens?prefix={name}").json["access_tokens"]
    assert (row["id"], row["expires_at"], row["auto_prefix_streams"]) == (name, None, False)
    if isinstance(shown.get("op_groups"), tuple):
        group, read, write = shown["op_groups"]
        assert row["scope"]["op_groups"][group] == {"read": read, "write": write}
    else:
        assert {field: row["scope"][field] for field in shown} == shown


def test_an_expiry_is_kept_and_listed(root: Client, name: str) -> None:
    root.token(name, OPS, expires_at="2999-01-01T02:00:00.5+02:00")
    (row,) = root.request("GET", f"/v1/access-tokens?prefix={name}").json["access_tokens"]
    assert row["expires_at"] == "2999-01-01T00:00:00.500000Z"
    root.token(name + "last", OPS, expires_at="9999-12-31T23:59:59.999-23:59")
    assert root.listed(f"?prefix={name}last")[0] == [name + "last"]


@pytest.mark.parametrize(
    ("scope", "members", "expected"),
    [
        ({}, {}, (422, "invalid")),
        ({"ops": []}, {}, (422, "invalid")),
        ({"op_groups": {"account": {}}}, {}, (422, "invalid")),
        (OPS, {"auto_prefix_streams": True}, (422, "invalid")),
        ({**OPS, "streams": {"exact": "tenant/s"}}, {"auto_prefix_streams": True}, (422, "invalid")),
        (OPS, {"expires_at": "2001-01-01T00:00:00Z"}, (422, "invalid")),
        (OPS, {"expires_at": "0001-01-01T00:00:00+23:59"}, (422, "invalid")),
        (OPS, {"expires_at": "2999-01-01T00:00:00"}, (400, "bad_json")),
        (OPS, {"expires_at": "tomorrow"}, (400, "bad_json")),
        (OPS, {"unknown": 1}, (400, "bad_json")),
        ({"ops": ["fly"]}, {}, (400, "bad_json")),
        ({**OPS, "basins": {}}, {}, (400, "bad_json")),
        ({**OPS, "basins": {"exact": "a", "prefix": "a"}}, {}, (400, "bad_json")),
        ({**OPS, "basins": {"prefix": "b" * 49}}, {}, (400, "bad_json")),
        ({**OPS, "streams": {"exact": "ü" * 257}}, {}, (400, "bad_json")),
        (None, {}, (400, "bad_json")),
    ],
)
def test_what_cannot_be_issued_is_refused(
    root: Client, name: str, scope: Any, members: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(root.issue(name, scope, **members)) == expected
    assert root.listed(f"?prefix={name}") == ([], False)


names = st.one_of(
    st.none(),
    st.fixed_dictionaries({}, optional={"exact": st.text(max_size=50), "prefix": st.text(max_size=50)}),
)
read_write = st.none() | st.fixed_dictionaries({}, optional={"read": st.booleans(), "write": st.none() | st.booleans()})
scopes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("basins", "streams", "access_tokens"), names),
        "op_groups": st.fixed_dictionaries({}, optional=dict.fromkeys(("account", "basin", "stream"), read_write)),
        "ops": st.none() | st.lists(st.sampled_from([*ALL_OPS, "fly"])),
    },
)
times = st.datetimes(timezones=st.none() | st.timezones()).map(lambda time: time.isoformat())
requests = st.fixed_dictionaries(
    {"id": st.text(max_size=100), "scope": scopes},
    optional={"expires_at": st.none() | times | st.text(max_size=30), "auto_prefix_streams": st.none() | st.booleans()},
)


@given(requests)
def test_a_request_is_refused_as_bad_json_or_shown_as_what_it_asks_for(request: dict[str, Any]) -> None:
    try:
        row = decode_issue(json_codec.encode(request))
    except (Malformed, ServiceError) as error:
        code = error.code
    else:
        code = "bad_json"
        assert decode_issue(json_codec.encode(show_token(row))) == row
    assert code == "bad_json"


@pytest.mark.parametrize("id_", ["", "a" * 97, "ü" * 49, "a\0b"])
def test_an_id_has_1_to_96_bytes_and_no_nul(root: Client, id_: str) -> None:
    assert refusal(root.issue(id_, OPS)) == (400, "bad_json")


def test_the_longest_id_and_the_oddest_can_be_used(root: Client) -> None:
    for id_, path in (("ü" * 48, "%C3%BC" * 48), ("a/../b", "a%2F..%2Fb"), (".", "%2E")):
        root.token(id_, OPS)
        assert root.revoke(path).status == 204


def test_an_id_is_taken_until_it_is_revoked(root: Client, name: str) -> None:
    first = root.token(name, OPS)
    assert refusal(root.issue(name, OPS)) == (409, "resource_already_exists")
    assert root.revoke(name).status == 204
    second = root.token(name, OPS)
    assert root.having(second).request("GET", "/v1/basins").status == 200
    assert refusal(root.having(first).request("GET", "/v1/basins")) == DENIED


# -- list


def test_tokens_are_listed_by_id_in_pages(root: Client, name: str) -> None:
    ids = [f"{name}{letter}" for letter in "abcde"]
    for id_ in reversed(ids):
        root.token(id_, OPS)
    assert root.listed(f"?prefix={name}") == (ids, False)
    assert root.listed(f"?prefix={name}&limit=2") == (ids[:2], True)
    assert root.listed(f"?prefix={name}&limit=2&start_after={ids[1]}") == (ids[2:4], True)
    assert root.listed(f"?prefix={name}&limit=2&start_after={ids[3]}") == (ids[4:], False)
    assert root.listed(f"?prefix={name}&limit=0")[0] == ids
    assert root.listed("?prefix=none-has-this") == ([], False)
    assert refusal(root.request("GET", "/v1/access-tokens?prefix=z&start_after=a")) == (422, "invalid")


def test_a_list_has_no_secrets(root: Client, name: str) -> None:
    secret = root.token(name, OPS)
    body = root.request("GET", f"/v1/access-tokens?prefix={name}").body
    assert secret.encode() not in body
    assert b"digest" not in body


# -- revoke


def test_a_revoked_token_is_gone_at_once(root: Client, name: str) -> None:
    client = root.with_token(name, OPS)
    assert client.request("GET", "/v1/basins").status == 200
    assert (root.revoke(name).status, root.revoke(name).code) == (204, "access_token_not_found")
    assert refusal(client.request("GET", "/v1/basins")) == DENIED
    assert root.listed(f"?prefix={name}") == ([], False)


def test_only_what_is_there_can_be_revoked(root: Client) -> None:
    assert refusal(root.revoke("missing")) == (404, "access_token_not_found")
    assert refusal(root.revoke("a" * 97)) == (400, "bad_path")
    assert refusal(root.revoke("")) == (404, "not_found")


def test_a_token_may_revoke_itself(root: Client, name: str) -> None:
    client = root.with_token(name, {"ops": ["revoke-access-token"], "access_tokens": {"exact": name}})
    assert client.revoke(name).status == 204
    assert refusal(client.revoke(name)) == DENIED


# -- what a token permits

BODIES = {
    "create_basin": {"basin": "row-basin"},
    "create_stream": {"stream": "row-stream"},
    "issue_access_token": {"id": "row-token", "scope": {"ops": ["issue-access-token"]}},
    "append": {"records": [{"body": "x"}]},
    "set_default_location": "aws:us-east-1",
}
ROWS = [row for row in operations_of(App) if row.access is not None]


def ask(client: Client, row: Operation) -> tuple[int, str]:
    path = (
        row.paths[0].replace("{basin}", "row-basin").replace("{stream}", "row-stream").replace("{token}", "row-token")
    )
    query = "?seq_num=0" if row.name == "read" else "?set=storage&start=0&end=1" if path.startswith("/v1/m") else ""
    answer = client.request(row.method, path + query, BODIES.get(row.name))
    return answer.status, answer.code if answer.status >= 400 else ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_operation_needs_its_own_permission(root: Client, name: str, row: Operation) -> None:
    assert row.access is not None
    needed = sorted(op.value for op in row.access.ops)
    others = [op for op in ALL_OPS if op not in needed]
    assert ask(root.with_token(name + "others", EVERYWHERE | {"ops": others}), row) == DENIED
    for op in needed if row.access.all and len(needed) > 1 else ():
        assert ask(root.with_token(f"{name}only-{op}", EVERYWHERE | {"ops": [op]}), row) == DENIED
    assert ask(root.with_token(name + "it", EVERYWHERE | {"ops": needed}), row) != DENIED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("resource", ["basins", "streams", "access_tokens"])
def test_each_operation_needs_the_names_that_it_is_about(
    root: Client, name: str, row: Operation, resource: str
) -> None:
    concerned = {"basins": "basin", "streams": "stream", "access_tokens": "token"}[resource]
    path, body = row.paths[0], BODIES.get(row.name) or {}
    about = f"{{{concerned}}}" in path or concerned in body or (concerned == "token" and "id" in body)
    about |= concerned == "basin" and "/streams" in path
    scope = {**EVERYWHERE, resource: {"exact": "another-name"}, "ops": ALL_OPS}
    if row.name == "list_streams" and resource == "streams":
        return  # it shows fewer; see below
    assert (ask(root.with_token(name, scope), row) == DENIED) == about


def test_lists_show_only_the_names_of_the_scope(root: Client, name: str) -> None:
    for basin in ("seen-one", "seen-two", "unseen-one"):
        root.request("PUT", f"/v1/basins/{basin}")
    for stream in ("seen/1", "seen/2", "unseen"):
        root.request("PUT", f"/v1/streams/{stream.replace('/', '%2F')}", basin="seen-one")
    seeing = {
        "basins": {"prefix": "seen-"},
        "streams": {"exact": "seen/2"},
        "access_tokens": {"prefix": name},
        "op_groups": {"account": {"read": True}, "basin": {"read": True}},
    }
    client = root.with_token(name, seeing)

    def basins(query: str = "") -> list[str]:
        return [row["name"] for row in client.request("GET", f"/v1/basins{query}").json["basins"]]

    assert basins() == ["seen-one", "seen-two"]
    assert basins("?prefix=s&start_after=seen-one") == ["seen-two"]
    assert basins("?prefix=unseen") == []
    rows = client.request("GET", "/v1/streams", basin="seen-one").json["streams"]
    assert [row["name"] for row in rows] == ["seen/2"]
    assert client.listed() == ([name], False)


@pytest.mark.parametrize(
    ("op", "record"),
    [
        ("append", {"body": "eA=="}),
        ("trim", {"headers": [["", "dHJpbQ=="]], "body": "AAAAAAAAAAA="}),
        ("fence", {"headers": [["", "ZmVuY2U="]], "body": ""}),
    ],
)
def test_records_and_commands_need_a_permission_each(root: Client, name: str, op: str, record: Any) -> None:
    batch, base64 = {"records": [record]}, {"s2-format": "base64"}
    others = [other for other in ("append", "trim", "fence") if other != op]
    able = root.with_token(name + "it", EVERYWHERE | {"ops": [op]})
    unable = root.with_token(name + "others", EVERYWHERE | {"ops": others})
    assert able.request("POST", records_of("s"), batch, base64).status == 200
    tail = root.request("GET", f"{records_of('s')}/tail").json
    assert refusal(unable.request("POST", records_of("s"), batch, base64)) == DENIED
    assert root.request("GET", f"{records_of('s')}/tail").json == tail, "what was refused was appended"


@pytest.mark.parametrize("token", ["", "x", ROOT[:-1], ROOT + "x", "fencepost_" + "A" * 43])
def test_an_unknown_token_permits_nothing(root: Client, token: str) -> None:
    for row in ROWS:
        assert ask(root.having(token), row) == DENIED


# -- no token permits more than the one that issued it


@pytest.mark.parametrize(
    ("scope", "members"),
    [
        ({"ops": ["create-basin"]}, {}),
        ({"op_groups": {"account": {"read": True}}}, {}),
        ({**OPS, "basins": {"prefix": ""}}, {}),
        ({**OPS, "basins": {"exact": "other"}}, {}),
        ({**OPS, "streams": {"prefix": "logs"}}, {}),
        ({**OPS, "access_tokens": {"prefix": ""}}, {}),
        (OPS, {"expires_at": "2999-01-01T00:00:00.001Z"}),
    ],
)
def test_a_token_cannot_issue_more_than_it_has(
    root: Client, name: str, scope: dict[str, Any], members: dict[str, Any]
) -> None:
    limited = {
        "ops": ["list-basins", "issue-access-token"],
        "access_tokens": {"prefix": name},
        "basins": {"prefix": "mine-"},
        "streams": {"prefix": "logs/"},
    }
    client = root.with_token(name, limited, expires_at="2999-01-01T00:00:00Z")
    assert refusal(client.issue(name + "more", scope, **members)) == DENIED
    assert refusal(client.issue("elsewhere" + name, OPS)) == DENIED
    assert client.issue(name + "as-much", limited).status == 201
    within = {**OPS, "basins": {"exact": "mine-1"}, "streams": {"prefix": "logs/a/"}, "access_tokens": {"exact": ""}}
    assert client.issue(name + "less", within, expires_at="2998-01-01T00:00:00Z").status == 201
    rows = root.request("GET", f"/v1/access-tokens?prefix={name}as").json["access_tokens"]
    assert rows[0]["expires_at"] == "2999-01-01T00:00:00Z", "the expiry of the issuer is the default"


# -- auto-prefix


def test_a_tenant_sees_its_streams_without_their_prefix(root: Client, name: str) -> None:
    scope = {
        "basins": {"exact": BASIN},
        "streams": {"prefix": "tenant/"},
        "op_groups": {"basin": {"read": True, "write": True}, "stream": {"read": True, "write": True}},
    }
    tenant = root.with_token(name, scope, auto_prefix_streams=True)
    assert tenant.request("POST", "/v1/streams", {"stream": "b"}).json["name"] == "b"
    assert tenant.request("PUT", "/v1/streams/a").json["name"] == "a"
    assert tenant.request("PUT", "/v1/streams/tenant%2Fa").json["name"] == "tenant/a"

    def listed(query: str = "") -> list[str]:
        return [row["name"] for row in tenant.request("GET", f"/v1/streams{query}").json["streams"]]

    assert listed() == ["a", "b", "tenant/a"]
    assert listed("?prefix=a") == ["a"]
    assert listed("?start_after=a&limit=1") == ["b"]
    assert refusal(tenant.request("GET", "/v1/streams?prefix=b&start_after=a")) == (422, "invalid")
    rows = root.request("GET", "/v1/streams?prefix=tenant/").json["streams"]
    assert [row["name"] for row in rows] == ["tenant/a", "tenant/b", "tenant/tenant/a"]
    assert tenant.append("a", "x", "y").status == 200
    assert [record["body"] for record in tenant.read_all("a")] == ["x", "y"]
    assert [record["body"] for record in root.read_all("tenant/a")] == ["x", "y"]
    for missing in (tenant.append("s", "x"), tenant.request("DELETE", "/v1/streams/s")):
        assert refusal(missing) == (404, "stream_not_found"), "the stream of somebody else"
        assert "tenant" not in missing.body.decode()
    again = tenant.request("POST", "/v1/streams", {"stream": "b"})
    assert (refusal(again), "tenant" in again.body.decode()) == ((409, "resource_already_exists"), False)
    assert tenant.request("DELETE", "/v1/streams/a").status == 202
    long = "n" * 512
    assert refusal(tenant.request("POST", "/v1/streams", {"stream": long})) == (422, "invalid")


# -- without --auth


def test_without_auth_any_token_will_do_and_tokens_are_issued_all_the_same(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "log", "--memory") as server, Client(server.port, "whatever") as client:
        secret = client.token("t", OPS)
        assert refusal(client.issue("t", OPS)) == (409, "resource_already_exists")
        assert client.listed() == (["t"], False)
        assert client.having(secret).request("POST", "/v1/streams", {"stream": "s"}).status == 201
        assert client.revoke("t").status == 204
        with Connection(server.port) as nobody:
            assert nobody.request("GET", "/v1/basins").status == 200


def test_without_auth_a_required_token_is_the_only_one(tmp_path: Path) -> None:
    env = {"ROOT_TOKEN": ROOT}
    with (
        ServerProcess(tmp_path / "log", "--memory", "--token-env", "ROOT_TOKEN", env=env) as server,
        Client(server.port) as client,
    ):
        assert refusal(client.with_token("t", OPS).request("GET", "/v1/basins")) == DENIED
