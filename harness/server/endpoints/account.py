"""Operations on the account: its locations and its metrics."""

from __future__ import annotations

from typing import Final, NoReturn

from ...s2 import json_codec, urls
from ...s2.errors import Malformed
from ..access.scopes import Op, needs
from ..answers import Response
from ..errors import ServiceError, invalid
from ..request import Request
from ..routing import operation
from ..wire_config import decode_location, show_location
from .endpoints import Endpoints

_ACCOUNT: Final = ("active-basins", "account-ops")
_BASIN: Final = ("storage", "append-ops", "read-ops", "read-throughput", "append-throughput", "basin-ops")
_STREAM: Final = ("storage",)
_INTERVALS: Final = ("minute", "hour", "day")
_PARAMETERS: Final = ("set", "start", "end", "interval")


class Account(Endpoints):
    """Locations, of which there is one, and metrics, of which there are none."""

    @operation("GET", "/v1/locations", access=needs(Op.LIST_LOCATIONS))
    async def list_locations(self, request: Request) -> Response:
        """List the locations of basins."""
        return Response(200, json_codec.encode([show_location()]))

    @operation("GET", "/v1/locations/default", access=needs(Op.GET_DEFAULT_LOCATION))
    async def get_default_location(self, request: Request) -> Response:
        """Return the location of basins that are created without one."""
        return Response(200, json_codec.encode(show_location()))

    @operation("PUT", "/v1/locations/default", access=needs(Op.SET_DEFAULT_LOCATION))
    async def set_default_location(self, request: Request) -> Response:
        """Set the default location, to the only one."""
        decode_location(await request.body())
        return Response(200, json_codec.encode(show_location()))

    @operation("GET", "/v1/metrics", queried=True, access=needs(Op.ACCOUNT_METRICS))
    async def account_metrics(self, request: Request) -> Response:
        """Refuse: this server keeps no metrics of the account."""
        _refuse_metrics(request, _ACCOUNT)

    @operation("GET", "/v1/metrics/{basin}", queried=True, access=needs(Op.BASIN_METRICS))
    async def basin_metrics(self, request: Request) -> Response:
        """Refuse: this server keeps no metrics of basins."""
        _refuse_metrics(request, _BASIN)

    @operation("GET", "/v1/metrics/{basin}/{stream}", queried=True, access=needs(Op.STREAM_METRICS))
    async def stream_metrics(self, request: Request) -> Response:
        """Refuse: this server keeps no metrics of streams."""
        _refuse_metrics(request, _STREAM)


def _refuse_metrics(request: Request, sets: tuple[str, ...]) -> NoReturn:
    """Raise ServiceError ``not_implemented``, or what is wrong with the query."""
    query = urls.decode_query(request.query, _PARAMETERS)
    _check_choice(query, "set", sets)
    if "interval" in query:
        _check_choice(query, "interval", _INTERVALS)
    start, end = (urls.number(query, name) for name in ("start", "end"))
    if start is None or end is None or start > end:
        raise invalid("metrics need a start and an end (Unix epoch seconds), and the start cannot be after the end")
    raise ServiceError("not_implemented", "this server keeps no such metrics; GET /metrics returns its own counters")


def _check_choice(query: dict[str, str], name: str, choices: tuple[str, ...]) -> None:
    if query.get(name) not in choices:
        raise Malformed("bad_query", f"{name} must be one of {', '.join(choices)}")
