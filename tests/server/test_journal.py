"""Group commit: entries share a sync, in order, and nothing is durable before its sync has returned."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fencepost.harness.server.journal import Journal
from fencepost.harness.server.rules import StorageRules
from fencepost.harness.server.storage import StorageError

from .gated import GatedStorage, turns
from .storages import stored


def journal_over(storage: GatedStorage) -> Journal:
    return Journal(storage, StorageRules(), bytes)


async def test_entries_that_come_while_a_group_is_written_form_the_next() -> None:
    storage = GatedStorage()
    journal = journal_over(storage)
    settled: list[int] = []
    journal.submit(b"0", lambda: settled.append(0))
    await storage.begun.wait()
    for number in range(1, 50):
        last = journal.submit(b"%d" % number, lambda number=number: settled.append(number))  # type: ignore[misc]
    await turns()
    assert (storage.groups, settled) == ([[b"0"]], [])
    await storage.let_through()
    await storage.let_through()
    await asyncio.wait_for(journal.wait(last), 5)
    assert storage.groups == [[b"0"], [b"%d" % number for number in range(1, 50)]]
    assert settled == list(range(50))
    await journal.close()


async def test_nothing_is_durable_before_its_own_sync_has_returned() -> None:
    storage = GatedStorage()
    journal = journal_over(storage)
    first = journal.submit(b"a")
    await storage.begun.wait()
    second = journal.submit(b"b")
    waits = [asyncio.create_task(journal.wait(ticket)) for ticket in (first, second)]
    await turns()
    assert [wait.done() for wait in waits] == [False, False]
    await storage.let_through()
    await asyncio.wait_for(waits[0], 5)
    await turns()
    assert not waits[1].done()
    assert (first.durable, second.durable) == (True, False)
    await storage.let_through()
    await asyncio.wait_for(waits[1], 5)
    await journal.close()


async def test_after_a_failed_sync_nothing_is_ever_durable_again() -> None:
    storage = GatedStorage()
    journal = journal_over(storage)
    settled: list[str] = []
    undone: list[tuple[str, StorageError]] = []
    tickets = [journal.submit(b"a", lambda: settled.append("a"), lambda error: undone.append(("a", error)))]
    await storage.begun.wait()
    tickets.append(journal.submit(b"b", lambda: settled.append("b"), lambda error: undone.append(("b", error))))
    waits = [asyncio.create_task(journal.wait(ticket)) for ticket in tickets]
    await turns()
    broken = StorageError("the disk is gone")
    await storage.let_through(broken)
    for wait in waits:
        with pytest.raises(StorageError, match="the disk is gone"):
            await asyncio.wait_for(wait, 5)
    with pytest.raises(StorageError, match="the disk is gone"):
        journal.submit(b"c")
    with pytest.raises(StorageError):
        await journal.wait(tickets[1])
    assert (settled, journal.failure, storage.groups) == ([], broken, [[b"a"]])
    assert undone == [("b", broken), ("a", broken)]
    await journal.close()


async def test_one_who_stops_waiting_disturbs_nobody() -> None:
    storage = GatedStorage()
    journal = journal_over(storage)
    ticket = journal.submit(b"a")
    impatient, patient = (asyncio.create_task(journal.wait(ticket)) for _ in range(2))
    await storage.begun.wait()
    impatient.cancel()
    await turns()
    await storage.let_through()
    await asyncio.wait_for(patient, 5)
    assert impatient.cancelled()
    await journal.close()


async def test_closing_waits_for_what_was_submitted() -> None:
    storage = GatedStorage()
    journal = journal_over(storage)
    ticket = journal.submit(b"a")
    closing = asyncio.create_task(journal.close())
    await turns()
    assert not closing.done()
    await storage.let_through()
    await asyncio.wait_for(closing, 5)
    assert ticket.durable


async def test_many_at_once_share_few_syncs(tmp_path: Path) -> None:
    storage = stored(tmp_path)
    journal = Journal(storage, StorageRules(), bytes)
    assert list(journal.recover()) == []

    async def client(number: int) -> None:
        for step in range(20):
            await journal.wait(journal.submit(b"%d/%d" % (number, step)))

    await asyncio.gather(*(client(number) for number in range(50)))
    await journal.close()
    # In lockstep there would be 20; whoever is late makes a group more. Without sharing there would be 1,000.
    assert 20 <= journal.groups <= 100
    again = stored(tmp_path)
    entries = [entry for frame in again.recover() for entry in frame.entries]
    again.close()
    assert sorted(entries) == sorted(b"%d/%d" % (number, step) for number in range(50) for step in range(20))
