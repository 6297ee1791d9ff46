"""Timestamping, names and the control plane: P7 and P8."""

from __future__ import annotations

import pytest

from ...s2 import Record
from .. import Basin, Stream, clause, refused
from ..place import Basins
from ..stream import beyond

FUTURE = 4_000_000_000_000
"""A timestamp that no clock shows yet: in the year 2096."""

RESULT = "s2-provision-result"


async def timestamps(stream: Stream) -> list[int]:
    """Return the timestamps of all records."""
    return [record.timestamp for record in await stream.records(seq_num=0)]


@clause("P7", "Timestamping modes are client-prefer (default)")
async def test_client_prefer(basin: Basin) -> None:
    """By default a client's timestamp counts, and without one that of the arrival."""
    stream = await basin.created()
    await stream.appended(Record(b"", (), 1000), Record())
    given, arrived = await timestamps(stream)
    assert given == 1000
    assert arrived > 1_600_000_000_000


@clause("P7", "client-require (a missing timestamp is 422)", "negative")
async def test_client_require(basin: Basin) -> None:
    """Where timestamps are required, a record without one is refused, with its batch."""
    stream = await basin.created(timestamping={"mode": "client-require"})
    refused(await stream.append(Record(b"", (), 1000), Record()), 422, "invalid")
    await stream.appended(Record(b"", (), 1000), Record(b"", (), 2000))
    assert await timestamps(stream) == [1000, 2000]


@clause("P7", "arrival", "boundary")
async def test_arrival(basin: Basin) -> None:
    """Where the arrival counts, a client's timestamp does not."""
    stream = await basin.created(timestamping={"mode": "arrival"})
    await stream.appended(Record(b"", (), 1000))
    assert (await timestamps(stream))[0] > 1_600_000_000_000


@clause("P7", "Client timestamps are capped at arrival unless uncapped", "boundary")
async def test_a_timestamp_of_the_future(basin: Basin) -> None:
    """A timestamp of the future is kept only where the stream is uncapped."""
    for uncapped in (False, True):
        stream = await basin.created(timestamping={"mode": "client-prefer", "uncapped": uncapped})
        await stream.appended(Record(b"", (), FUTURE))
        assert ((await timestamps(stream)) == [FUTURE]) is uncapped


@clause("P7", "always raised to the stream's maximum so far")
async def test_timestamps_are_raised(stream: Stream) -> None:
    """A timestamp below that of an earlier record is raised to it."""
    await stream.appended(Record(b"", (), 5000), Record(b"", (), 4000))
    await stream.appended(Record(b"", (), 1000), Record(b"", (), 6000))
    assert await timestamps(stream) == [5000, 5000, 5000, 6000]


@clause("P8", "a stream's has 1–512 bytes and is not . or ..", "boundary")
async def test_names_of_streams(basin: Basin) -> None:
    """Names of 512 bytes, with slashes and in any script, are names; longer ones and empty ones are not."""
    room = 512 - len(basin.stream().name) - 4
    for name in ("/a//b?c#d%2F", " ümläut ☃", "x" * room):
        stream = await basin.created(name)
        await stream.appended("x", match_seq_num=0)
    for name in ("", "x" * 513, "é" * 257):
        answer = await basin.request("POST", "/streams", {"stream": name})
        assert 400 <= answer.status < 500, f"{name[:9]!r}: {answer}"
    for name in (".", ".."):
        answer = await basin.request("POST", "/streams", {"stream": name})
        assert 400 <= answer.status < 500, f"{name!r}: {answer}"


@clause("P8", "A basin's name has 8–48 characters of a–z, 0–9 and -, with no - at either end", "negative")
@pytest.mark.parametrize("name", ["short-7", "x" * 49, "Upper-case", "under_score", "-at-the-start", "at-the-end-", ""])
async def test_names_that_no_basin_has(basins: Basins, name: str) -> None:
    """Names that break a rule are refused."""
    answer = await basins.service.request("POST", "/basins", {"basin": name})
    assert 400 <= answer.status < 500, answer


@clause("P8", "A basin's name has 8–48 characters", "boundary")
async def test_the_longest_name_of_a_basin(basins: Basins) -> None:
    """A basin with a name of 48 characters can be made."""
    name = basins.name()
    assert (await basins.create(name + "x" * (48 - len(name)))).status == 201


@clause("P8", "Creating what exists is 409 resource_already_exists", "negative")
async def test_creating_twice(stream: Stream) -> None:
    """A stream that exists cannot be created again."""
    refused(await stream.create(), 409, "resource_already_exists")


@clause("P8", "unless the same s2-request-token comes with the same configuration", "boundary")
async def test_creating_twice_with_a_token(basin: Basin) -> None:
    """With the same token and configuration it can; with another token or configuration it cannot."""
    stream = basin.stream()
    token = {"s2-request-token": "one"}
    assert (await stream.create(token)).status == 201
    assert (await stream.create(token)).status in (200, 201)
    refused(await stream.create({"s2-request-token": "two"}), 409, "resource_already_exists")
    other = await stream.create(token, timestamping={"mode": "arrival"})
    refused(other, 409, "resource_already_exists")
    await stream.appended("x", match_seq_num=0)


@clause("P8", "PUT (ensure) answers 201 when it created something and 200 otherwise; s2-provision-result says which of")
async def test_ensure(basin: Basin) -> None:
    """An ensure creates, then does nothing, then updates."""
    stream = basin.stream()
    arrival, prefer = ({"timestamping": {"mode": mode}} for mode in ("arrival", "client-prefer"))
    for config, status, result in ((arrival, 201, "created"), (arrival, 200, "noop"), (prefer, 200, "updated")):
        answer = await basin.request("PUT", stream.path, config)
        assert (answer.status, answer.headers.get(RESULT)) == (status, result)
    await stream.appended(Record(b"", (), 1000))
    assert await timestamps(stream) == [1000]


@clause("P8", "DELETE answers 202.")
async def test_delete(stream: Stream) -> None:
    """A deletion is accepted; after it the stream does not answer any more."""
    assert (await stream.delete()).status == 202
    answer = await stream.append("x")
    assert answer.code in ("stream_deletion_pending", "stream_not_found"), answer


@clause("P8", "A basin may create streams by itself on append or on read (check-tail counts as a read).")
@pytest.mark.parametrize(("on_append", "on_read"), [(True, False), (False, True), (False, False)])
async def test_streams_that_make_themselves(basins: Basins, on_append: bool, on_read: bool) -> None:
    """A basin makes streams on append, on read and on check-tail where it is configured to, and else not."""
    basin = await basins.created(create_stream_on_append=on_append, create_stream_on_read=on_read)
    answer = await basin.stream().append("x")
    assert answer.status == 200 if on_append else answer.code == "stream_not_found"
    answer = await basin.stream().check_tail()
    assert answer.status == 200 if on_read else answer.code == "stream_not_found"
    answer = await basin.stream().read(seq_num=0)
    if on_read:
        beyond(answer)
    else:
        refused(answer, 404, "stream_not_found")
