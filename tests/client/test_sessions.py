"""Tickets of an append session: their order, and what each of them ends as when the session fails."""

from __future__ import annotations

import asyncio

import pytest

from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.client.sessions import RefusedSession, Ticket, Tickets
from fencepost.harness.s2 import Ack, Append, Position, Record

ACK = Ack(Position(0, 1), Position(1, 1), Position(1, 1))


def departed(tickets: Tickets, number: int) -> list[Ticket]:
    """Tickets of batches that have left."""
    pushed = [tickets.push() for _ in range(number)]
    for ticket in pushed:
        ticket.departed = True
    return pushed


def code(outcome: Outcome[Ack] | None) -> str:
    match outcome:
        case Definite(code):
            return code
        case Indefinite():
            return "indefinite"
        case Ok():
            return "ok"
    return "pending"


async def test_tickets_resolve_in_the_order_of_their_submission() -> None:
    tickets = Tickets()
    order: list[int] = []
    for number, ticket in enumerate(departed(tickets, 3)):
        ticket.on_outcome(lambda _, number=number: order.append(number))  # type: ignore[misc]
    for _ in range(3):
        tickets.acknowledge(ACK)
    await tickets.settled()
    await asyncio.sleep(0)
    assert order == [0, 1, 2]
    assert not tickets.ended


@pytest.mark.parametrize(
    ("failure", "later"),
    [
        (Definite("seq_num_mismatch", 412, {"seq_num_mismatch": 9}), "session_poisoned"),
        (Indefinite("answered 500 storage", 500), "indefinite"),
    ],
)
async def test_a_refusal_poisons_what_was_submitted_later(failure: Definite | Indefinite, later: str) -> None:
    """A refusal without effect promises that the later batches have none either; any other failure promises nothing."""
    tickets = Tickets()
    sent = departed(tickets, 3)
    unsent = tickets.push()
    tickets.acknowledge(ACK)
    tickets.refuse(failure)
    assert [code(ticket.outcome) for ticket in sent] == ["ok", code(failure), later]
    assert sent[1].outcome == failure
    assert "batch 1 of its session failed" in str(sent[2].outcome)
    assert code(unsent.outcome) == "not_sent"
    assert code(tickets.push().outcome) == "not_sent"


async def test_a_lost_connection_leaves_open_what_may_have_left_and_no_more() -> None:
    tickets = Tickets()
    sent, unsent = departed(tickets, 2), tickets.push()
    tickets.lose("connection reset")
    tickets.lose("another reason, too late")
    assert [code(ticket.outcome) for ticket in (*sent, unsent)] == ["indefinite", "indefinite", "not_sent"]
    assert "connection reset" in str(unsent.outcome)


async def test_an_acknowledgement_that_nobody_waits_for_is_an_error() -> None:
    tickets = Tickets()
    with pytest.raises(ValueError, match="nobody had sent"):
        tickets.acknowledge(ACK)
    ticket = tickets.push()
    with pytest.raises(ValueError, match="nobody had sent"):
        tickets.acknowledge(ACK)
    assert ticket.outcome is None


async def test_a_cancelled_waiter_does_not_withdraw_the_batch() -> None:
    tickets = Tickets()
    (ticket,) = departed(tickets, 1)

    async def wait() -> Outcome[Ack]:
        return await ticket

    impatient, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    tickets.acknowledge(ACK)
    assert await patient == Ok(ACK)
    assert await ticket == Ok(ACK)


async def test_a_refused_session_sends_nothing() -> None:
    session = RefusedSession("there are none here")
    outcome = await session.submit(Append((Record(b"x"),)))
    await session.aclose()
    assert outcome == Definite("not_sent", None, {"message": "there are none here"})
