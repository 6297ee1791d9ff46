"""Operations on access tokens."""

from __future__ import annotations

from ...s2 import json_codec, urls
from ..access.scopes import Op, needs
from ..access.wire import decode_issue, show_token
from ..answers import Response
from ..request import Request
from ..routing import operation
from .endpoints import Endpoints


class AccessTokens(Endpoints):
    """Access tokens, which others may be given instead of the root token."""

    @operation("GET", "/v1/access-tokens", queried=True, access=needs(Op.LIST_ACCESS_TOKENS))
    async def list_access_tokens(self, request: Request) -> Response:
        """List the access tokens by id, without their secrets."""
        rows, more = await self._service.tokens.list(request.grant, *urls.decode_list(request.query))
        return Response(200, json_codec.encode({"access_tokens": [show_token(row) for row in rows], "has_more": more}))

    @operation("POST", "/v1/access-tokens", access=needs(Op.ISSUE_ACCESS_TOKEN))
    async def issue_access_token(self, request: Request) -> Response:
        """Issue an access token. Only this answer has its secret."""
        row = decode_issue(await request.body())
        request.grant.permit_name(request.grant.scope.access_tokens, "access token", row.id)
        secret = await self._service.tokens.issue(row, request.grant)
        return Response(201, json_codec.encode({"access_token": secret}))

    @operation("DELETE", "/v1/access-tokens/{token}", access=needs(Op.REVOKE_ACCESS_TOKEN))
    async def revoke_access_token(self, request: Request) -> Response:
        """Revoke an access token."""
        await self._service.tokens.revoke(request.name)
        return Response(204, b"", ())
