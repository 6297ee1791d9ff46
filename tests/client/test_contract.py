"""Every client of ours passes the suite that others' clients are given; the suite sees what is wrong with a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.in_process import InProcessClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.client.sse import SseClient
from fencepost.harness.s2 import Ack, Append, Batch, Position, Read
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock
from fencepost.harness.world.memory_network import MemoryNetwork
from fencepost.harness.world.network import Network
from fencepost.testing import clients
from fencepost.testing.clients import CLIENT_CHECKS, SESSION_CHECKS, UNARY_CHECKS, ContractBroken, Subject, run_check
from tests.server.processes import BASIN, ServerProcess

from .session_server import session_server

NUMBERS = count()


@asynccontextmanager
async def in_process(client: Callable[..., Any] = InProcessClient) -> AsyncIterator[Subject]:
    service = Service(MemoryStorage(), SystemClock().wall_ms)
    await service.start()
    await service.create_basin("basin-one")
    await service.create_stream("basin-one", "stream")
    yield Subject(lambda: client(service, "basin-one"), "stream")
    await service.close()


@pytest.mark.parametrize("check", CLIENT_CHECKS, ids=lambda check: check.__name__)
async def test_client_in_process(check: clients.Check) -> None:
    await run_check(check, in_process)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder / "log", "--data", str(folder / "data")) as process:
        yield process


@pytest.mark.parametrize("client", [HttpStreamClient, SseClient])
@pytest.mark.parametrize("check", CLIENT_CHECKS, ids=lambda check: check.__name__)
async def test_http_client_on_the_bundled_server(
    check: clients.Check, client: type[HttpStreamClient], server: ServerProcess
) -> None:
    @asynccontextmanager
    async def subject() -> AsyncIterator[Subject]:
        def connect() -> HttpStreamClient:
            return client(f"http://127.0.0.1:{server.port}", BASIN)

        name = f"contract-{next(NUMBERS)}"
        maker = connect()
        assert await maker.create_stream(name) == Ok(None)
        await maker.aclose()
        yield Subject(connect, name)

    await run_check(check, subject)


@asynccontextmanager
async def over_http(network: Network) -> AsyncIterator[Subject]:
    async with session_server(network) as (_, url):
        yield Subject(lambda: HttpStreamClient(url, "basin-one", network=network), "stream")


@pytest.mark.parametrize("check", CLIENT_CHECKS, ids=lambda check: check.__name__)
async def test_http_client_on_a_network_in_memory(check: clients.Check) -> None:
    """No connection is made behind the world's back."""
    await run_check(check, lambda: over_http(MemoryNetwork()))


# -- clients that do one thing wrong, each named after it


class Wrong(InProcessClient):
    """A client with its own appends or reads."""

    async def perform(self, stream: str, call: Any) -> Any:
        match call:
            case Append():
                return await self._append(stream, call)
            case Read():
                return await self._read(stream, call)
        return await super().perform(stream, call)

    async def _append(self, stream: str, call: Append) -> Any:
        return await super().perform(stream, call)

    async def _read(self, stream: str, call: Read) -> Any:
        return await super().perform(stream, call)


class SaysDefiniteWithoutItsBody(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        outcome = await super()._append(stream, call)
        return Definite(outcome.code, outcome.status) if isinstance(outcome, Definite) else outcome


class DoubtsRefusals(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        outcome = await super()._append(stream, call)
        return Indefinite("who knows", 412) if isinstance(outcome, Definite) else outcome


class SendsTwice(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        await super()._append(stream, call)
        return await super()._append(stream, call)


class ForgetsConditions(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        return await super()._append(stream, Append(call.records, fencing_token=call.fencing_token))


class TakesTheEmptyTokenForNone(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        return await super()._append(stream, Append(call.records, call.match_seq_num, call.fencing_token or None))


class ForgetsBounds(Wrong):
    async def _read(self, stream: str, call: Read) -> Any:
        return await super()._read(stream, Read(seq_num=call.seq_num, tail_offset=call.tail_offset, wait=call.wait))


class ReadsAsText(Wrong):
    async def _read(self, stream: str, call: Read) -> Any:
        outcome = await super()._read(stream, call)
        if not isinstance(outcome, Ok):
            return outcome
        told = [
            type(r)(r.seq_num, r.timestamp, r.headers, r.body.decode(errors="replace").encode())
            for r in outcome.value.records
        ]
        return Ok(Batch(tuple(told)))


class DoesNotWait(Wrong):
    async def _read(self, stream: str, call: Read) -> Any:
        return await super()._read(stream, Read(seq_num=call.seq_num, count=call.count))


class SwallowsCancellation(Wrong):
    async def _read(self, stream: str, call: Read) -> Any:
        try:
            return await super()._read(stream, call)
        except asyncio.CancelledError:
            return Indefinite("cancelled")


class ClosesOnce(InProcessClient):
    closed = False

    async def aclose(self) -> None:
        assert not self.closed
        self.closed = True
        await super().aclose()


class OneByOne:
    """An append session that forgets what a session is: each batch is an append of its own, all at once."""

    def __init__(self, client: InProcessClient, stream: str) -> None:
        self.client, self.stream = client, stream

    def submit(self, batch: Append) -> Any:
        task = asyncio.ensure_future(self.client.perform(self.stream, batch))
        task.on_outcome = lambda call: task.add_done_callback(lambda done: call(done.result()))  # type: ignore[attr-defined]
        return task

    async def aclose(self) -> None:
        pass


class HasNoRealSessions(InProcessClient):
    def append_session(self, stream: str) -> Any:
        return OneByOne(self, stream)


class LosesTheFirstFrame(InProcessClient):
    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Any:
        seen = 0

        def later(frame: Batch) -> None:
            nonlocal seen
            seen += 1
            if seen > 1:
                on_frame(frame)

        return await super().read_session(stream, call, later)


class HidesHeartbeats(InProcessClient):
    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Any:
        return await super().read_session(stream, call, lambda frame: on_frame(frame) if frame.records else None)


class ReadsOneAnswerForASession(InProcessClient):
    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Any:
        outcome = await self.perform(stream, call)
        if isinstance(outcome, Ok):
            on_frame(outcome.value)
            return Ok(None)
        return outcome


class InventsAcks(Wrong):
    async def _append(self, stream: str, call: Append) -> Any:
        outcome = await super()._append(stream, call)
        if isinstance(outcome, Ok):
            at = outcome.value.start.seq_num + 1
            return Ok(Ack(Position(at, 0), Position(at + 1, 0), Position(at + 1, 0)))
        return outcome


class EndsAtTheTail(InProcessClient):
    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Any:
        return await super().read_session(stream, Read(seq_num=call.seq_num, count=call.count or 2**40), on_frame)


class SwallowsWhatTheReaderRaises(InProcessClient):
    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Any:
        try:
            return await super().read_session(stream, call, on_frame)
        except LookupError:
            return Ok(None)


class LeavesSessionsOpen(InProcessClient):
    async def aclose(self) -> None:
        pass


BROKEN = {
    SaysDefiniteWithoutItsBody: "match_seq_num_is_a_condition",
    DoubtsRefusals: "fencing_tokens_are_conditions",
    SendsTwice: "appends_are_acknowledged_with_their_positions",
    ForgetsConditions: "match_seq_num_is_a_condition",
    TakesTheEmptyTokenForNone: "fencing_tokens_are_conditions",
    ForgetsBounds: "reads_keep_their_bounds",
    ReadsAsText: "records_come_back_as_they_were_sent",
    DoesNotWait: "a_read_waits_for_records",
    SwallowsCancellation: "a_cancelled_call_ends_at_once",
    InventsAcks: "appends_are_acknowledged_with_their_positions",
    ClosesOnce: "closing_is_idempotent",
    HasNoRealSessions: "a_refusal_poisons_the_session",
    LosesTheFirstFrame: "a_read_session_ends_at_its_bounds",
    ReadsOneAnswerForASession: "a_read_session_ends_at_its_bounds",
    HidesHeartbeats: "a_read_session_follows_the_tail",
    EndsAtTheTail: "a_read_session_follows_the_tail",
    SwallowsWhatTheReaderRaises: "an_exception_of_the_reader_ends_its_session",
    LeavesSessionsOpen: "closing_the_client_ends_its_sessions",
}


@pytest.mark.parametrize("client", BROKEN, ids=lambda client: client.__name__)
async def test_the_suite_notices(client: type[InProcessClient], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "TIME_LIMIT", 0.5)
    (check,) = [check for check in CLIENT_CHECKS if check.__name__ == BROKEN[client]]
    with pytest.raises((ContractBroken, AssertionError, TimeoutError)):
        await run_check(check, lambda: in_process(client))


def test_each_check_is_listed_once() -> None:
    assert len(set(CLIENT_CHECKS)) == len(CLIENT_CHECKS) == len(UNARY_CHECKS) + len(SESSION_CHECKS)
    assert all(check.__doc__ for check in CLIENT_CHECKS)
