"""Operations that are about the server itself."""

from __future__ import annotations

from ..access.scopes import Op, needs
from ..answers import Response
from ..errors import ServiceError
from ..metrics import CONTENT_TYPE
from ..request import Request
from ..routing import operation
from ..storage import NoSpaceError
from .endpoints import Endpoints


class Itself(Endpoints):
    """Health and counters."""

    @operation("GET", "/health", "/v1/health", queried=True, public=True)
    async def health(self, request: Request) -> Response:
        """Return whether the server works. Needs no token."""
        failure = self._service.failure
        if isinstance(failure, NoSpaceError):
            raise ServiceError("storage", f"the disk is full; appends work again once it has room: {failure}")
        if failure is not None:
            raise ServiceError("storage", f"the journal has stopped; restart the server to recover it: {failure}")
        return Response(200, b'{"status":"ok"}')

    @operation("GET", "/metrics", queried=True, access=needs(Op.ACCOUNT_METRICS))
    async def metrics(self, request: Request) -> Response:
        """Return the server's counters in Prometheus' text format."""
        return Response(200, await self._metrics.exposition(), ((b"content-type", CONTENT_TYPE),))
