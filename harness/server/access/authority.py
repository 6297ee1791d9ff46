"""Who may send requests: by the bearer token that each of them has."""

from __future__ import annotations

import hmac

from ..request import Request
from ..routing import Operation, Route
from .grants import ROOT, Grant, denied
from .issuing import AccessTokens


class Authority:
    """The grants of requests.

    Without a ``root`` token, everything is permitted to everybody. With it, everything is permitted to whoever has it,
    and nothing to others, except what their access tokens permit if ``issued`` tokens are accepted.
    """

    def __init__(self, tokens: AccessTokens, root: str | None = None, *, issued: bool = False) -> None:
        self._tokens = tokens
        self._root = None if root is None else root.encode()
        self._issued = issued

    @property
    def open(self) -> bool:
        """Whether everything is permitted to everybody."""
        return self._root is None

    def grant(self, request: Request) -> Grant:
        """Return what the sender of a request may do. Raise ServiceError ``permission_denied`` if nothing."""
        if self._root is None:
            return ROOT
        scheme, _, secret = (request.raw(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise denied("the bearer token is missing or wrong")
        if hmac.compare_digest(secret, self._root):
            return ROOT
        if not self._issued:
            raise denied("the bearer token is missing or wrong")
        return self._tokens.grant(secret)


def permit(request: Request, row: Operation, route: Route) -> None:
    """Raise ServiceError ``permission_denied`` unless the request's grant permits it, and set its stored name.

    The names that are checked here are those in the path and headers. Handlers check those in bodies.
    """
    grant, scope = request.grant, request.grant.scope
    grant.permit(row.access)
    names = route.names
    if row.in_basin:
        grant.permit_name(scope.basins, "basin", request.basin())
    if (basin := names.get(b"{basin}")) is not None:
        grant.permit_name(scope.basins, "basin", basin)
    if (stream := names.get(b"{stream}")) is not None:
        request.name = grant.stored(stream)
        grant.permit_name(scope.streams, "stream", request.name)
    if (token := names.get(b"{token}")) is not None:
        grant.permit_name(scope.access_tokens, "access token", token)
