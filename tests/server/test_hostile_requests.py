"""Requests to every operation that S2 describes, damaged in any of their parts, over HTTP/1.1 and HTTP/2.

What follows the description is understood, and answered as the description says. What certainly does not is refused.
Whatever is refused changes nothing, and nothing leaves a traceback.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import event, given

from fencepost.harness.s2.errors import ERROR_CODES, WITH_MEMBER

from .description import follows
from .hostile import STREAMING, Sent, requests
from .processes import Answer
from .victim import Victim, relentless

MISUNDERSTOOD = {"bad_json", "bad_proto", "bad_query", "bad_path", "bad_header", "not_found", "method_not_allowed"}
CODES = {(row.code, status) for row in ERROR_CODES for status in row.statuses}


def over_http1(port: int, sent: Sent) -> Answer:
    """Send a request and read its answer, but not one that comes in pieces for ever."""
    head = b"%b %b HTTP/1.1\r\n" % (sent.method.encode(), sent.target)
    head += b"".join(b"%b: %b\r\n" % row for row in sent.headers)
    if sent.body or sent.operation.body is not None:
        head += b"content-length: %d\r\n" % len(sent.body)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        with suppress(ConnectionError):  # it may be refused before it was sent whole
            client.sendall(head + b"\r\n" + sent.body)
        answer = HTTPResponse(client, method=sent.method)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = b"" if is_streaming(headers) and sent.method == "GET" else answer.read()
        return Answer(answer.status, headers, body)


def over_http2(port: int, sent: Sent) -> Answer:
    """Likewise, by a client that sends whatever headers it is given."""
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    client.initiate_connection()
    head = [(b":method", sent.method.encode()), (b":scheme", b"http"), (b":path", sent.target)]
    head += [(b":authority" if name == b"host" else name, value) for name, value in sent.headers]
    client.send_headers(1, sorted(head, key=lambda row: row[0][:1] != b":"), end_stream=not sent.body)
    left, status, body = sent.body, 0, b""
    headers: dict[str, str] = {}
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        while True:
            while left and (room := min(client.local_flow_control_window(1), client.max_outbound_frame_size)) > 0:
                client.send_data(1, left[:room], end_stream=room >= len(left))
                left = left[room:]
            connection.sendall(client.data_to_send())
            data = connection.recv(1 << 16)
            if not data:
                raise ConnectionError("the server closed the connection")
            for found in client.receive_data(data):
                match found:
                    case h2.events.ResponseReceived():
                        headers = {name.decode(): value.decode("latin-1") for name, value in found.headers or ()}
                        status = int(headers[":status"])
                        if is_streaming(headers) and sent.method == "GET":
                            return Answer(status, headers, b"")
                    case h2.events.DataReceived():
                        body += found.data or b""
                        client.acknowledge_received_data(found.flow_controlled_length or 0, 1)
                    case h2.events.StreamEnded() | h2.events.StreamReset():
                        if not status:
                            raise ConnectionError("the server reset the request")
                        return Answer(status, headers, body)
                    case h2.events.ConnectionTerminated():
                        raise ConnectionError("the server refused the connection")


def is_streaming(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").encode() in STREAMING


def check(victim: Victim, sent: Sent, answer: Answer) -> None:
    """Hold an answer against the description, and what the server did against its answer."""
    described = sent.operation.answers
    if 200 <= answer.status < 300:
        assert not sent.wrong, "it is against the description"
        assert answer.status in described
        schema = described[answer.status]
        if schema is None:
            assert not answer.body
        elif answer.headers["content-type"] == "application/json":
            assert follows(schema, answer.json, strict=False)
        if sent.method != "GET" or sent.strange:
            victim.restore()
    else:
        code = refusal(answer) if sent.method != "HEAD" else ""
        event(f"refused with {code}")
        if not sent.wrong and not sent.strange:
            assert code not in MISUNDERSTOOD, "it follows the description"
    victim.expect_untouched()
    assert "Traceback" not in victim.process.log.read_text()


def refusal(answer: Answer) -> str:
    """The code of an answer that is a refusal as documented."""
    assert 400 <= answer.status < 500 or answer.status == 501
    assert answer.headers["content-type"] == "application/json"
    found = json.loads(answer.body)
    own = [row.code for row in WITH_MEMBER if answer.status in row.statuses and row.member in found]
    if own:
        return own[0]
    assert found["message"]
    assert (found["code"], answer.status) in CODES
    return str(found["code"])


ASK = {"HTTP/1.1": over_http1, "HTTP/2": over_http2}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_any_request_is_answered_as_described(victim: Victim, ask: Callable[[int, Sent], Answer]) -> None:
    many(victim, ask, 200)


@pytest.mark.slow
def test_very_many_requests_are_answered_as_described_and_leave_nothing_in_memory(victim: Victim) -> None:
    for ask in ASK.values():
        many(victim, ask, 500)
    before = victim.process.resident()
    for ask in ASK.values():
        many(victim, ask, 5000)
    assert victim.process.resident() - before < 16


def many(victim: Victim, ask: Callable[[int, Sent], Answer], examples: int) -> None:
    """Send so many requests."""

    @relentless(examples)
    @given(sent=requests())
    def one(sent: Sent) -> None:
        try:
            answer = ask(victim.process.port, sent)
        except (ConnectionError, HTTPException):
            assert sent.wrong or sent.strange
            event("no answer")
            victim.expect_untouched()
        else:
            check(victim, sent, answer)

    one()
