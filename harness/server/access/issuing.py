"""Access tokens as requests issue, list and revoke them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from msgspec import structs

from ..entries import AccessTokenRevoked, AccessTokenSet
from ..errors import ServiceError
from ..state import State
from .grants import Grant
from .tokens import SECRET_BYTES, digest

PREFIX: Final = "fencepost_"
"""How every token begins, so that people and scanners recognise one that leaked."""


class AccessTokens:
    """The operations on access tokens. ``settled`` is the context of one request; see :meth:`.Service._settled`.

    ``fresh`` returns so many random bytes.
    """

    def __init__(
        self,
        state: State,
        settled: Callable[[], AbstractAsyncContextManager[Any]],
        fresh: Callable[[int], bytes],
    ) -> None:
        self._state = state
        self._settled = settled
        self._fresh = fresh

    def grant(self, secret: bytes) -> Grant:
        """Return what a token permits; see :meth:`.Tokens.grant`."""
        return self._state.tokens.grant(secret)

    async def issue(self, row: AccessTokenSet, issuer: Grant) -> str:
        """Issue an access token, and return its secret, which is stored nowhere. Raise as :meth:`.Tokens.plan` does."""
        async with self._settled():
            planned = self._state.tokens.plan(row, issuer)
            secret = PREFIX + urlsafe_b64encode(self._fresh(SECRET_BYTES)).decode().rstrip("=")
            self._state.record_token(structs.replace(planned, digest=digest(secret.encode())))
        return secret

    async def list(self, viewer: Grant, prefix: str, start_after: str, limit: int) -> tuple[list[AccessTokenSet], bool]:
        """Return the tokens that the viewer may see, by id. The flag says whether there are more."""
        async with self._settled():
            return self._state.tokens.page(prefix, start_after, limit, viewer.scope.access_tokens)

    async def revoke(self, id_: str) -> None:
        """Revoke an access token. Raise ServiceError ``access_token_not_found``."""
        async with self._settled():
            if self._state.tokens.find(id_) is None:
                raise ServiceError("access_token_not_found", f"there is no access token {id_!r}")
            self._state.record_token(AccessTokenRevoked(id_))
