"""From a raw request path to the operations that live there.

The path is taken as the client sent it, still percent-encoded: a stream's name may hold any byte, an encoded
slash among them, so it has to be cut at slashes before it is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ..s2.urls import decode_name

BASE: Final = b"/v1/"


@dataclass(frozen=True, slots=True)
class Route:
    """A place of the API: which operation each method means there, and whose name stood in the path.

    Operations go by the names of S2's API description.
    """

    operations: Mapping[str, str]
    name: str = ""
    allow: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(self.operations).encode())


def _methods(**operations: str) -> Mapping[str, str]:
    return MappingProxyType(operations)


_HEALTH: Final = _methods(GET="health")
_METRICS: Final = _methods(GET="metrics")
_BASINS: Final = _methods(GET="list_basins", POST="create_basin")
_BASIN: Final = _methods(GET="get_basin_config", PUT="ensure_basin", PATCH="reconfigure_basin", DELETE="delete_basin")
_STREAMS: Final = _methods(GET="list_streams", POST="create_stream")
_STREAM: Final = _methods(
    GET="get_stream_config", PUT="ensure_stream", PATCH="reconfigure_stream", DELETE="delete_stream"
)
_RECORDS: Final = _methods(GET="read", POST="append")
_TAIL: Final = _methods(GET="check_tail")


@lru_cache(maxsize=4096)
def route(raw_path: bytes) -> Route | None:
    """The route of a path (without its query), or None where there is nothing.

    Raises Malformed ``bad_path`` where the name in it does not decode.
    """
    if raw_path == b"/health":
        return Route(_HEALTH)
    if raw_path == b"/metrics":
        return Route(_METRICS)
    if not raw_path.startswith(BASE):
        return None
    match raw_path[len(BASE) :].split(b"/"):
        case [b"health"]:
            return Route(_HEALTH)
        case [b"basins"]:
            return Route(_BASINS)
        case [b"streams"]:
            return Route(_STREAMS)
        case [b"basins", name] if name:
            return Route(_BASIN, decode_name(name))
        case [b"streams", name] if name:
            return Route(_STREAM, decode_name(name))
        case [b"streams", name, b"records"] if name:
            return Route(_RECORDS, decode_name(name))
        case [b"streams", name, b"records", b"tail"] if name:
            return Route(_TAIL, decode_name(name))
    return None
