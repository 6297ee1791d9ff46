"""One HTTP request as the handlers see it, with strict header lookup and limits on the body."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final, TypeAlias

from ..s2.compression import Compression
from ..s2.json_codec import Format
from .access.grants import ROOT, Grant
from .bodies import Bodies, Message, Pieces, current_task
from .content_coding import coding, decoded
from .encryption import EncryptionKey
from .errors import ServiceError
from .names import basin_of_host, check_basin_name

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Headers that change what a request means. If one of them is given twice, the request is ambiguous.
_SINGULAR: Final = frozenset(
    (
        *(b"host", b"s2-basin", b"s2-format", b"s2-request-token", b"s2-stream-config", b"s2-encryption-key"),
        *(b"authorization", b"content-type"),
    )
)


_check_basin: Final = lru_cache(1024)(check_basin_name)  # keeps the valid names only


class HangUp:
    """A context that is cancelled when the client disconnects, and then raises ``client_hangup``.

    The task that handles the request enters it after reading the body, or passes what takes the pieces of the body.
    """

    def __init__(self, receive: Receive, body: Pieces | None = None) -> None:
        self._receive = receive
        self._body = body
        self._gone = False

    async def __aenter__(self) -> None:
        self._task = current_task()
        self._watch = asyncio.create_task(self._disconnected())

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.cancel()
        if self._gone and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ServiceError("client_hangup", "the client disconnected while its request waited")

    async def _disconnected(self) -> None:
        while (message := await self._receive())["type"] != "http.disconnect":
            if self._body is not None:
                await self._body.put(message)
        self._gone = True
        self._task.cancel()


class Request:
    """One request, as its handler sees it.

    ``operation`` is the name of its operation and ``name`` the name that it is about, once they are known. ``grant``
    is what its sender may do. ``unfinished`` says that its body was refused before it had arrived completely, so the
    client may still be sending it.
    """

    __slots__ = (
        "_bodies",
        "_headers",
        "_pairs",
        "_pieces",
        "_receive",
        "grant",
        "name",
        "operation",
        "query",
        "unfinished",
    )

    def __init__(self, scope: Message, receive: Receive, bodies: Bodies) -> None:
        self.operation = "none"
        self.name = ""
        self.grant: Grant = ROOT
        self.unfinished = False
        self.query: bytes = scope["query_string"]
        self._pairs: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers: dict[bytes, bytes] = dict(self._pairs)
        self._receive = receive
        self._bodies = bodies
        self._pieces: Pieces | None = None

    def refuse_repeats(self) -> None:
        """Raise ``bad_header`` if a header that changes what the request means is given twice.

        Other repeated headers are lists, and count as one header with all their values (RFC 9110, section 5.3).
        """
        if len(self._headers) == len(self._pairs):
            return
        joined: dict[bytes, bytes] = {}
        for name, value in self._pairs:
            if name not in joined:
                joined[name] = value
            elif name in _SINGULAR:
                raise ServiceError("bad_header", f"the header {name.decode()} is given twice")
            else:
                joined[name] = b"%b, %b" % (joined[name], value)
        self._headers = joined

    def header(self, name: bytes) -> str | None:
        """Return the value of a header, or None. ``name`` is in lower case. Raise ``bad_header`` unless it is UTF-8."""
        value = self._headers.get(name)
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise ServiceError("bad_header", f"the header {name.decode()} is not UTF-8") from error

    def raw(self, name: bytes) -> bytes | None:
        """Return the value of a header as it was sent, or None. ``name`` is in lower case."""
        return self._headers.get(name)

    def basin(self) -> str:
        """Return the basin that the request names, in ``s2-basin`` or else by its host.

        Raise ``bad_header`` unless it names one validly.
        """
        basin = self.header(b"s2-basin")
        if basin is None:
            named = basin_of_host(self.header(b"host") or "")
            if named is None:
                raise ServiceError("bad_header", "no basin is named: by s2-basin, or by a host like basin.b.localhost")
            return named
        _check_basin(basin, "bad_header")
        return basin

    def encryption_key(self) -> EncryptionKey | None:
        """Return the key of ``s2-encryption-key``, or None. Raise ``bad_header`` if its length is out of range."""
        value = self.header(b"s2-encryption-key")
        return None if value is None else EncryptionKey(value)

    def format(self) -> Format:
        """Return how JSON encodes the bytes of records, in request and answer. Raise ``bad_header`` if unknown."""
        value = self._headers.get(b"s2-format", b"raw")
        try:
            return _FORMATS[value]
        except KeyError:
            raise ServiceError("bad_header", f"s2-format must be raw or base64, not {value[:40]!r}") from None

    def refuse_query(self) -> None:
        """Raise ``bad_query``: the operation has no parameters."""
        raise ServiceError("bad_query", f"this operation takes no parameters, such as {self.query[:40]!r}")

    def body(self, malformed: str = "bad_json") -> Awaitable[bytes]:
        """Return the whole body, decompressed, once it has arrived.

        Raise ``payload_too_large`` past the limit, compressed or decompressed, ``hot_server`` if too many bodies are
        arriving, ``request_timeout`` if it does not arrive in time, ``bad_header`` or ``client_hangup`` if it cannot
        arrive completely, ``unsupported_encoding`` for an unknown compression, and the code ``malformed`` if it cannot
        be decompressed. Raise ``permission_denied`` if the sender's access token has ended meanwhile. In all of these
        cases the request had no effect.
        """
        self.unfinished = True
        encoding = self._headers.get(b"content-encoding")
        if encoding is None:
            return self._arrived()
        return self._decoded(coding(encoding), malformed)

    async def _decoded(self, compression: Compression, malformed: str) -> bytes:
        return decoded(await self._arrived(), compression, self._bodies.limits.body_bytes, malformed)

    async def _arrived(self) -> bytes:
        expected = self._expected_length()
        bodies = self._bodies
        # One buffer: a list would take twenty times as much as what is counted if the pieces are tiny.
        arrived = bytearray()
        try:
            with bodies.patience:
                while True:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ServiceError("client_hangup", "the request ended before its body was complete")
                    chunk: bytes = message.get("body", b"")
                    size = len(arrived) + len(chunk)
                    if size > bodies.limits.body_bytes:
                        raise self._too_large()
                    # Do not call receive() just to learn that the body has ended: it is a round trip to granian's
                    # thread.
                    if size == expected or not message.get("more_body", False):
                        self.unfinished = False
                        self.grant.check()
                        return b"".join((arrived, chunk)) if arrived else chunk
                    bodies.hold(len(chunk))
                    arrived += chunk
        finally:
            bodies.held -= len(arrived)

    def hang_up(self) -> HangUp:
        """Return a context that is cancelled when the client disconnects.

        Read the body first, if there is one, or call :meth:`pieces` before and read it inside.
        """
        return HangUp(self._receive, self._pieces)

    def pieces(self) -> Pieces:
        """Return the body as it arrives, for an answer that begins before the request has ended."""
        self.unfinished = True
        self._pieces = Pieces(self._bodies)
        return self._pieces

    def _expected_length(self) -> int | None:
        value = self._headers.get(b"content-length")
        if value is None:
            # The HTTP server below looks at the last coding only, and so would take compressed bytes for the body.
            if (transfer := self._headers.get(b"transfer-encoding", b"chunked").lower()) != b"chunked":
                raise ServiceError("bad_header", f"transfer-encoding must be chunked, not {transfer[:40]!r}")
            return None
        if not value.isdigit():
            raise ServiceError("bad_header", f"content-length must be a number, not {value[:40]!r}")
        length = int(value)
        if length > self._bodies.limits.body_bytes:
            raise self._too_large()
        return length

    def _too_large(self) -> ServiceError:
        return ServiceError("payload_too_large", f"a body may have at most {self._bodies.limits.body_bytes} bytes")


_FORMATS: Final = {form.value.encode(): form for form in Format}
