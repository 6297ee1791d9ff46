"""Conditions: A4 to A6."""

from __future__ import annotations

from ...s2 import Record
from .. import Reply, Stream, clause
from ..stream import append_of

TURNS = 12
"""Repetitions after which an error that only some front ends make, or one that comes now and then, has shown."""

AT_ONCE = 10
"""Clients that race."""

MATCHED = 'match_seq_num given and ≠ the seq_num the first record would get → 412 {"seq_num_mismatch": <that seq_num>}'
FENCED = 'fencing_token given and ≠ current token → 412 {"fencing_token_mismatch": "<current token>"}'


def mismatch(answer: Reply, **body: int | str) -> None:
    """Fail unless the answer is a 412 with this body and no other member."""
    assert answer.status == 412, f"412 is due, not {answer}"
    assert answer.json == body


@clause("A4", MATCHED)
async def test_the_right_seq_num(stream: Stream) -> None:
    """Appends that name the next seq_num are accepted, every one of them."""
    for number in range(TURNS):
        assert (await stream.appended("x", match_seq_num=number)).start.seq_num == number


@clause("A4", MATCHED, "negative")
async def test_a_wrong_seq_num(stream: Stream) -> None:
    """Appends that name another seq_num, one off or far off, are refused with the right one."""
    await stream.appended("a", "b", "c")
    for wrong in (0, 2, 4, 100, 2**63, 2**64 - 1):
        mismatch(await stream.append("x", match_seq_num=wrong), seq_num_mismatch=3)


@clause("A4", "Conditions are evaluated against the state that the batch would be applied to", "boundary")
async def test_one_of_many_wins(stream: Stream) -> None:
    """Of many appends that name the same seq_num at the same time, one wins; the others learn that they lost."""
    for turn in range(3):
        answers = await stream.append_together(*(append_of(f"{n}", match_seq_num=turn) for n in range(AT_ONCE)))
        assert sorted(answer.status for answer in answers) == [200] + [412] * (AT_ONCE - 1)
        for answer in answers:
            if answer.status == 412:
                mismatch(answer, seq_num_mismatch=turn + 1)
    assert (await stream.tail()).seq_num == 3


@clause("A4", FENCED)
async def test_the_right_token(stream: Stream) -> None:
    """Appends with the current token are accepted."""
    await stream.appended(Record.fence("one"))
    for _ in range(TURNS):
        await stream.appended("x", fencing_token="one")


@clause("A4", FENCED, "negative")
async def test_a_stale_token(stream: Stream) -> None:
    """A token that was current until now is refused at once, by every front end."""
    await stream.appended(Record.fence("one"))
    for _ in range(TURNS):
        await stream.appended("x", fencing_token="one")
    await stream.appended(Record.fence("two"), fencing_token="one")
    for _ in range(TURNS):
        mismatch(await stream.append("x", fencing_token="one"), fencing_token_mismatch="two")
    for _ in range(TURNS):
        await stream.appended("x", fencing_token="two")


@clause("A4", '"" is a real token and matches a stream that has none set.', "boundary")
async def test_the_empty_token(stream: Stream) -> None:
    """The empty token matches while none is set, and no longer."""
    await stream.appended("x", fencing_token="")
    await stream.appended(Record.fence("one"), fencing_token="")
    mismatch(await stream.append("x", fencing_token=""), fencing_token_mismatch="one")
    await stream.appended(Record.fence(""), fencing_token="one")
    await stream.appended("x", fencing_token="")
    mismatch(await stream.append("x", fencing_token="one"), fencing_token_mismatch="")


@clause("A4", "An append with no token is never fenced: fencing is cooperative.")
async def test_no_token(stream: Stream) -> None:
    """An append without a token is accepted, whatever the token."""
    await stream.appended(Record.fence("one"))
    await stream.appended("x")


@clause("A4", "An append that gave a token and was answered seq_num_mismatch therefore proves that its token matched.")
async def test_the_token_comes_first(stream: Stream) -> None:
    """Of two conditions that fail, the token is the one that is named."""
    await stream.appended(Record.fence("one"))
    mismatch(await stream.append("x", match_seq_num=9, fencing_token="other"), fencing_token_mismatch="one")
    mismatch(await stream.append("x", match_seq_num=9, fencing_token="one"), seq_num_mismatch=1)
    mismatch(await stream.append("x", match_seq_num=1, fencing_token="other"), fencing_token_mismatch="one")


@clause("A5", "a 412 is a linearizable read of the tail or of the token.")
async def test_a_refusal_tells_the_truth(stream: Stream) -> None:
    """Every refusal names the tail and the token as they are."""
    for number in range(1, TURNS):
        await stream.appended(Record.fence(f"token {number}"))
        mismatch(await stream.append("x", match_seq_num=0), seq_num_mismatch=number)
        mismatch(await stream.append("x", fencing_token="no"), fencing_token_mismatch=f"token {number}")


@clause("A5", "It has no side effect.", "negative")
async def test_a_refusal_changes_nothing(stream: Stream) -> None:
    """What a refused batch holds is not applied: neither records nor fences nor trims."""
    await stream.appended(Record.fence("one"), "a")
    before = await stream.records(seq_num=0)
    for conditions in ({"match_seq_num": 0}, {"fencing_token": "no"}):
        await stream.append("x", Record.fence("two"), Record.trim(2), **conditions)
    assert await stream.records(seq_num=0) == before
    await stream.appended("b", match_seq_num=2, fencing_token="one")


@clause("A6", "The token check of a batch uses the token in force before the batch, even when the batch itself holds a")
async def test_a_batch_with_a_fence(stream: Stream) -> None:
    """A batch that sets a token is checked against the token before it."""
    mismatch(await stream.append(Record.fence("one"), "a", fencing_token="one"), fencing_token_mismatch="")
    await stream.appended(Record.fence("one"), "a", fencing_token="")
    mismatch(await stream.append(Record.fence("two"), fencing_token="two"), fencing_token_mismatch="one")
    await stream.appended("b", Record.fence("two"), fencing_token="one")


@clause("A6", "Of several fences in one batch, only the last is ever visible.", "boundary")
async def test_several_fences(stream: Stream) -> None:
    """After a batch of several fences, the token is that of the last."""
    await stream.appended(Record.fence("one"), "x", Record.fence("two"), "y", Record.fence("three"))
    mismatch(await stream.append("x", fencing_token="one"), fencing_token_mismatch="three")
    await stream.appended("x", fencing_token="three")
