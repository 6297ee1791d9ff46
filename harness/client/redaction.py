"""Keep the bearer token out of stored and printed answers, which may repeat the headers of their requests."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

SHORT: Final = 8
"""Length in characters below which a token, such as ``t``, may occur in other words by chance."""

STRUCK: Final = "<token>"
"""The placeholder for the token."""


def redacted(secret: str | None, text: str) -> str:
    """Return the text without the secret.

    A short secret (see :data:`SHORT`) is replaced only as the value of a header and as a separate word. It stays inside
    other words, so that the text remains readable. A longer secret is replaced everywhere.
    """
    return _pattern(secret).sub(lambda found: f"{found['scheme'] or ''}{STRUCK}", text) if secret else text


def redacted_json(secret: str | None, value: Any) -> Any:
    """Return a JSON value without the secret in any of its strings. The names ``code`` and ``message`` stay."""
    if not secret:
        return value
    match value:
        case str():
            return redacted(secret, value)
        case dict():
            return {_name(secret, name): redacted_json(secret, inner) for name, inner in value.items()}
        case list():
            return [redacted_json(secret, inner) for inner in value]
        case int() if len(secret) >= SHORT and str(value) == secret:
            return STRUCK
    return value


def _name(secret: str, name: str) -> str:
    return name if name in ("code", "message") else redacted(secret, name)


@lru_cache(maxsize=16)
def _pattern(secret: str) -> re.Pattern[str]:
    escaped = re.escape(secret)
    if len(secret) >= SHORT:
        before, after = "", ""
    else:
        before, after = r"(?<!\w)", r"(?!\w)"
    return re.compile(rf"(?P<scheme>\b(?i:bearer)(?:\s|%20|\+)+){escaped}{after}|{before}{escaped}{after}")
