"""The bearer token: it comes from the environment and is stored nowhere."""

from __future__ import annotations

import os

from .client.redaction import SHORT
from .failure import UsageFailure


def short_token_warning(variable: str | None) -> str | None:
    """Return what to tell of a token that is too short to be told from other words, None of any other."""
    length = len(os.environ.get(variable or "", ""))
    if not 0 < length < SHORT:
        return None
    return (
        f"warning: the token in {variable} has {length} of at least {SHORT} characters; where an answer repeats it, "
        "it is struck out of what is stored only as the value of a header and as a word of its own"
    )


def bearer_token(variable: str | None) -> str | None:
    """The token in an environment variable; None if none is named. Raises UsageFailure where it is not set or empty."""
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if not token:
        raise UsageFailure(f"--token-env names {variable}, but that environment variable is not set, or empty")
    return token
