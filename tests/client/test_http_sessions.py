"""Each way for a session over HTTP/2 to go: what its batches end as, and that nothing is sent twice."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fencepost.harness.client import http_sessions
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok, Outcome
from fencepost.harness.client.sessions import PENDING_LIMIT
from fencepost.harness.s2 import Append, Batch, Position, Read, Record, SequencedRecord
from fencepost.harness.s2.compression import Compression

from .scripted import DEADLINE, ScriptedServer, answer, replying, until
from .scripted_http2 import Http2Server, Stream, http2_server
from .session_server import session_server

CERTIFICATE = Path(__file__).with_name("loopback.pem")
RECORD = SequencedRecord(0, 1, (), b"x")


def batch(size: int = 1) -> Append:
    return Append((Record(b"x" * size),))


def kinds(*outcomes: Outcome[Any]) -> list[str]:
    """What outcomes are, in a word each."""
    return [
        outcome.code if isinstance(outcome, Definite) else "ok" if isinstance(outcome, Ok) else "indefinite"
        for outcome in outcomes
    ]


async def ends(url: str, *sizes: int, **options: Any) -> list[Outcome[Any]]:
    """What batches of these sizes end as, submitted at once in a session of a new client."""
    client = HttpStreamClient(url, "basin-one", **options)
    session = client.append_session("stream")
    tickets = [session.submit(batch(size)) for size in sizes]
    outcomes = [await ticket for ticket in tickets]
    await client.aclose()
    return outcomes


async def hold(stream: Stream) -> None:
    """Say no more."""
    await asyncio.Event().wait()


async def test_batches_are_answered_while_the_request_goes_on() -> None:
    async def script(stream: Stream) -> None:
        assert stream.headers[":method"] == "POST"
        assert stream.headers[":path"] == "/v1/streams/stream/records"
        assert (stream.headers["content-type"], stream.headers["s2-basin"]) == ("s2s/proto", "basin-one")
        for number in range(3):
            assert (await stream.batch()).records[0].body == b"x" * (number + 1)
            assert not stream.ended
            stream.ack(number)
        await stream.end_of_batches()
        stream.end()

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        session = client.append_session("stream")
        for number in range(3):
            outcome = await session.submit(batch(number + 1))
            assert isinstance(outcome, Ok)
            assert outcome.value.start.seq_num == number
        await session.aclose()
        await client.aclose()
    assert len(server.connections) == 1


async def test_several_batches_are_under_way_before_the_first_is_answered() -> None:
    async def script(stream: Stream) -> None:
        for _ in range(5):
            await stream.batch()
        for number in range(5):
            stream.ack(number)
        await hold(stream)

    async with http2_server(script) as server:
        assert kinds(*await ends(server.url, 1, 1, 1, 1, 1)) == ["ok"] * 5


HTML = b"<html>503 Service Unavailable</html>"
POISONED = ["ok", "seq_num_mismatch", "session_poisoned", "session_poisoned"]
TERMINALS: list[tuple[int, bytes, list[str]]] = [
    (412, b'{"seq_num_mismatch": 9}', POISONED),
    (422, b'{"code": "invalid", "message": "no"}', ["ok", "invalid", "session_poisoned", "session_poisoned"]),
    (503, b'{"code": "server_draining", "message": "bye"}', ["ok", "server_draining", *POISONED[2:]]),
    (500, b'{"code": "storage", "message": "?"}', ["ok", *["indefinite"] * 3]),
    (500, b'{"code": "invalid", "message": "?"}', ["ok", *["indefinite"] * 3]),
    (412, b"{}", ["ok", *["indefinite"] * 3]),
    (503, HTML, ["ok", *["indefinite"] * 3]),
    (200, b"{}", ["ok", *["indefinite"] * 3]),
    (0, b"", ["ok", *["indefinite"] * 3]),
]


@pytest.mark.parametrize(("status", "body", "expected"), TERMINALS)
async def test_a_terminal_frame_is_the_answer_to_the_oldest_batch(
    status: int, body: bytes, expected: list[str]
) -> None:
    async def script(stream: Stream) -> None:
        for _ in range(4):
            await stream.batch()
        stream.ack(0)
        stream.terminal(status, body)
        await stream.was_reset.wait()

    async with http2_server(script) as server:
        assert kinds(*await ends(server.url, 1, 1, 1, 1)) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b'{"code": "stream_not_found", "message": "no"}', ["stream_not_found", "session_poisoned"]),
        (503, HTML, ["indefinite", "indefinite"]),
        (301, b"", ["indefinite", "indefinite"]),
    ],
)
async def test_an_answer_that_opens_no_session(status: int, body: bytes, expected: list[str]) -> None:
    async def script(stream: Stream) -> None:
        await stream.batch()
        await stream.batch()
        stream.head(status)
        stream.raw(body)
        stream.end()

    async with http2_server(script) as server:
        assert kinds(*await ends(server.url, 1, 1)) == expected


def reset(stream: Stream) -> None:
    stream.reset()


def close(stream: Stream) -> None:
    stream.connection.writer.close()


def refuse(stream: Stream) -> None:
    stream.connection.go_away(0)


def end(stream: Stream) -> None:
    stream.end()


def end_within_a_frame(stream: Stream) -> None:
    stream.raw(b"\x00\x00\x08\x00abc")
    stream.end()


def garbage(stream: Stream) -> None:
    stream.raw(b"\x00\x00\x04\x00\xff\xff\xff")


def oversized(stream: Stream) -> None:
    stream.raw(b"\xff\xff\xff\x00")


def too_many_acks(stream: Stream) -> None:
    for number in range(1, 5):
        stream.ack(number)


def nonsense(stream: Stream) -> None:
    """No HTTP/2. What came in one piece with it is lost as well."""
    stream.connection.writer.write(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00nonsense" * 10)


ABORTS = [reset, close, refuse, end, end_within_a_frame, garbage, oversized, nonsense]


@pytest.mark.parametrize("abort", ABORTS, ids=lambda abort: abort.__name__)
async def test_without_a_terminal_frame_nobody_knows_what_became_of_what_had_left(
    abort: Callable[[Stream], None],
) -> None:
    async def script(stream: Stream) -> None:
        for _ in range(3):
            await stream.batch()
        stream.ack(0)
        abort(stream)
        await hold(stream)

    async with http2_server(script) as server:
        outcomes = await ends(server.url, 1, 1, 1)
        assert kinds(*outcomes) == ["indefinite" if abort is nonsense else "ok", "indefinite", "indefinite"]
        assert "may have left" in str(outcomes[1])
    assert len(server.connections) == 1, "something was sent again"


async def test_an_ack_that_nobody_waits_for_breaks_the_session() -> None:
    async def script(stream: Stream) -> None:
        await stream.batch()
        stream.ack(0)
        too_many_acks(stream)
        await stream.was_reset.wait()

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        session = client.append_session("stream")
        assert kinds(await session.submit(batch())) == ["ok"]
        await until(lambda: kinds(session.submit(batch()).outcome or Ok(None)) == ["not_sent"])
        await client.aclose()


async def test_what_waits_for_the_peers_window_has_not_left() -> None:
    """The first batch fits, of the second a part has left, the third has to wait: only the latter is definite."""
    stuck = asyncio.Event()

    async def script(stream: Stream) -> None:
        await until(lambda: stream.bytes == 1000)
        stuck.set()
        stream.ack(0)
        stream.reset()

    async with http2_server(script, window=1000) as server:
        assert kinds(*await ends(server.url, 700, 700, 700)) == ["ok", "indefinite", "not_sent"]
    assert stuck.is_set()


async def test_a_peer_that_does_not_read_holds_the_client_back_and_then_gets_all_in_order() -> None:
    async def script(stream: Stream) -> None:
        await until(lambda: stream.bytes == 1000)
        for _ in range(20):
            await asyncio.sleep(0)
        assert stream.bytes == 1000, "more was sent than the window allows"
        stream.connection.withholding = False
        stream.connection.h2.increment_flow_control_window(1000, stream.number)
        stream.connection.flush()
        for number in range(30):
            assert len((await stream.batch()).records[0].body) == 300 + number
            stream.ack(number)
        await hold(stream)

    async with http2_server(script, window=1000) as server:
        assert kinds(*await ends(server.url, *range(300, 330))) == ["ok"] * 30


async def test_large_batches_pass_the_windows_of_both_sides() -> None:
    async with session_server() as (_, url):
        client = HttpStreamClient(url, "basin-one")
        session = client.append_session("stream")
        tickets = [session.submit(batch(1_000_000)) for _ in range(5)]
        assert kinds(*[await ticket for ticket in tickets]) == ["ok"] * 5
        frames: list[Batch] = []
        assert await client.read_session("stream", Read(seq_num=0, count=5), frames.append) == Ok(None)
        assert [len(record.body) for frame in frames for record in frame.records] == [1_000_000] * 5
        await client.aclose()


@pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.GZIP])
async def test_compressed_frames_are_read_and_written(compression: Compression) -> None:
    async with session_server(compression=compression) as (_, url):
        client = HttpStreamClient(url, "basin-one", compression=compression)
        session = client.append_session("stream")
        assert kinds(await session.submit(batch(100_000))) == ["ok"]
        frames: list[Batch] = []
        assert await client.read_session("stream", Read(seq_num=0, count=1), frames.append) == Ok(None)
        assert frames[0].records[0].body == b"x" * 100_000
        await client.aclose()


async def test_silence_ends_a_session_at_the_time_out() -> None:
    async with http2_server(hold) as server:
        outcomes = await ends(server.url, 1, 1, timeout=0.4)
    assert kinds(*outcomes) == ["indefinite", "indefinite"]
    assert "no answer within 0.4 s" in str(outcomes[0])


async def test_nothing_is_sent_to_a_server_that_does_not_say_it_speaks_http2() -> None:
    """One answers in HTTP/1.1, one says nothing, one is not there."""
    async with ScriptedServer(replying(answer(400))) as server:
        assert kinds(*await ends(server.url, 1, 1)) == ["not_sent", "not_sent"]

    async def silence(peer: Any) -> None:
        while await peer.some():
            pass

    async with ScriptedServer(silence) as server:
        outcomes = await ends(server.url, 1, timeout=0.1)
        assert kinds(*outcomes) == ["not_sent"]
        assert "within 0.1 s" in str(outcomes[0])
        await server.settled()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        outcomes = await ends(f"http://127.0.0.1:{taken.getsockname()[1]}", 1, 1)
    assert kinds(*outcomes) == ["not_sent", "not_sent"]
    assert "cannot connect" in str(outcomes[0])


async def test_a_batch_that_no_frame_can_hold_fails_in_its_turn() -> None:
    async def script(stream: Stream) -> None:
        await stream.batch()
        await asyncio.sleep(0.02)
        stream.ack(0)
        await stream.end_of_batches()
        stream.end()

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        session = client.append_session("stream")
        order: list[int] = []
        tickets = [
            session.submit(batch()),
            session.submit(Append((Record(b"x"),), fencing_token="\ud800")),
        ]
        for number, ticket in enumerate(tickets):
            ticket.on_outcome(lambda _, number=number: order.append(number))  # type: ignore[misc]
        assert kinds(await tickets[1], await tickets[0]) == ["not_sent", "ok"]
        assert kinds(await session.submit(batch())) == ["not_sent"]
        assert order == [0, 1]
        await session.aclose()
        await client.aclose()


async def test_more_than_a_session_holds_is_a_mistake_of_the_caller() -> None:
    async with http2_server(hold) as server:
        client = HttpStreamClient(server.url, "basin-one")
        session = client.append_session("stream")
        for _ in range(PENDING_LIMIT):
            session.submit(batch())
        with pytest.raises(RuntimeError, match="at most"):
            session.submit(batch())
        await client.aclose()


async def going_on(stream: Stream) -> None:
    """Acknowledge whatever comes, and say that others should be opened elsewhere."""
    stream.connection.go_away(stream.number)
    await advised(stream)


async def advised(stream: Stream) -> None:
    for number in range(10):
        await stream.batch()
        stream.ack(number, reconnect_advised=stream.number == 1)


@pytest.mark.parametrize("script", [going_on, advised])
async def test_a_server_about_to_stop_gets_no_new_session_and_finishes_the_old_one(script: Any) -> None:
    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        first = client.append_session("stream")
        assert kinds(await first.submit(batch())) == ["ok"]
        second = client.append_session("stream")
        assert kinds(await second.submit(batch())) == ["ok"]
        assert kinds(await first.submit(batch())) == ["ok"]
        await client.aclose()
    assert len(server.connections) == 2


async def test_a_read_session_is_advised_too() -> None:
    async def script(stream: Stream) -> None:
        stream.frame(Batch((RECORD,)), reconnect_advised=True)
        stream.frame(Batch((RECORD,)))
        stream.end()

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        for _ in range(2):
            frames: list[Batch] = []
            assert await client.read_session("stream", Read(seq_num=0, count=2), frames.append) == Ok(None)
            assert len(frames) == 2
        await client.aclose()
    assert len(server.connections) == 2


async def test_sessions_share_one_connection() -> None:
    async with http2_server(advised) as server:
        client = HttpStreamClient(server.url, "basin-one")
        for connection in server.connections:
            connection.withholding = False
        sessions = [client.append_session("stream") for _ in range(3)]
        tickets = [session.submit(batch()) for session in sessions]
        assert kinds(*[await ticket for ticket in tickets]) == ["ok"] * 3
        await client.aclose()
    assert len(server.connections) == 1


async def read(server: Http2Server, call: Read, **options: Any) -> tuple[Outcome[None], int]:
    """What a read session ends as, and how many frames came."""
    client = HttpStreamClient(server.url, "basin-one", **options)
    frames: list[Batch] = []
    outcome = await client.read_session("stream", call, frames.append)
    await client.aclose()
    return outcome, len(frames)


@pytest.mark.parametrize("abort", ABORTS, ids=lambda abort: abort.__name__)
async def test_a_read_session_that_is_cut_off_keeps_its_frames(abort: Callable[[Stream], None]) -> None:
    async def script(stream: Stream) -> None:
        assert stream.headers[":path"] == "/v1/streams/stream/records?seq_num=0"
        stream.frame(Batch((RECORD,)))
        stream.frame(Batch((), Position(1, 1)))
        abort(stream)
        await hold(stream)

    async with http2_server(script) as server:
        outcome, frames = await read(server, Read(seq_num=0))
        assert kinds(outcome) == ["indefinite"]
        assert frames >= 2 or abort is nonsense


async def test_a_read_session_with_bounds_ends_with_its_stream() -> None:
    async def script(stream: Stream) -> None:
        stream.frame(Batch((RECORD,)))
        stream.end()

    async with http2_server(script) as server:
        assert await read(server, Read(seq_num=0, count=1)) == (Ok(None), 1)
        assert kinds((await read(server, Read(seq_num=0)))[0]) == ["indefinite"]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (416, b'{"tail": {"seq_num": 3, "timestamp": 9}}', "range_not_satisfiable"),
        (503, b'{"code": "server_draining", "message": "bye"}', "server_draining"),
        (500, b'{"code": "other", "message": "?"}', "indefinite"),
        (502, HTML, "indefinite"),
    ],
)
async def test_an_error_ends_a_read_session(status: int, body: bytes, kind: str, begun: bool) -> None:
    async def script(stream: Stream) -> None:
        if begun:
            stream.frame(Batch((RECORD,)))
            stream.terminal(status, body)
        else:
            stream.head(status)
            stream.raw(body)
        stream.end()

    async with http2_server(script) as server:
        outcome, frames = await read(server, Read(seq_num=0))
        assert (kinds(outcome), frames) == ([kind], int(begun))


async def test_a_read_session_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sessions, "SILENCE_LIMIT", 0.2)

    async def script(stream: Stream) -> None:
        for number in range(3):
            stream.frame(Batch((), Position(number, 1)))
            await asyncio.sleep(0.15)
        await stream.was_reset.wait()

    async with http2_server(script) as server:
        outcome, frames = await read(server, Read(seq_num=0), timeout=0.3)
    assert (kinds(outcome), frames) == (["indefinite"], 3)
    assert "silent" in str(outcome)


async def test_a_cancelled_read_session_is_reset_and_leaves_the_connection() -> None:
    """On which the next session goes on."""
    following = asyncio.Event()
    streams: list[Stream] = []

    async def script(stream: Stream) -> None:
        streams.append(stream)
        stream.frame(Batch((RECORD,)))
        if len(streams) == 2:
            stream.end()
        await hold(stream)

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        task = asyncio.create_task(client.read_session("stream", Read(seq_num=0), lambda _: following.set()))
        await following.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(DEADLINE):
            await streams[0].was_reset.wait()
        assert await client.read_session("stream", Read(seq_num=0, count=1), lambda _: None) == Ok(None)
        await client.aclose()
    assert len(server.connections) == 1


@pytest.mark.parametrize("error", [OSError("no space left"), TimeoutError("mine"), ValueError("odd")])
async def test_what_the_reader_raises_is_not_taken_for_a_failure_of_the_service(error: Exception) -> None:
    async def script(stream: Stream) -> None:
        stream.frame(Batch((RECORD,)))
        await stream.was_reset.wait()

    def raising(frame: Batch) -> None:
        raise error

    async with http2_server(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        with pytest.raises(type(error)) as raised:
            await client.read_session("stream", Read(seq_num=0), raising)
        assert raised.value is error
        await client.aclose()


async def test_tls_needs_alpn() -> None:
    async def script(stream: Stream) -> None:
        await stream.batch()
        stream.ack(0)
        await hold(stream)

    for protocols, expected in ((["h2"], "ok"), (["http/1.1"], "not_sent"), ([], "not_sent")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        if protocols:
            context.set_alpn_protocols(protocols)
        async with http2_server(script, tls=context) as server:
            assert kinds(*await ends(server.url, 1, ca_bundle=CERTIFICATE)) == [expected]
            outcomes = await ends(server.url, 1)
            assert kinds(*outcomes) == ["not_sent"]
            assert "CERTIFICATE_VERIFY_FAILED" in str(outcomes[0])


async def test_there_are_no_sessions_through_a_proxy() -> None:
    outcomes = await ends("http://127.0.0.1:1", 1, proxy="http://127.0.0.1:1")
    assert kinds(*outcomes) == ["not_sent"]
    client = HttpStreamClient("http://127.0.0.1:1", "basin-one", proxy="http://127.0.0.1:1")
    assert kinds(await client.read_session("stream", Read(), lambda _: None)) == ["not_sent"]


async def test_a_token_that_is_echoed_is_not_kept() -> None:
    secret = "s3cr3t-" + "x" * 20

    async def script(stream: Stream) -> None:
        assert stream.headers["authorization"] == f"Bearer {secret}"
        await stream.batch()
        stream.terminal(500, b'{"code": "other", "message": "%b"}' % secret.encode())
        stream.end()

    async with http2_server(script) as server:
        outcomes = await ends(server.url, 1, 1, token=secret)
    assert [type(outcome) for outcome in outcomes] == [Indefinite, Indefinite]
    assert secret not in str(outcomes)
