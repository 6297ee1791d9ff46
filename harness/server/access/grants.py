"""What the sender of a request may do.

Handlers ask the grant of their request about every name that is not in its path or headers. Names of streams go
through :meth:`Grant.stored` and :meth:`Grant.shown`, because a token may have a prefix put before all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...s2 import Append, Fence, command_of
from ...s2.commands import MalformedCommand
from ..entries import AccessTokenSet
from ..errors import ServiceError
from .scopes import EVERYTHING, GROUPS, Access, Names, Op, Scope


class Grant:
    """Everything is permitted: to whoever has the root token, and to everybody where no token is required."""

    limited = False
    scope: Scope = EVERYTHING
    expires_at: int | None = None
    prefix = ""

    def check(self) -> None:
        """Raise ServiceError ``permission_denied`` if the token has been revoked or has expired."""

    def permit(self, access: Access | None) -> None:
        """Raise ServiceError ``permission_denied`` unless the operations are permitted. None permits only root."""

    def permit_batch(self, batch: Append) -> None:
        """Raise as :meth:`check` does, or if the batch has records or commands that are not permitted."""

    def permit_name(self, names: Names, kind: str, name: str) -> None:
        """Raise ServiceError ``permission_denied`` unless the name is one of the ``names`` of the scope."""

    def stored(self, name: str) -> str:
        """Return the stored name of a stream that a request names."""
        return self.prefix + name

    def shown(self, name: str) -> str:
        """Return the name under which an answer shows a stored stream."""
        return name.removeprefix(self.prefix)


ROOT: Final = Grant()


class TokenGrant(Grant):
    """What an access token permits. ``revoked`` is set once its revocation is durable.

    ``clock`` returns milliseconds since the Unix epoch.
    """

    limited = True

    def __init__(self, row: AccessTokenSet, clock: Callable[[], int]) -> None:
        self.row = row
        self.scope = row.scope
        self.expires_at = row.expires_at
        self.prefix = row.scope.streams.name if row.auto_prefix_streams else ""
        self.revoked = False
        self._ops = row.scope.operations()
        self._any_batch = GROUPS["stream"].write <= self._ops
        self._clock = clock

    def check(self) -> None:
        """See :class:`Grant`."""
        if self.revoked:
            raise denied("the access token has been revoked")
        if self.row.expired(self._clock()):
            raise denied("the access token has expired")

    def permit(self, access: Access | None) -> None:
        """See :class:`Grant`."""
        if access is None or not access.permitted(self._ops):
            raise denied("the access token does not permit this operation")

    def permit_batch(self, batch: Append) -> None:
        """See :class:`Grant`."""
        self.check()
        if self._any_batch:
            return
        for op in {_op_of(batch, index): None for index in range(len(batch.records))}:
            if op not in self._ops:
                raise denied(f"the access token does not permit {op.value}")

    def permit_name(self, names: Names, kind: str, name: str) -> None:
        """See :class:`Grant`."""
        if name not in names:
            raise denied(f"the access token does not permit operations on this {kind}")


def denied(message: str) -> ServiceError:
    """Return a 403."""
    return ServiceError("permission_denied", message)


def _op_of(batch: Append, index: int) -> Op:
    try:
        command = command_of(batch.records[index])
    except MalformedCommand:
        return Op.APPEND  # it will be refused for what it is
    if command is None:
        return Op.APPEND
    return Op.FENCE if isinstance(command, Fence) else Op.TRIM
