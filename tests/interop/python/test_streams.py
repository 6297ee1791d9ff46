"""Streams: their life, configuration and lists."""

from __future__ import annotations

import pytest
from clients import batch, fresh, refused
from s2_sdk import (
    EnsureStatus,
    S2Basin,
    S2ClientError,
    S2ServerError,
    S2Stream,
    StreamConfig,
    Timestamping,
    TimestampingMode,
)

WEEK = 7 * 24 * 3_600


async def test_created_with_nothing_but_a_name(basin: S2Basin) -> None:
    info = await basin.create_stream("minimal")
    assert (info.name, info.deleted_at, info.cipher) == ("minimal", None, None)
    config = await basin.get_stream_config("minimal")
    assert config.storage_class == "express"
    assert config.retention_policy == WEEK
    assert config.timestamping.mode is TimestampingMode.CLIENT_PREFER
    assert not config.timestamping.uncapped
    assert not config.delete_on_empty_min_age


@pytest.mark.parametrize(
    "config",
    [
        StreamConfig(storage_class="standard"),
        StreamConfig(storage_class="express"),
        StreamConfig(retention_policy=86_400),
        StreamConfig(retention_policy="infinite"),
        *(StreamConfig(timestamping=Timestamping(mode)) for mode in TimestampingMode),
        StreamConfig(timestamping=Timestamping(uncapped=True)),
        StreamConfig(timestamping=Timestamping(uncapped=False)),
        StreamConfig(delete_on_empty_min_age=3_600),
        StreamConfig(
            "standard", 90, Timestamping(TimestampingMode.ARRIVAL, uncapped=True), delete_on_empty_min_age=7_200
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["create", "ensure", "reconfigure"])
async def test_configured(basin: S2Basin, config: StreamConfig, way: str) -> None:
    if way == "create":
        await basin.create_stream("stream", config=config)
    elif way == "ensure":
        await basin.ensure_stream("stream", config=config)
    else:
        await basin.create_stream("stream")
        assert said_in(config, await basin.reconfigure_stream("stream", config=config))
    assert said_in(config, await basin.get_stream_config("stream"))


def said_in(asked: StreamConfig, answered: StreamConfig) -> bool:
    """Whether all that was asked for is in the answer."""
    pairs = [
        (asked.storage_class, answered.storage_class),
        (asked.retention_policy, answered.retention_policy),
        (asked.delete_on_empty_min_age, answered.delete_on_empty_min_age),
    ]
    if asked.timestamping is not None:
        assert answered.timestamping is not None
        pairs.append((asked.timestamping.mode, answered.timestamping.mode))
        pairs.append((asked.timestamping.uncapped, answered.timestamping.uncapped))
    return all(wanted is None or wanted == found for wanted, found in pairs)


@pytest.mark.parametrize("name", ["a/b/c", "spaces and ?&#%", "日本語-😀", "x" * 512, "..."])
async def test_any_text_is_a_name(basin: S2Basin, name: str) -> None:
    await basin.create_stream(name)
    assert (await basin[name].append(batch(b"x"))).end.seq_num == 1
    assert [one.name async for one in basin.list_all_streams(prefix=name)] == [name]


@pytest.mark.parametrize("name", ["", "x" * 513, "é" * 257])
async def test_invalid_names_never_leave_the_client(basin: S2Basin, name: str) -> None:
    with pytest.raises(S2ClientError):
        await basin.create_stream(name)


async def test_a_name_is_taken_once(basin: S2Basin, stream: S2Stream) -> None:
    with refused(409, "resource_already_exists"):
        await basin.create_stream(stream.name)


async def test_ensured(basin: S2Basin) -> None:
    config = StreamConfig(retention_policy=600)
    first = await basin.ensure_stream("stream", config=config)
    assert (first.status, first.stream.name) == (EnsureStatus.CREATED, "stream")
    assert (await basin.ensure_stream("stream", config=config)).status is EnsureStatus.CONFIG_UNCHANGED
    updated = await basin.ensure_stream("stream", config=StreamConfig(retention_policy=601))
    assert updated.status is EnsureStatus.CONFIG_UPDATED
    assert (await basin.get_stream_config("stream")).retention_policy == 601
    assert (await basin.ensure_stream("stream")).status is EnsureStatus.CONFIG_UPDATED, "the default is another one"
    assert (await basin.get_stream_config("stream")).retention_policy == WEEK


async def test_reconfigured_in_part(basin: S2Basin) -> None:
    before = StreamConfig("standard", 600, Timestamping(TimestampingMode.ARRIVAL, uncapped=True), 60)
    await basin.create_stream("stream", config=before)
    assert await basin.reconfigure_stream("stream", config=StreamConfig()) == before
    changed = StreamConfig(timestamping=Timestamping(uncapped=False))
    after = await basin.reconfigure_stream("stream", config=changed)
    assert after == StreamConfig("standard", 600, Timestamping(TimestampingMode.ARRIVAL, uncapped=False), 60)
    after = await basin.reconfigure_stream("stream", config=StreamConfig(delete_on_empty_min_age=0))
    assert not after.delete_on_empty_min_age


async def test_no_retention_of_zero(basin: S2Basin, stream: S2Stream) -> None:
    with refused(422, "invalid"):
        await basin.create_stream(fresh(), config=StreamConfig(retention_policy=0))
    with refused(422, "invalid"):
        await basin.reconfigure_stream(stream.name, config=StreamConfig(retention_policy=0))


async def test_what_does_not_exist_is_not_found(basin: S2Basin) -> None:
    for request in (
        lambda: basin.get_stream_config("missing"),
        lambda: basin.reconfigure_stream("missing", config=StreamConfig(storage_class="standard")),
        lambda: basin.delete_stream("missing"),
        basin["missing"].check_tail,
    ):
        with refused(404, "stream_not_found"):
            await request()
    await basin.delete_stream("missing", ignore_not_found=True)


async def test_lists_are_pages_in_order(basin: S2Basin) -> None:
    names = ["a", "b/1", "b/2", "b/3", "c"]
    for name in reversed(names):
        await basin.create_stream(name)
    assert [one.name async for one in basin.list_all_streams()] == names
    page = await basin.list_streams(limit=2)
    assert ([one.name for one in page.items], page.has_more) == (names[:2], True)
    page = await basin.list_streams(prefix="b/", start_after="b/1")
    assert ([one.name for one in page.items], page.has_more) == (["b/2", "b/3"], False)
    assert (await basin.list_streams(start_after="c")).items == []
    seen: list[str] = []
    while True:
        page = await basin.list_streams(limit=2, start_after=seen[-1] if seen else "")
        seen += [one.name for one in page.items]
        if not page.has_more:
            break
    assert seen == names


@pytest.mark.parametrize("limit", [0, 5_000])
async def test_limits_of_lists_are_clamped(basin: S2Basin, stream: S2Stream, limit: int) -> None:
    assert [one.name for one in (await basin.list_streams(limit=limit)).items] == [stream.name]


async def test_deleted(basin: S2Basin, stream: S2Stream) -> None:
    await stream.append(batch(b"x"))
    await basin.delete_stream(stream.name)
    await basin.delete_stream(stream.name, ignore_not_found=True)  # once more is no error
    with pytest.raises(S2ServerError) as caught:
        await basin.get_stream_config(stream.name)
    assert (caught.value.status_code, caught.value.code) in {
        (409, "stream_deletion_pending"),
        (404, "stream_not_found"),
    }


async def test_while_it_is_being_deleted_it_is_listed_so_and_its_name_is_taken(
    basin: S2Basin, stream: S2Stream
) -> None:
    await basin.delete_stream(stream.name)
    [listed] = [one async for one in basin.list_all_streams(include_deleted=True)]
    assert listed.deleted_at is not None
    assert [one async for one in basin.list_all_streams()] == []
    with refused(409, "stream_deletion_pending"):
        await basin.create_stream(stream.name)
