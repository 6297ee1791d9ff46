"""The destination of requests and the headers that all of them carry: endpoint, proxy, trusted authorities, token."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

import certifi

from ..failure import UsageFailure


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a service. ``root`` is the path before ``/streams``; it ends with ``/v1``."""

    scheme: bytes
    host: bytes
    port: int | None
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Return the endpoint of a URL. Appends ``/v1`` to a path without it. Raises :class:`UsageFailure`."""
        url = _split(text, "the endpoint")
        if "@" in url.netloc or url.query or url.fragment:
            raise UsageFailure("the endpoint must be a plain URL, without user, query or fragment")
        path = quote(url.path.rstrip("/"), safe="/%")
        root = path if path.endswith("/v1") else path + "/v1"
        return cls(url.scheme.encode(), _host(url), url.port, root.encode())

    @property
    def effective_port(self) -> int:
        """The port to connect to: the given one, or the scheme's default."""
        return self.port or (443 if self.scheme == b"https" else 80)

    @property
    def authority(self) -> bytes:
        """Host and port as written in a URL and in the ``host`` header."""
        host = b"[%b]" % self.host if b":" in self.host else self.host
        return host if self.port is None else b"%b:%d" % (host, self.port)

    def url(self, target: bytes) -> str:
        """Return the complete URL of a request target: an absolute path with its query."""
        return (self.scheme + b"://" + self.authority + target).decode()


@dataclass(frozen=True, slots=True)
class Proxy:
    """The address of a proxy, and the credentials from its URL."""

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Return the proxy of a URL such as ``http://user:password@127.0.0.1:3128``. Raises :class:`UsageFailure`."""
        url = _split(text, "the proxy")
        auth = (unquote(url.username), unquote(url.password or "")) if url.username else None
        return cls(f"{url.scheme}://{url.netloc.rpartition('@')[2]}/", auth)


class Tls:
    """The authorities that clients trust: those of a bundle (a PEM file), by default those of the system and certifi.

    Share one instance between clients, because making a context takes milliseconds. Raises :class:`UsageFailure` if
    the bundle cannot be used.
    """

    def __init__(self, ca_bundle: str | Path | None = None) -> None:
        self._ca_bundle = ca_bundle
        self.http1: Final = _context(ca_bundle)

    @cached_property
    def http2(self) -> ssl.SSLContext:
        """The TLS context that offers only HTTP/2."""
        context = _context(self._ca_bundle)
        context.set_alpn_protocols(["h2"])
        return context


def _context(ca_bundle: str | Path | None) -> ssl.SSLContext:
    if ca_bundle is None:
        context = ssl.create_default_context()  # the system's authorities
        context.load_verify_locations(certifi.where())
        return context
    try:
        return ssl.create_default_context(cafile=str(ca_bundle))
    except OSError as error:  # includes ssl.SSLError
        raise UsageFailure(f"the CA bundle {str(ca_bundle)!r} cannot be used ({error}); give a PEM file") from error


def headers(endpoint: Endpoint, basin: str, token: str | None) -> list[tuple[bytes, bytes]]:
    """Return the headers of every request. Raises :class:`UsageFailure`, whose message never contains the token."""
    if not basin or not _visible(basin):
        raise UsageFailure(f"the basin name {basin!r} cannot be sent; it may hold visible ASCII characters only")
    fields = [
        (b"host", endpoint.authority),
        (b"accept", b"application/json"),
        (b"accept-encoding", b"identity"),
        (b"user-agent", b"fencepost"),
        (b"s2-basin", basin.encode()),
        (b"s2-format", b"base64"),
    ]
    if token is not None:
        if not token or not _visible(token):
            raise UsageFailure("the bearer token is empty, or holds characters other than visible ASCII")
        fields.append((b"authorization", b"Bearer " + token.encode()))
    return fields


def _split(text: str, what: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as error:
        raise UsageFailure(f"{what} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UsageFailure(f"{what} must be a URL such as http://127.0.0.1:8080 or https://example.org")
    return url


def _host(url: SplitResult) -> bytes:
    host = url.hostname or ""
    try:
        return host.encode("ascii" if host.isascii() else "idna")
    except UnicodeError as error:
        raise UsageFailure(f"the host {host!r} is not a host name: {error}") from error


def _visible(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)
