"""Operations on the streams of a basin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...s2 import json_codec, urls
from ..access.scopes import Op, needs
from ..answers import Response, provisioned
from ..request import Request
from ..routing import operation
from ..values import Provision, StreamInfo
from ..wire_config import (
    decode_create_stream,
    decode_ensure_stream,
    decode_stream_change,
    show_stream,
    show_stream_config,
)
from .endpoints import Endpoints


class Streams(Endpoints):
    """Streams and their configurations."""

    @operation("GET", "/v1/streams", queried=True, access=needs(Op.LIST_STREAMS))
    async def list_streams(self, request: Request) -> Response:
        """List the streams of a basin by name."""
        prefix, start_after, limit = urls.decode_list(request.query)
        grant = request.grant
        prefix, start_after = grant.stored(prefix), start_after and grant.stored(start_after)
        streams, more = await self._service.list_streams(
            request.basin(), prefix, start_after, limit, grant.scope.streams
        )
        return Response(
            200, json_codec.encode({"streams": [_show(request, info) for info in streams], "has_more": more})
        )

    @operation("POST", "/v1/streams", access=needs(Op.CREATE_STREAM))
    async def create_stream(self, request: Request) -> Response:
        """Create a stream."""
        basin, token = request.basin(), request.header(b"s2-request-token")
        name, config = decode_create_stream(await request.body())
        request.name = request.grant.stored(name)
        request.grant.permit_name(request.grant.scope.streams, "stream", request.name)
        info, created = await self._service.create_stream(basin, request.name, config, token)
        provision = Provision.CREATED if created else Provision.NOOP
        return provisioned(provision, json_codec.encode(_show(request, info)), noop=201)

    @operation("GET", "/v1/streams/{stream}", access=needs(Op.GET_STREAM_CONFIG))
    async def get_stream_config(self, request: Request) -> Response:
        """Return the configuration of a stream."""
        config = await self._service.get_stream(request.basin(), request.name)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("PUT", "/v1/streams/{stream}", access=needs(Op.CREATE_STREAM, Op.RECONFIGURE_STREAM))
    async def ensure_stream(self, request: Request) -> Response:
        """Create a stream, or set the configuration of an existing one."""
        basin = request.basin()
        config = decode_ensure_stream(await request.body())
        info, provision = await self._service.ensure_stream(basin, request.name, config)
        return provisioned(provision, json_codec.encode(_show(request, info)))

    @operation("PATCH", "/v1/streams/{stream}", access=needs(Op.RECONFIGURE_STREAM))
    async def reconfigure_stream(self, request: Request) -> Response:
        """Change fields of a stream's configuration."""
        basin = request.basin()
        change = decode_stream_change(await request.body())
        config = await self._service.reconfigure_stream(basin, request.name, change)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("DELETE", "/v1/streams/{stream}", access=needs(Op.DELETE_STREAM))
    async def delete_stream(self, request: Request) -> Response:
        """Begin to delete a stream. Its name is free again once it is gone."""
        await self._service.delete_stream(request.basin(), request.name)
        return Response(202, b"", ())


def _show(request: Request, info: StreamInfo) -> dict[str, Any]:
    return show_stream(replace(info, name=request.grant.shown(info.name)))
