"""The bearer token: it comes from the environment and is stored nowhere."""

from __future__ import annotations

import os

from .failure import UsageFailure


def bearer_token(variable: str | None) -> str | None:
    """The token in an environment variable; None if none is named. Raises UsageFailure where it is not set or empty."""
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if not token:
        raise UsageFailure(f"--token-env names {variable}, but that environment variable is not set, or empty")
    return token
