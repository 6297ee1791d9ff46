"""Endpoints that are not ours, in a thread: one that answers as it is told, and one that is a proxy to anywhere."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, Any]


@dataclass
class Heard:
    """One request: its line's method and target, its headers (names in lower case), its body."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""


@dataclass
class Endpoint:
    """Where it listens and what it heard. ``closing`` is set at the end, for answers that wait."""

    port: int
    heard: list[Heard] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def named(self, method: str) -> list[str]:
        """The targets of all requests with this method."""
        return [request.target for request in self.heard if request.method == method]


@contextmanager
def endpoint(answer: Callable[[Endpoint, Heard], Answer], certificate: Path | None = None) -> Iterator[Endpoint]:
    """Serve on loopback; ``answer`` gives status and body (JSON, or bytes as they are). A certificate makes it TLS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or every answer's body waits 40 ms for its head to be acknowledged

        def handle_any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, self.path, headers, sent)
            listening.heard.append(heard)
            status, body = answer(listening, heard)
            content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 (the names that http.server looks for)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # or ten clients at once wait a second for their connections

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients may go away at any time, or not trust the certificate

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    listening = Endpoint(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield listening
    finally:
        listening.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def created_and_removed(heard: Heard) -> Answer | None:
    """The answers to making and removing a stream; None for anything else."""
    if heard.method == "DELETE":
        return 202, None
    if heard.target.endswith("/streams"):
        return 201, {"name": "made", "created_at": "2026-01-01T00:00:00Z"}
    return None
