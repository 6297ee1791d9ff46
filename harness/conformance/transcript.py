"""What was sent and what came back, in a form that people read. Tokens and keys never get into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from ..client.redaction import STRUCK, redacted

SHOWN: Final = 600
"""Characters of a body that are shown."""

_SECRET: Final = frozenset({"authorization", "s2-encryption-key", "proxy-authorization"})
_USUAL: Final = frozenset({"host", "user-agent", "accept-encoding", "connection", "date", "server", "content-length"})


class Exchange(Struct):
    """One request and its answer, or one session and its frames, line by line."""

    sent: list[str]
    received: list[str]


class Transcript:
    """The exchanges of the case that is running. ``token`` is struck out of all of them."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._exchanges: list[Exchange] = []

    def begin(self) -> Exchange:
        """Return a new exchange, to which lines are added with :meth:`struck`."""
        exchange = Exchange([], [])
        self._exchanges.append(exchange)
        return exchange

    def take(self) -> tuple[Exchange, ...]:
        """Return the exchanges since the last call."""
        taken, self._exchanges = tuple(self._exchanges), []
        return taken

    def struck(self, text: str) -> str:
        """Return the text without the token."""
        return redacted(self._token, text)

    def head(self, first: str, headers: Iterable[tuple[str, str]]) -> list[str]:
        """Return the lines of a head, without the headers that every message has."""
        lines = [self.struck(first)]
        for name, value in headers:
            if name.lower() not in _USUAL:
                lines.append(f"{name}: {STRUCK if name.lower() in _SECRET else self.struck(value)}")
        return lines

    def body(self, content: bytes) -> list[str]:
        """Return the lines of a body: none if it is empty, hexadecimal if it is not text, and not too much of it."""
        if not content:
            return []
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = content.hex()
        if not text.isprintable():
            text = content.hex() if "\n" not in text else text.replace("\n", "⏎")
        rest = f"… ({len(content):,} bytes)" if len(text) > SHOWN else ""
        return [self.struck(text[:SHOWN]) + rest]
