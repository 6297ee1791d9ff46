"""The rules for the names of basins and streams, and the ids of access tokens."""

from __future__ import annotations

import re
from typing import Final

from ..s2.limits import MAX_ACCESS_TOKEN_ID_BYTES, MAX_BASIN_NAME, MAX_STREAM_NAME_BYTES, MIN_BASIN_NAME
from .errors import ServiceError

_BASIN_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{{MIN_BASIN_NAME - 2},{MAX_BASIN_NAME - 2}}}[a-z0-9]")
_BASIN_HOST: Final = re.compile(rf"({_BASIN_NAME.pattern})\.[^.:].*", re.ASCII | re.IGNORECASE)


def check_basin_name(name: str, code: str = "invalid") -> None:
    """Raise ServiceError with a code if the name is not a valid basin name."""
    if _BASIN_NAME.fullmatch(name) is None:
        raise ServiceError(
            code,
            f"{name[:64]!r} is not a basin name: it must have {MIN_BASIN_NAME} to {MAX_BASIN_NAME} characters of a-z, "
            "0-9 and -, without - at either end",
        )


def check_stream_name(name: str, code: str = "invalid") -> None:
    """Raise ServiceError with a code if the name is not a valid stream name."""
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= MAX_STREAM_NAME_BYTES or name in (".", ".."):
        raise ServiceError(
            code,
            f"{name[:64]!r} is not a stream name: it must have 1 to {MAX_STREAM_NAME_BYTES} bytes, "
            "and cannot be . or ..",
        )


def check_token_id(id_: str, code: str = "invalid") -> None:
    """Raise ServiceError with a code if the id is not a valid id of an access token."""
    if not 1 <= len(id_.encode("utf-8", "surrogatepass")) <= MAX_ACCESS_TOKEN_ID_BYTES or "\0" in id_:
        raise ServiceError(
            code,
            f"{id_[:64]!r} is not the id of an access token: it must have 1 to {MAX_ACCESS_TOKEN_ID_BYTES} bytes, "
            "without NUL",
        )


def basin_of_host(host: str) -> str | None:
    """Return the basin that a ``host`` header names: its first label, if that is a basin name and others follow.

    So addresses, and hosts of one label such as ``localhost``, name no basin.
    """
    found = _BASIN_HOST.fullmatch(host)
    return found[1].lower() if found else None
