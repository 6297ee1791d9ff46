"""Operations on basins."""

from __future__ import annotations

from ...s2 import json_codec, urls
from ..access.scopes import Op, needs
from ..answers import Response, provisioned
from ..request import Request
from ..routing import operation
from ..values import Provision
from ..wire_config import (
    decode_basin_change,
    decode_create_basin,
    decode_ensure_basin,
    show_basin,
    show_basin_config,
)
from .endpoints import Endpoints


class Basins(Endpoints):
    """Basins and their configurations."""

    @operation("GET", "/v1/basins", queried=True, access=needs(Op.LIST_BASINS))
    async def list_basins(self, request: Request) -> Response:
        """List the basins by name."""
        basins, more = await self._service.list_basins(*urls.decode_list(request.query), request.grant.scope.basins)
        return Response(200, json_codec.encode({"basins": [show_basin(info) for info in basins], "has_more": more}))

    @operation("POST", "/v1/basins", access=needs(Op.CREATE_BASIN))
    async def create_basin(self, request: Request) -> Response:
        """Create a basin."""
        token = request.header(b"s2-request-token")
        name, config = decode_create_basin(await request.body())
        request.grant.permit_name(request.grant.scope.basins, "basin", name)
        info, created = await self._service.create_basin(name, config, token)
        provision = Provision.CREATED if created else Provision.NOOP
        return provisioned(provision, json_codec.encode(show_basin(info)))

    @operation("GET", "/v1/basins/{basin}", access=needs(Op.GET_BASIN_CONFIG))
    async def get_basin_config(self, request: Request) -> Response:
        """Return the configuration of a basin."""
        return Response(200, json_codec.encode(show_basin_config(await self._service.get_basin(request.name))))

    @operation("PUT", "/v1/basins/{basin}", access=needs(Op.CREATE_BASIN, Op.RECONFIGURE_BASIN))
    async def ensure_basin(self, request: Request) -> Response:
        """Create a basin, or set the configuration of an existing one."""
        config = decode_ensure_basin(await request.body())
        info, provision = await self._service.ensure_basin(request.name, config)
        return provisioned(provision, json_codec.encode(show_basin(info)))

    @operation("PATCH", "/v1/basins/{basin}", access=needs(Op.RECONFIGURE_BASIN))
    async def reconfigure_basin(self, request: Request) -> Response:
        """Change fields of a basin's configuration."""
        change = decode_basin_change(await request.body())
        config = await self._service.reconfigure_basin(request.name, change)
        return Response(200, json_codec.encode(show_basin_config(config)))

    @operation("DELETE", "/v1/basins/{basin}", access=needs(Op.DELETE_BASIN))
    async def delete_basin(self, request: Request) -> Response:
        """Begin to delete a basin and its streams. Its name is free again once they are gone."""
        await self._service.delete_basin(request.name)
        return Response(202, b"", ())
