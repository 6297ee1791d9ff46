"""Operations on the streams of a basin."""

from __future__ import annotations

from ...s2 import json_codec, urls
from ..answers import Response, provisioned
from ..request import Request
from ..routing import operation
from ..values import Provision
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

    @operation("GET", "/v1/streams", queried=True)
    async def list_streams(self, request: Request) -> Response:
        """List the streams of a basin by name."""
        streams, more = await self._service.list_streams(request.basin(), *urls.decode_list(request.query))
        return Response(200, json_codec.encode({"streams": [show_stream(info) for info in streams], "has_more": more}))

    @operation("POST", "/v1/streams")
    async def create_stream(self, request: Request) -> Response:
        """Create a stream."""
        basin, token = request.basin(), request.header(b"s2-request-token")
        name, config = decode_create_stream(await request.body())
        info, created = await self._service.create_stream(basin, name, config, token)
        provision = Provision.CREATED if created else Provision.NOOP
        return provisioned(provision, json_codec.encode(show_stream(info)), noop=201)

    @operation("GET", "/v1/streams/{stream}")
    async def get_stream_config(self, request: Request) -> Response:
        """Return the configuration of a stream."""
        config = await self._service.get_stream(request.basin(), request.name)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("PUT", "/v1/streams/{stream}")
    async def ensure_stream(self, request: Request) -> Response:
        """Create a stream, or set the configuration of an existing one."""
        basin = request.basin()
        config = decode_ensure_stream(await request.body())
        info, provision = await self._service.ensure_stream(basin, request.name, config)
        return provisioned(provision, json_codec.encode(show_stream(info)))

    @operation("PATCH", "/v1/streams/{stream}")
    async def reconfigure_stream(self, request: Request) -> Response:
        """Change fields of a stream's configuration."""
        basin = request.basin()
        change = decode_stream_change(await request.body())
        config = await self._service.reconfigure_stream(basin, request.name, change)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("DELETE", "/v1/streams/{stream}")
    async def delete_stream(self, request: Request) -> Response:
        """Begin to delete a stream. Its name is free again once it is gone."""
        await self._service.delete_stream(request.basin(), request.name)
        return Response(202, b"", ())
