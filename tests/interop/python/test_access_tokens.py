"""Access tokens: how they are issued, listed and revoked, and what they permit on a server that enforces them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clients import batch, client, following, fresh, refused
from endpoint import ROOT_TOKEN, Endpoint
from s2_sdk import (
    S2,
    AccessTokenScope,
    AppendInput,
    CommandRecord,
    ExactMatch,
    Operation,
    OperationGroupPermissions,
    Permission,
    PrefixMatch,
    S2ClientError,
    SeqNum,
)

EVERYTHING = PrefixMatch("")
ALL_GROUPS = OperationGroupPermissions(
    account=Permission.READ_WRITE, basin=Permission.READ_WRITE, stream=Permission.READ_WRITE
)


def scope(**parts: Any) -> AccessTokenScope:
    """A scope of everything, except for these parts."""
    whole = {"basins": EVERYTHING, "streams": EVERYTHING, "access_tokens": EVERYTHING, "op_groups": ALL_GROUPS}
    return AccessTokenScope(**(whole | parts))


@pytest.fixture
async def root(guarded: Endpoint) -> AsyncIterator[S2]:
    async with client(guarded, ROOT_TOKEN) as one:
        yield one


class Holders:
    """Clients that hold a token with a scope."""

    def __init__(self, root: S2, server: Endpoint) -> None:
        self._root, self._server, self._clients = root, server, list[S2]()

    async def __call__(self, scope: AccessTokenScope, **more: Any) -> S2:
        token = await self._root.issue_access_token(fresh("token"), scope=scope, **more)
        self._clients.append(client(self._server, token))
        return self._clients[-1]

    async def close(self) -> None:
        for one in self._clients:
            await one.close()


@pytest.fixture
async def holder(root: S2, guarded: Endpoint) -> AsyncIterator[Holders]:
    holders = Holders(root, guarded)
    yield holders
    await holders.close()


@pytest.fixture
async def basin_name(root: S2) -> str:
    name = fresh("basin")
    await root.create_basin(name)
    await root[name].create_stream("stream")
    await root[name]["stream"].append(batch(b"x"))
    return name


async def test_an_unknown_token_is_refused(guarded: Endpoint) -> None:
    async with client(guarded, "unknown") as stranger:
        with refused(403, "permission_denied"):
            await stranger.list_basins()
        with refused(403, "permission_denied"):
            await stranger[fresh("basin")]["stream"].append(batch(b"x"))
        with refused(403, "permission_denied"):
            async with stranger[fresh("basin")]["stream"].append_session() as session:
                await (await session.submit(batch(b"x")))
        with refused(403, "permission_denied"):
            async with stranger[fresh("basin")]["stream"].read_session(start=SeqNum(0)) as session:
                await anext(session)


async def test_without_enforcement_any_token_is_accepted(endpoint: Endpoint) -> None:
    async with client(endpoint, "whatever") as anyone:
        await anyone.list_basins()
        id_ = fresh("token")
        assert await anyone.issue_access_token(id_, scope=scope())
        assert [one.id async for one in anyone.list_all_access_tokens(prefix=id_)] == [id_]
        await anyone.revoke_access_token(id_)


@pytest.mark.parametrize(
    "asked",
    [
        AccessTokenScope(basins=EVERYTHING, ops=[Operation.LIST_BASINS, Operation.CREATE_BASIN]),
        AccessTokenScope(op_groups=OperationGroupPermissions(account=Permission.READ)),
        AccessTokenScope(op_groups=ALL_GROUPS),
        AccessTokenScope(basins=ExactMatch("my-basin"), op_groups=ALL_GROUPS),
        AccessTokenScope(basins=PrefixMatch("my-"), streams=ExactMatch("a/b"), op_groups=ALL_GROUPS),
        AccessTokenScope(streams=PrefixMatch("tenant/"), ops=list(Operation)),
        AccessTokenScope(access_tokens=PrefixMatch("team-"), ops=[Operation.ISSUE_ACCESS_TOKEN]),
    ],
    ids=range(7),
)
async def test_what_was_issued_is_listed(root: S2, asked: AccessTokenScope) -> None:
    id_ = fresh("token")
    secret = await root.issue_access_token(id_, scope=asked)
    assert secret
    [info] = (await root.list_access_tokens(prefix=id_)).items
    assert (info.id, info.auto_prefix_streams) == (id_, False)
    for name in ("basins", "streams", "access_tokens"):
        if getattr(asked, name) is not None:
            assert getattr(info.scope, name) == getattr(asked, name)
    assert set(info.scope.ops or []) >= set(asked.ops)
    if asked.op_groups is not None:
        for name in ("account", "basin", "stream"):
            wanted = getattr(asked.op_groups, name)
            assert wanted is None or getattr(info.scope.op_groups, name) is wanted


async def test_it_may_expire(root: S2) -> None:
    id_, later = fresh("token"), (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    await root.issue_access_token(id_, scope=scope(), expires_at=later)
    [info] = (await root.list_access_tokens(prefix=id_)).items
    assert info.expires_at == later


async def test_it_cannot_have_expired(root: S2) -> None:
    with refused(422, "invalid"):
        await root.issue_access_token(fresh("t"), scope=scope(), expires_at=datetime.now(UTC) - timedelta(hours=1))


async def test_an_id_is_used_once(root: S2) -> None:
    id_ = fresh("token")
    await root.issue_access_token(id_, scope=scope())
    with refused(409, "resource_already_exists"):
        await root.issue_access_token(id_, scope=scope())


@pytest.mark.parametrize("id_", ["", "x" * 97])
async def test_invalid_ids_never_leave_the_client(root: S2, id_: str) -> None:
    with pytest.raises(S2ClientError):
        await root.issue_access_token(id_, scope=scope())


async def test_it_must_permit_something(root: S2) -> None:
    with refused(422, "invalid"):
        await root.issue_access_token(fresh("token"), scope=AccessTokenScope(streams=PrefixMatch("x")))


async def test_lists_are_pages_in_order(root: S2) -> None:
    prefix = fresh("t")
    ids = [f"{prefix}-{number}" for number in range(5)]
    for id_ in reversed(ids):
        await root.issue_access_token(id_, scope=scope())
    page = await root.list_access_tokens(prefix=prefix, limit=2)
    assert ([one.id for one in page.items], page.has_more) == (ids[:2], True)
    page = await root.list_access_tokens(prefix=prefix, start_after=ids[1])
    assert ([one.id for one in page.items], page.has_more) == (ids[2:], False)
    assert [one.id async for one in root.list_all_access_tokens(prefix=prefix)] == ids
    assert (await root.list_access_tokens(prefix=fresh("none"))).items == []


async def test_revoked(root: S2, guarded: Endpoint) -> None:
    id_ = fresh("token")
    secret = await root.issue_access_token(id_, scope=scope())
    async with client(guarded, secret) as holder:
        await holder.list_basins()
        await root.revoke_access_token(id_)
        with refused(403, "permission_denied"):
            await holder.list_basins()
    with refused(404, "access_token_not_found"):
        await root.revoke_access_token(id_)
    with refused(404, "access_token_not_found"):
        await root.revoke_access_token(fresh("token"))
    assert (await root.list_access_tokens(prefix=id_)).items == []


async def test_basins_by_prefix(root: S2, holder: Holders) -> None:
    prefix = fresh("b")
    one = await holder(scope(basins=PrefixMatch(prefix)))
    await one.create_basin(f"{prefix}-mine")
    assert [info.name async for info in one.list_all_basins()] == [f"{prefix}-mine"]
    with refused(403, "permission_denied"):
        await one.create_basin(fresh("other"))


async def test_one_basin_only(holder: Holders, basin_name: str, root: S2) -> None:
    one = await holder(scope(basins=ExactMatch(basin_name)))
    await one[basin_name]["stream"].check_tail()
    other = fresh("basin")
    await root.create_basin(other)
    for request in (one[other].list_streams, lambda: one.get_basin_config(other)):
        with refused(403, "permission_denied"):
            await request()


async def test_streams_by_name(holder: Holders, basin_name: str, root: S2) -> None:
    await root[basin_name].create_stream("tenant/a")
    one = await holder(scope(streams=PrefixMatch("tenant/")))
    await one[basin_name]["tenant/a"].append(batch(b"x"))
    assert [info.name async for info in one[basin_name].list_all_streams()] == ["tenant/a"]
    with refused(403, "permission_denied"):
        await one[basin_name]["stream"].append(batch(b"x"))
    with refused(403, "permission_denied"):
        async with one[basin_name]["stream"].append_session() as session:
            await (await session.submit(batch(b"x")))


async def test_a_reader_cannot_write(holder: Holders, basin_name: str) -> None:
    readonly = OperationGroupPermissions(account=Permission.READ, basin=Permission.READ, stream=Permission.READ)
    one = await holder(scope(op_groups=readonly))
    stream = one[basin_name]["stream"]
    assert (await stream.check_tail()).seq_num == 1
    assert len((await stream.read(start=SeqNum(0))).records) == 1
    async with following(stream, start=SeqNum(0)) as session:
        assert len((await anext(session)).records) == 1
    for request in (
        lambda: stream.append(batch(b"x")),
        lambda: one[basin_name].create_stream("new"),
        lambda: one.create_basin(fresh("basin")),
        lambda: one.delete_basin(basin_name),
    ):
        with refused(403, "permission_denied"):
            await request()


async def test_an_appender_may_be_kept_from_fencing_and_trimming(holder: Holders, basin_name: str) -> None:
    one = await holder(AccessTokenScope(basins=EVERYTHING, streams=EVERYTHING, ops=[Operation.APPEND]))
    stream = one[basin_name]["stream"]
    await stream.append(batch(b"x"))
    for command in (CommandRecord.fence("t"), CommandRecord.trim(1)):
        with refused(403, "permission_denied"):
            await stream.append(AppendInput([command]))
        with refused(403, "permission_denied"):
            async with stream.append_session() as session:
                await (await session.submit(AppendInput([command])))
    with refused(403, "permission_denied"):
        await stream.check_tail()


async def test_listing_tokens_has_to_be_permitted(holder: Holders) -> None:
    one = await holder(AccessTokenScope(basins=EVERYTHING, ops=[Operation.LIST_BASINS]))
    await one.list_basins()
    with refused(403, "permission_denied"):
        await one.list_access_tokens()


async def test_nobody_issues_more_than_they_have(holder: Holders) -> None:
    prefix = fresh("b")
    one = await holder(scope(basins=PrefixMatch(prefix)))
    await one.issue_access_token(fresh("less"), scope=scope(basins=PrefixMatch(f"{prefix}-narrower")))
    with refused(403, "permission_denied"):
        await one.issue_access_token(fresh("more"), scope=scope())


async def test_stream_names_are_prefixed(holder: Holders, basin_name: str, root: S2) -> None:
    one = await holder(scope(streams=PrefixMatch("tenant-7/")), auto_prefix_streams=True)
    await one[basin_name].create_stream("orders")
    await one[basin_name]["orders"].append(batch(b"x"))
    assert [info.name async for info in one[basin_name].list_all_streams()] == ["orders"]
    assert [info.name async for info in root[basin_name].list_all_streams(prefix="tenant-7/")] == ["tenant-7/orders"]
    assert (await root[basin_name]["tenant-7/orders"].check_tail()).seq_num == 1
    async with following(one[basin_name]["orders"], start=SeqNum(0)) as session:
        assert len((await anext(session)).records) == 1


@pytest.mark.parametrize("streams", [None, ExactMatch("one")], ids=["no streams", "exact"])
async def test_prefixing_needs_a_prefix(root: S2, streams: ExactMatch | None) -> None:
    with refused(422, "invalid"):
        await root.issue_access_token(fresh("token"), scope=scope(streams=streams), auto_prefix_streams=True)
