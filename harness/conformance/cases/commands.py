"""Command records: C1 to C4."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ...s2 import FENCE, TRIM, Record
from .. import Stream, clause, refused
from .conditions import mismatch

NONE: tuple[bytes, bytes] = (b"", b"fence")


def command(name: bytes, body: bytes = b"") -> Record:
    """Return a command record."""
    return Record(body, ((b"", name),))


async def refuses(stream: Stream, wrong: Record) -> None:
    """Fail unless a batch that holds this record is refused, and nothing of it applied."""
    before = await stream.tail()
    refused(await stream.append("before", wrong, "after"), 422, "invalid")
    assert await stream.tail() == before


@clause("C1", "Commands take a seq_num and are returned by reads.")
async def test_commands_are_records(stream: Stream) -> None:
    """A fence and a trim have seq_nums, and a read returns them as they were sent."""
    ack = await stream.appended("a", Record.fence("one"), Record.trim(0))
    assert ack.end.seq_num == 3
    found = await stream.records(seq_num=0)
    assert [(record.headers, record.body) for record in found] == [
        ((), b"a"),
        (((b"", FENCE),), b"one"),
        (((b"", TRIM),), bytes(8)),
    ]


@clause("C1", "An empty header name is invalid anywhere else.", "negative")
@pytest.mark.parametrize(
    "headers",
    [(NONE, (b"n", b"v")), ((b"n", b"v"), NONE), (NONE, NONE)],
    ids=["first", "second", "twice"],
)
async def test_an_empty_name_among_others(stream: Stream, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """A record with an empty header name and another header is refused."""
    await refuses(stream, Record(b"token", tuple(headers)))


@clause("C2", "fence: the body is the new token, UTF-8, at most 36 bytes; empty clears it.")
async def test_a_fence_sets_and_clears(stream: Stream) -> None:
    """A fence sets the token, and an empty one clears it."""
    for token in ("one", "zwölf", ""):
        await stream.appended(Record.fence(token))
        mismatch(await stream.append("x", fencing_token="other"), fencing_token_mismatch=token)
        await stream.appended("x", fencing_token=token)


@clause("C2", "at most 36 bytes", "boundary")
async def test_the_length_of_a_token(stream: Stream) -> None:
    """A fence of 36 bytes sets the token; one of 37 bytes is refused."""
    for token in ("t" * 36, "é" * 18):
        await stream.appended(Record.fence(token))
        await stream.appended("x", fencing_token=token)
    await refuses(stream, Record.fence("t" * 37))
    await refuses(stream, Record.fence("é" * 18 + "t"))
    await stream.appended("x", fencing_token="é" * 18)


@clause("C2", "UTF-8", "negative")
async def test_a_token_that_is_not_text(stream: Stream) -> None:
    """A fence whose body is not UTF-8 is refused."""
    await refuses(stream, command(FENCE, b"\xff\xfe"))


@clause("C2", "Tokens compare by equality; they are not ordered.", "boundary")
async def test_tokens_compare_by_equality(stream: Stream) -> None:
    """Neither the beginning of a token, nor more than it, nor a greater one passes."""
    await stream.appended(Record.fence("token-5"))
    for other in ("token", "token-55", "token-6", "TOKEN-5", " token-5", "token-5\0", "t"):
        mismatch(await stream.append("x", fencing_token=other), fencing_token_mismatch="token-5")


@clause("C2", "It takes effect at its own position (several in one batch: the last wins).")
async def test_the_last_fence_wins(stream: Stream) -> None:
    """Of several fences in a batch, the last one wins, even an empty one."""
    await stream.appended(Record.fence("one"), Record.fence(""))
    await stream.appended("x", fencing_token="")
    await stream.appended(Record.fence("two"), Record.fence("three"))
    await stream.appended("x", fencing_token="three")


@clause("C3", "records below it may disappear (and until then may still be read), records at or above it must not")
async def test_a_trim_spares_what_is_above(stream: Stream) -> None:
    """After a trim, the records at or above its seq_num are there, in order."""
    await stream.appended(*map(str, range(10)))
    await stream.appended(Record.trim(4))
    found = [record.seq_num for record in await stream.records(seq_num=0)]
    assert found == list(range(found[0], 11))
    assert found[0] <= 4
    assert [record.seq_num for record in await stream.records(seq_num=4)] == list(range(4, 11))


@clause("C3", "It is clamped to its own seq_num + 1", "boundary")
async def test_a_trim_beyond_itself(stream: Stream) -> None:
    """A trim to a seq_num in the future spares what is appended after it."""
    await stream.appended("a", "b")
    await stream.appended(Record.trim(2**64 - 1), "c")
    await stream.appended("d")
    assert [record.body for record in await stream.records(seq_num=3)] == [b"c", b"d"]
    assert (await stream.tail()).seq_num == 5


@clause("C3", "only ever moves forward", "boundary")
async def test_a_trim_does_not_move_back(stream: Stream) -> None:
    """A trim to an earlier seq_num is accepted, and brings nothing back that was gone."""
    await stream.appended(*map(str, range(6)))
    await stream.appended(Record.trim(5))
    first = (await stream.records(seq_num=0))[0].seq_num
    await stream.appended(Record.trim(1))
    assert (await stream.records(seq_num=0))[0].seq_num >= first


@clause("C4", "Anything malformed is refused with 422 invalid, and nothing is applied.", "negative")
@pytest.mark.parametrize(
    "wrong",
    [command(b"unknown"), command(b""), command(b"FENCE"), command(b"fence "), command(b"\xff")],
    ids=["unknown", "empty", "upper", "space", "bytes"],
)
async def test_an_unknown_command(stream: Stream, wrong: Record) -> None:
    """A command that there is not is refused, with the whole batch."""
    await refuses(stream, wrong)


@clause("C4", "Anything malformed is refused with 422 invalid, and nothing is applied.", "boundary")
async def test_the_length_of_a_trim(stream: Stream) -> None:
    """The body of a trim has 8 bytes; 7 and 9 and none are refused."""
    for size in (0, 7, 9):
        await refuses(stream, command(TRIM, bytes(size)))
    await stream.appended(command(TRIM, bytes(8)))
