"""The access tokens of a server: a pure state that journal entries change, and the grants of those that are durable.

The server knows a token only by the digest of its secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Final

from ..catalogue import Directory
from ..entries import AccessTokenRevoked, AccessTokenSet, TokenChange
from ..errors import ServiceError, invalid
from .grants import Grant, TokenGrant, denied
from .scopes import Names

SECRET_BYTES: Final = 32
"""The random bytes of a token."""


def digest(secret: bytes) -> bytes:
    """Return the digest by which a token is known."""
    return blake2b(secret, digest_size=32).digest()


class Tokens:
    """The access tokens by id, and what those permit whose entries are durable.

    Until its revocation is durable, a token keeps its grant. ``clock`` returns milliseconds since the Unix epoch.
    """

    def __init__(self, clock: Callable[[], int], rows: Iterable[AccessTokenSet] = ()) -> None:
        self.rows: Directory[AccessTokenSet] = Directory()
        self._clock = clock
        self._grants: dict[bytes, TokenGrant] = {}
        self._digests: dict[str, bytes] = {}
        for row in rows:
            self.apply(row)
            self.settle(row)

    def grant(self, secret: bytes) -> Grant:
        """Return what the token permits. Raise ServiceError ``permission_denied`` if it is not one of this server."""
        key = digest(secret)
        grant = self._grants.get(key)
        if grant is None or not hmac.compare_digest(key, grant.row.digest):
            raise denied("the bearer token is missing or wrong")
        grant.check()
        return grant

    def find(self, id_: str) -> AccessTokenSet | None:
        """Return the row of a token that has not expired."""
        row = self.rows.rows.get(id_)
        return None if row is None or row.expired(self._clock()) else row

    def expired(self) -> list[AccessTokenRevoked]:
        """Return the changes that remove all tokens that have expired."""
        now = self._clock()
        return [AccessTokenRevoked(row.id) for row in self.rows.rows.values() if row.expired(now)]

    def page(self, prefix: str, start_after: str, limit: int, visible: Names) -> tuple[list[AccessTokenSet], bool]:
        """Return the rows of tokens that have not expired; see :meth:`.Directory.page`."""
        rows, expired = self.rows, {change.id for change in self.expired()}
        if expired:
            rows = Directory()
            for row in self.rows.rows.values():
                if row.id not in expired:
                    rows.put(row)
        return rows.page(prefix, start_after, limit, visible)

    def plan(self, row: AccessTokenSet, issuer: Grant) -> AccessTokenSet:
        """Plan a new token, and return its entry. Its expiry is that of the issuer unless it has one.

        Raise ServiceError ``invalid``, ``permission_denied`` if it would permit more than the issuer may do, or for
        longer, or ``resource_already_exists``.
        """
        row = row.expiring(issuer.expires_at) if row.expires_at is None else row
        if not row.scope.operations():
            raise invalid("an access token must permit at least one operation, in ops or op_groups")
        if row.auto_prefix_streams and not row.scope.streams.prefix:
            raise invalid("auto_prefix_streams needs a scope of streams that is a prefix")
        if row.expired(self._clock()):
            raise invalid("expires_at must be in the future")
        if not row.scope.within(issuer.scope):
            raise denied("an access token cannot permit more than the token that issues it")
        if issuer.expires_at is not None and (row.expires_at is None or row.expires_at > issuer.expires_at):
            raise denied("an access token cannot expire later than the token that issues it")
        if self.find(row.id) is not None:
            raise ServiceError("resource_already_exists", f"the access token {row.id!r} already exists")
        return row

    def apply(self, entry: TokenChange) -> Callable[[], object]:
        """Apply an entry, and return a function that undoes it. Raise ValueError if it does not fit."""
        before = self.rows.rows.get(entry.id)
        if isinstance(entry, AccessTokenSet):
            self.rows.put(entry)
            return partial(self.rows.remove, entry.id) if before is None else partial(self.rows.put, before)
        if before is None:
            raise ValueError(f"the access token {entry.id!r}, which does not exist, is revoked")
        self.rows.remove(entry.id)
        return partial(self.rows.put, before)

    def settle(self, entry: TokenChange) -> None:
        """Let a durable change take effect for requests."""
        before = self._digests.pop(entry.id, None)
        if before is not None:
            self._grants.pop(before).revoked = True
        if isinstance(entry, AccessTokenSet):
            self._digests[entry.id] = entry.digest
            self._grants[entry.digest] = TokenGrant(entry, self._clock)
