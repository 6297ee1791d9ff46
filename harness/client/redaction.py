"""Keeps the bearer token out of what is stored and printed: an answer may echo the headers of its request."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

SHORT: Final = 8
"""Characters below which a token may be a part of other words by chance, such as the token ``t``."""

STRUCK: Final = "<token>"
"""What stands in the token's place."""


def redacted(secret: str | None, text: str) -> str:
    """Return the text without the secret.

    A short secret (:data:`SHORT`) is struck out as the value of a header and as a word of its own, and left where it is
    only a part of other words: the text must stay readable. A longer one is struck out wherever it occurs.
    """
    return _pattern(secret).sub(lambda found: f"{found['scheme'] or ''}{STRUCK}", text) if secret else text


def redacted_json(secret: str | None, value: Any) -> Any:
    """Return a JSON value without the secret in any of its texts; the names ``code`` and ``message`` stay."""
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
