"""Addresses, and the secrets in them: what is accepted, and that no secret gets out."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fencepost.harness.client.endpoint import Endpoint, Proxy, headers
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite
from fencepost.harness.failure import UsageFailure
from fencepost.harness.s2 import Append, CheckTail, Record

from .scripted import Peer, ScriptedServer, answer

SECRET = "s3cr3t-" + "x" * 20


@pytest.mark.parametrize(
    ("text", "endpoint", "host"),
    [
        ("http://127.0.0.1:80", Endpoint(b"http", b"127.0.0.1", 80, b"/v1"), b"127.0.0.1:80"),
        ("https://aws.s2.dev/v1", Endpoint(b"https", b"aws.s2.dev", None, b"/v1"), b"aws.s2.dev"),
        ("https://aws.s2.dev/v1/", Endpoint(b"https", b"aws.s2.dev", None, b"/v1"), b"aws.s2.dev"),
        ("http://[::1]:8080/x y", Endpoint(b"http", b"::1", 8080, b"/x%20y/v1"), b"[::1]:8080"),
        ("http://bücher.example", Endpoint(b"http", b"xn--bcher-kva.example", None, b"/v1"), b"xn--bcher-kva.example"),
    ],
)
def test_endpoint(text: str, endpoint: Endpoint, host: bytes) -> None:
    assert Endpoint.parse(text) == endpoint
    assert dict(headers(endpoint, "basin-one", None))[b"host"] == host


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:80", "ftp://x", "http://", "http://x:y", "http://u:pw@x", "http://x?y", "http://x#y", "http://[x"],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match="the endpoint") as failure:
        HttpStreamClient(text, "basin-one")
    assert "pw" not in str(failure.value)


@pytest.mark.parametrize("token", ["", "a b", f"{SECRET}\n", f"{SECRET}é"])
def test_a_token_that_no_header_can_hold_is_refused_unseen(token: str) -> None:
    with pytest.raises(UsageFailure, match="bearer token") as failure:
        HttpStreamClient("http://127.0.0.1:1", "basin-one", token=token)
    assert SECRET not in str(failure.value)


def test_a_bundle_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(UsageFailure, match=name):
            HttpStreamClient("https://127.0.0.1:1", "basin-one", ca_bundle=tmp_path / name)


async def test_a_plain_proxy_is_asked_for_the_whole_address() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(404, {"code": "stream_not_found", "message": "x"}))

    async with ScriptedServer(script) as server:
        proxy = f"http://me:p%40ss@127.0.0.1:{server.port}"
        assert "p@ss" not in repr(Proxy.parse(proxy))
        client = HttpStreamClient("http://example.org:81", "basin-one", token=SECRET, proxy=proxy)
        outcome = await client.perform("s", CheckTail())
        await client.aclose()
    assert isinstance(outcome, Definite)
    assert outcome.code == "stream_not_found"
    (request,) = server.requests
    assert request.target == "http://example.org:81/v1/streams/s/records/tail"
    assert request.headers["host"] == "example.org:81"
    assert request.headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


async def test_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(404, {"code": "stream_not_found", "message": "x"}))

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one")
        outcome = await client.perform("s", CheckTail())
        await client.aclose()
    assert isinstance(outcome, Definite)
    assert outcome.code == "stream_not_found"


ECHOES = {
    "a page": answer(503, text=f"<pre>authorization: Bearer {SECRET}</pre>".encode()),
    "an error": answer(403, {"code": "permission_denied", "message": f"who is {SECRET}?"}),
    "an error that promises nothing": answer(500, {"code": "other", "message": f"{SECRET} failed", SECRET: [SECRET]}),
    "an unknown code": answer(400, {"code": SECRET, "message": "?"}),
    "a wrong answer": answer(200, {"start": SECRET}),
    "a header": f"HTTP/1.1 503 X\r\nx-echo: {SECRET}\r\ncontent-length: 0\r\n\r\n".encode(),
    "a status line": f"HTTP/1.1 abc {SECRET}\r\n\r\n".encode(),
}


@pytest.mark.parametrize("name", ECHOES)
async def test_a_token_that_is_echoed_is_not_kept(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(peer: Peer) -> None:
        request = await peer.request()
        assert request is not None
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        await peer.send(ECHOES[name])

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", token=SECRET)
        outcome = await client.perform("s", Append((Record(b"x"),)))
        await client.aclose()
    assert isinstance(outcome, Definite | Indefinite)
    assert SECRET not in repr(outcome)
    assert SECRET not in repr(client)
    assert SECRET not in caplog.text


async def test_a_token_in_force_is_never_struck_out() -> None:
    """A fencing token that looks like the bearer token is a value of the protocol, and stays."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(412, {"fencing_token_mismatch": "abc"}))

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", token="abc")
        outcome = await client.perform("s", Append((Record(b"x"),)))
        await client.aclose()
    assert outcome == Definite("fencing_token_mismatch", 412, {"fencing_token_mismatch": "abc"})
