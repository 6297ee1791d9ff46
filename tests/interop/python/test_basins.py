"""Basins: their life, configuration and lists."""

from __future__ import annotations

import pytest
from clients import batch, fresh, refused
from s2_sdk import (
    S2,
    BasinConfig,
    Encryption,
    EnsureStatus,
    S2Basin,
    S2ClientError,
    StreamConfig,
    Timestamping,
    TimestampingMode,
)

FULL = BasinConfig(
    default_stream_config=StreamConfig(
        storage_class="standard",
        retention_policy=86_400,
        timestamping=Timestamping(TimestampingMode.CLIENT_REQUIRE, uncapped=True),
        delete_on_empty_min_age=3_600,
    ),
    create_stream_on_append=True,
    create_stream_on_read=True,
)


async def test_created_with_nothing_but_a_name(s2: S2) -> None:
    name = fresh("basin")
    info = await s2.create_basin(name)
    assert (info.name, info.deleted_at) == (name, None)
    assert name in [one.name async for one in s2.list_all_basins(prefix=name)]


async def test_created_with_a_full_configuration(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=FULL)
    config = await s2.get_basin_config(name)
    assert config == FULL


async def test_streams_inherit_the_defaults_of_their_basin(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=FULL)
    await s2[name].create_stream("inherits")
    assert await s2[name].get_stream_config("inherits") == FULL.default_stream_config
    await s2[name].create_stream("overrides", config=StreamConfig(retention_policy="infinite"))
    config = await s2[name].get_stream_config("overrides")
    assert (config.retention_policy, config.storage_class) == ("infinite", "standard")


async def test_created_at_a_location(s2: S2) -> None:
    default = await s2.get_default_location()
    assert default.name in [one.name for one in await s2.list_locations()]
    info = await s2.create_basin(fresh("basin"), location=default.name)
    assert info.location == default.name
    assert (await s2.set_default_location(default.name)).name == default.name


async def test_not_created_at_an_unknown_location(s2: S2) -> None:
    with refused(422, "invalid"):
        await s2.create_basin(fresh("basin"), location="moon:base-1")
    with refused(422, "invalid"):
        await s2.set_default_location("moon:base-1")


async def test_a_name_is_taken_once(s2: S2, basin: S2Basin) -> None:
    with refused(409, "resource_already_exists"):
        await s2.create_basin(basin.name)


@pytest.mark.parametrize("name", ["short", "a" * 49, "Has-Upper", "has_underscore", "-leading", "trailing-"])
async def test_invalid_names_never_leave_the_client(s2: S2, name: str) -> None:
    with pytest.raises(S2ClientError):
        await s2.create_basin(name)


async def test_ensured(s2: S2) -> None:
    name, config = fresh("basin"), BasinConfig(create_stream_on_append=True)
    first = await s2.ensure_basin(name, config=config)
    assert (first.status, first.basin.name) == (EnsureStatus.CREATED, name)
    assert (await s2.ensure_basin(name, config=config)).status is EnsureStatus.CONFIG_UNCHANGED
    assert (await s2.ensure_basin(name)).status is EnsureStatus.CONFIG_UPDATED, "the default is another one"
    assert not (await s2.get_basin_config(name)).create_stream_on_append


async def test_reconfigured_in_part(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=FULL)
    config = await s2.reconfigure_basin(name, config=BasinConfig(create_stream_on_append=False))
    assert not config.create_stream_on_append
    assert config.create_stream_on_read
    assert config.default_stream_config == FULL.default_stream_config
    changed = BasinConfig(default_stream_config=StreamConfig(retention_policy="infinite"))
    config = await s2.reconfigure_basin(name, config=changed)
    assert config.default_stream_config.retention_policy == "infinite"
    assert config.default_stream_config.storage_class == "standard"
    assert await s2.reconfigure_basin(name, config=BasinConfig()) == config


async def test_its_cipher_is_part_of_its_configuration(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(stream_cipher=Encryption.AES_256_GCM))
    assert (await s2.get_basin_config(name)).stream_cipher is Encryption.AES_256_GCM
    config = await s2.reconfigure_basin(name, config=BasinConfig(stream_cipher=Encryption.AEGIS_256))
    assert config.stream_cipher is Encryption.AEGIS_256


async def test_no_retention_of_zero(s2: S2, basin: S2Basin) -> None:
    zero = BasinConfig(default_stream_config=StreamConfig(retention_policy=0))
    with refused(422, "invalid"):
        await s2.create_basin(fresh("basin"), config=zero)
    with refused(422, "invalid"):
        await s2.reconfigure_basin(basin.name, config=zero)


async def test_what_does_not_exist_is_not_found(s2: S2) -> None:
    name = fresh("basin")
    with refused(404, "basin_not_found"):
        await s2.get_basin_config(name)
    with refused(404, "basin_not_found"):
        await s2.reconfigure_basin(name, config=BasinConfig(create_stream_on_read=True))
    with refused(404, "basin_not_found"):
        await s2.delete_basin(name)
    with refused(404, "basin_not_found"):
        await s2[name].create_stream("stream")
    await s2.delete_basin(name, ignore_not_found=True)


async def test_lists_are_pages_in_order(s2: S2) -> None:
    prefix = fresh("b")
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in reversed(names):
        await s2.create_basin(name)
    page = await s2.list_basins(prefix=prefix, limit=2)
    assert ([one.name for one in page.items], page.has_more) == (names[:2], True)
    page = await s2.list_basins(prefix=prefix, start_after=names[1], limit=3)
    assert ([one.name for one in page.items], page.has_more) == (names[2:], False)
    assert [one.name async for one in s2.list_all_basins(prefix=prefix)] == names
    assert (await s2.list_basins(prefix=fresh("none"))).items == []


@pytest.mark.parametrize("limit", [0, 5_000])
async def test_limits_of_lists_are_clamped(s2: S2, basin: S2Basin, limit: int) -> None:
    page = await s2.list_basins(prefix=basin.name, limit=limit)
    assert [one.name for one in page.items] == [basin.name]


async def test_deleted_with_its_streams(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name)
    await s2[name].create_stream("stream")
    await s2.delete_basin(name)
    await s2.delete_basin(name, ignore_not_found=True)  # once more is no error
    listed = [one async for one in s2.list_all_basins(prefix=name, include_deleted=True)]
    assert all(one.deleted_at is not None for one in listed)
    assert [one async for one in s2.list_all_basins(prefix=name)] == []
    with pytest.raises(Exception, match=r"delet|not exist|no basin"):
        await s2[name]["stream"].append(batch(b"late"))


async def test_while_it_is_being_deleted_its_name_is_taken(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name)
    await s2.delete_basin(name)
    with refused(409, "basin_deletion_pending"):
        await s2.create_basin(name)


@pytest.mark.parametrize("operation", ["append", "read", "check_tail"])
async def test_streams_are_made_by_their_first_use(s2: S2, operation: str) -> None:
    name = fresh("basin")
    config = BasinConfig(StreamConfig(retention_policy=600), create_stream_on_append=True, create_stream_on_read=True)
    await s2.create_basin(name, config=config)
    stream = s2[name]["made-on-demand"]
    if operation == "append":
        await stream.append(batch(b"first"))
    elif operation == "check_tail":
        assert (await stream.check_tail()).seq_num == 0
    else:
        from s2_sdk import SeqNum

        with refused(416):
            await stream.read(start=SeqNum(0))
    assert (await s2[name].get_stream_config("made-on-demand")).retention_policy == 600


async def test_an_append_may_say_how_its_stream_is_to_be_made(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(create_stream_on_append=True))
    await s2[name]["stream"].append(batch(b"first", stream_config=StreamConfig(retention_policy=60)))
    assert (await s2[name].get_stream_config("stream")).retention_policy == 60


async def test_no_stream_is_made_where_the_basin_does_not_say_so(basin: S2Basin) -> None:
    with refused(404, "stream_not_found"):
        await basin["missing"].append(batch(b"x"))
    with refused(404, "stream_not_found"):
        await basin["missing"].check_tail()
