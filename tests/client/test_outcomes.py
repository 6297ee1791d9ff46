"""Each way for an exchange to go wrong, against a scripted server: its outcome, and that nothing was sent twice."""

from __future__ import annotations

import asyncio
import select
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from fencepost.harness.client import connection
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.s2 import CheckTail, Read

from .scripted import (
    ACKED,
    CALL,
    DEADLINE,
    GOOD,
    Peer,
    Script,
    ScriptedServer,
    ack,
    answer,
    chunked,
    once,
    position,
    replying,
    until,
)

CERTIFICATE = Path(__file__).with_name("loopback.pem")


async def reset_unread(peer: Peer) -> None:
    """Reset as soon as the request has arrived, without having read any of it."""
    await until(lambda: bool(select.select([peer.socket], [], [], 0)[0]))
    peer.reset()


async def reset_half_way(peer: Peer) -> None:
    await peer.head()
    peer.reset()


async def silence(peer: Peer) -> None:
    while await peer.some():
        pass


@dataclass(frozen=True)
class Case:
    """A script, the outcome's kind and words in its reason, and how many requests' heads the server must see."""

    script: Script
    kind: type
    words: str = ""
    heads: int = 1


HTML = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
CASES = {
    "reset before the request was read": Case(reset_unread, Indefinite, "may have left", heads=0),
    "reset when half the request was read": Case(reset_half_way, Indefinite, "may have left"),
    "reset after it was applied": Case(once(b"", "reset"), Indefinite, "may have left"),
    "closed after it was applied": Case(once(b"", "fin"), Indefinite, "may have left"),
    "cut in the status line": Case(once(GOOD[:9], "fin"), Indefinite),
    "cut in the headers": Case(once(GOOD[:25], "reset"), Indefinite),
    "cut in the body": Case(once(GOOD[:-3], "fin"), Indefinite),
    "cut in the body by a reset": Case(once(GOOD[:-3], "reset"), Indefinite),
    "cut in the last chunk": Case(once(chunked(200, GOOD)[:-2], "fin"), Indefinite),
    "an intermediary's 503": Case(replying(answer(503, text=HTML)), Indefinite, "something in between"),
    "an intermediary's 400": Case(replying(answer(400, text=b"")), Indefinite, "something in between"),
    "an intermediary's JSON 502": Case(replying(answer(502, {"error": "bad gateway"})), Indefinite, "in between"),
    "a known code, a wrong status": Case(
        replying(answer(500, {"code": "bad_json", "message": "no"})), Indefinite, "'bad_json'"
    ),
    "an unknown code, a right status": Case(
        replying(answer(400, {"code": "bad_weather", "message": "no"})), Indefinite, "'bad_weather'"
    ),
    "a known code without a message": Case(replying(answer(400, {"code": "bad_json"})), Indefinite),
    "a known code that promises nothing": Case(
        replying(answer(503, {"code": "unavailable", "message": "try again"})), Indefinite, "unavailable: try again"
    ),
    "a known code that promises no effect": Case(
        replying(answer(503, {"code": "server_draining", "message": "bye"})), Definite, "server_draining"
    ),
    "the same in chunks": Case(
        replying(chunked(503, b'{"code": "server_draining", "message": "bye"}')), Definite, "server_draining"
    ),
    "a seq_num mismatch": Case(replying(answer(412, {"seq_num_mismatch": 9})), Definite, "seq_num_mismatch"),
    "a token mismatch": Case(replying(answer(412, {"fencing_token_mismatch": ""})), Definite, "fencing_token_mismatch"),
    "a 412 without a body": Case(replying(answer(412)), Indefinite, "412"),
    "a 412 with both mismatches": Case(
        replying(answer(412, {"seq_num_mismatch": 9, "fencing_token_mismatch": ""})), Indefinite, "412"
    ),
    "a 412 of the wrong type": Case(replying(answer(412, {"seq_num_mismatch": "9"})), Indefinite, "412"),
    "a 416 to an append": Case(replying(answer(416, {"tail": position(3)})), Indefinite, "416"),
    "a redirect": Case(
        replying(answer(307, text=b"", extra="location: /elsewhere\r\n")), Indefinite, "a redirect; none is followed"
    ),
    "an upgrade": Case(replying(b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), Indefinite),
    "a 200 that is garbage": Case(replying(answer(200, text=b"\xff\xfe")), Indefinite, "append ack"),
    "a 200 with nothing": Case(replying(answer(200)), Indefinite, "append ack"),
    "a 200 without a tail": Case(
        replying(answer(200, {"start": position(1), "end": position(2)})), Indefinite, "`tail`"
    ),
    "a 200 with a negative seq_num": Case(replying(answer(200, ack(-1))), Indefinite, "start.seq_num"),
    "a 200 beyond u64": Case(replying(answer(200, ack(2**64))), Indefinite, "64-bit"),
    "a 200 with something after it": Case(replying(answer(200, text=b"{}{}")), Indefinite, "append ack"),
    "a 201": Case(replying(answer(201, ack(4))), Indefinite, "201"),
    "a 204": Case(replying(b"HTTP/1.1 204 X\r\n\r\n"), Indefinite, "204"),
    "not HTTP": Case(once(b"220 smtp.example.org\r\n\r\n", "fin"), Indefinite),
    "endless headers": Case(once(b"HTTP/1.1 200 X\r\nx: " + b"y" * 200_000, "fin"), Indefinite),
    "a plain answer": Case(replying(GOOD), Ok),
    "an answer in chunks": Case(replying(chunked(200, GOOD.partition(b"\r\n\r\n")[2])), Ok),
    "an answer after 100s and 103s": Case(
        replying(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nlink: x\r\n\r\n" + GOOD), Ok
    ),
    "an answer of HTTP/1.0": Case(once(GOOD.replace(b"1.1", b"1.0", 1), "fin"), Ok),
}


def words(outcome: Outcome[object]) -> str:
    match outcome:
        case Definite(code, _, body):
            return f"{code} {body}"
        case Indefinite(reason):
            return reason
    return ""


@pytest.mark.parametrize("name", CASES)
async def test_outcome_of_one_exchange(name: str) -> None:
    case = CASES[name]
    async with ScriptedServer(case.script) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=DEADLINE)
        outcome = await client.perform("s", CALL)
        sent = client.sent
        await client.aclose()
        await server.settled()
    assert type(outcome) is case.kind, outcome
    assert case.words in words(outcome)
    assert sent
    assert (server.connections, server.heads) == (1, case.heads), "there was a second attempt"


async def test_a_refused_connection_is_definite() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        client = HttpStreamClient(f"http://127.0.0.1:{taken.getsockname()[1]}", "basin-one")
        outcome = await client.perform("s", CALL)
    assert isinstance(outcome, Definite)
    assert (outcome.code, outcome.status) == ("not_sent", None)
    assert "cannot connect" in outcome.body["message"]
    assert not client.sent


async def test_time_out_after_sending_is_indefinite() -> None:
    async with ScriptedServer(silence) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=0.1)
        outcome = await client.perform("s", CALL)
        await server.settled()
    assert isinstance(outcome, Indefinite)
    assert "no answer within 0.1 s" in outcome.reason
    assert client.sent
    assert server.connections == 1


async def test_time_out_bounds_the_whole_answer_not_each_piece_of_it() -> None:
    async def dripping(peer: Peer) -> None:
        await peer.request()
        while True:  # each byte comes well within the time-out
            await peer.send(b" ")
            await asyncio.sleep(0.01)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n")
        await dripping(peer)

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=0.2)
        outcome = await client.perform("s", CALL)
    assert isinstance(outcome, Indefinite)
    assert "no answer within 0.2 s" in outcome.reason


@pytest.mark.parametrize("how", ["handshake", "tunnel"])
async def test_time_out_before_sending_is_definite(how: str) -> None:
    async with ScriptedServer(silence) as server:  # neither shakes hands nor opens tunnels
        secure = server.url.replace("http", "https")
        client = (
            HttpStreamClient(secure, "basin-one", timeout=0.1, ca_bundle=CERTIFICATE)
            if how == "handshake"
            else HttpStreamClient("https://example.org", "basin-one", timeout=0.1, proxy=server.url)
        )
        outcome = await client.perform("s", CALL)
        await server.settled()
    assert isinstance(outcome, Definite)
    assert (outcome.code, outcome.status) == ("not_sent", None)
    assert "no answer within 0.1 s" in outcome.body["message"]
    assert not client.sent
    assert server.connections == 1


@pytest.mark.parametrize("sent", [False, True])
async def test_cancellation_tells_whether_the_request_may_have_left(sent: bool) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.some()
        arrived.set()
        await silence(peer)

    async with ScriptedServer(script) as server:
        url = server.url if sent else server.url.replace("http", "https")
        client = HttpStreamClient(url, "basin-one", timeout=DEADLINE, ca_bundle=None if sent else CERTIFICATE)
        task = asyncio.create_task(client.perform("s", CALL))
        async with asyncio.timeout(DEADLINE):
            await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.sent is sent
        await server.settled()  # the connection was let go without anybody closing the client
    assert server.connections == 1


async def test_cancellation_before_the_connection_is_made_is_not_sent() -> None:
    async with ScriptedServer(silence) as server:
        client = HttpStreamClient(server.url, "basin-one")
        task = asyncio.create_task(client.perform("s", CALL))
        await asyncio.sleep(0)  # the call has begun, and waits for the connection
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client.sent
        assert server.heads == 0


async def test_client_works_on_after_every_kind_of_failure() -> None:
    """What failed leaves nothing behind: the next operation has a connection of its own and its own answer."""
    scripts = iter([once(b"", "reset"), replying(answer(503, text=HTML)), replying(answer(200)), replying(GOOD)])

    async def script(peer: Peer) -> None:
        await next(scripts)(peer)

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        outcomes = [await client.perform("s", CALL) for _ in range(5)]
        await client.aclose()
    assert [type(outcome) for outcome in outcomes] == [Indefinite, Indefinite, Indefinite, Ok, Ok]
    assert (server.connections, server.heads) == (4, 5)


async def test_a_reset_right_after_accept_is_never_ok() -> None:
    """Whether the request had left when the reset arrived is chance; the outcome must fit it."""

    async def script(peer: Peer) -> None:
        peer.reset()

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=DEADLINE)
        outcome = await client.perform("s", CALL)
        if client.sent:
            assert isinstance(outcome, Indefinite)
        else:
            assert isinstance(outcome, Definite)
            assert outcome.code == "not_sent"
    assert server.connections == 1


async def test_an_oversized_answer_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_LIMIT", 1000)
    async with ScriptedServer(replying(answer(200, text=b" " * 1001))) as server:
        client = HttpStreamClient(server.url, "basin-one")
        outcome = await client.perform("s", CALL)
        await server.settled()
    assert isinstance(outcome, Indefinite)
    assert "more than 1000 bytes" in outcome.reason
    assert server.heads == 1


@pytest.mark.parametrize("form", ["length", "chunks", "until closed"])
@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_only_the_whole_answer_is_ok(form: str, end: str) -> None:
    """Every proper prefix of a valid answer, cut by either kind of end, is indefinite."""
    body = GOOD.partition(b"\r\n\r\n")[2]
    whole = {"length": GOOD, "chunks": chunked(200, body), "until closed": b"HTTP/1.1 200 X\r\n\r\n" + body}[form]
    cut = 0

    async def script(peer: Peer) -> None:
        await once(whole[:cut], end)(peer)

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        for cut in range(len(whole)):
            outcome = await client.perform("s", CALL)
            assert isinstance(outcome, Indefinite), f"cut at {cut} of {len(whole)}: {outcome}"
        cut = len(whole)
        outcome = await client.perform("s", CALL)
        assert outcome == ACKED or (form, end) == ("until closed", "reset")  # then the end itself is missing
        await client.aclose()
    assert server.heads == server.connections == len(whole) + 1


async def test_a_calm_run_has_no_indefinite_outcome() -> None:
    """Ten identities, three thousand operations with short pauses: all ok, each over one connection."""

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if request.method == "POST":
                await peer.send(GOOD)
            elif request.target.endswith("tail"):
                await peer.send(answer(200, {"tail": position(5)}))
            else:
                await peer.send(chunked(200, b'{"records": []}'))

    async def identity(number: int) -> list[Outcome[object]]:
        client = HttpStreamClient(server.url, "basin-one", timeout=DEADLINE)
        outcomes: list[Outcome[object]] = []
        for round_ in range(100):
            outcomes.append(await client.perform("s", CALL))
            outcomes.append(await client.perform("s", CheckTail()))
            outcomes.append(await client.perform("s", Read(seq_num=0)))
            await asyncio.sleep(0.001 * ((number + round_) % 4))
        await client.aclose()
        return outcomes

    async with ScriptedServer(script) as server:
        outcomes = [outcome for many in await asyncio.gather(*map(identity, range(10))) for outcome in many]
    assert len(outcomes) == 3000
    assert [outcome for outcome in outcomes if not isinstance(outcome, Ok)] == []
    assert server.connections == 10


async def test_operations_at_once_on_one_identity_are_refused() -> None:
    async with ScriptedServer(silence) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=DEADLINE)
        first = asyncio.create_task(client.perform("s", CALL))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one operation at a time"):
            await client.perform("s", CheckTail())
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
