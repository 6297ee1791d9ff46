"""The bearer token, which comes from the environment and is stored nowhere."""

from __future__ import annotations

import os

from .client.redaction import SHORT
from .failure import UsageFailure


def short_token_warning(variable: str | None) -> str | None:
    """Return a warning if the token is too short to be recognized in other text, otherwise None."""
    length = len(os.environ.get(variable or "", ""))
    if not 0 < length < SHORT:
        return None
    return (
        f"warning: the token in {variable} is shorter than {SHORT} characters ({length}); if an answer repeats it, "
        "fencepost removes it from stored text only where it is a header value or a separate word"
    )


def bearer_token(variable: str | None) -> str | None:
    """Return the token in an environment variable, None if none is named.

    Raise UsageFailure if the variable is unset or empty.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if not token:
        raise UsageFailure(f"--token-env names {variable}, but that environment variable is not set or is empty")
    return token
