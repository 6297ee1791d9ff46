"""What an access token may do: the operations of S2, their groups, and the names on which they are permitted."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct


class Op(enum.Enum):
    """An operation that a token may be permitted, by its name in S2's API."""

    LIST_BASINS = "list-basins"
    CREATE_BASIN = "create-basin"
    DELETE_BASIN = "delete-basin"
    RECONFIGURE_BASIN = "reconfigure-basin"
    GET_BASIN_CONFIG = "get-basin-config"
    ISSUE_ACCESS_TOKEN = "issue-access-token"
    REVOKE_ACCESS_TOKEN = "revoke-access-token"
    LIST_ACCESS_TOKENS = "list-access-tokens"
    LIST_STREAMS = "list-streams"
    CREATE_STREAM = "create-stream"
    DELETE_STREAM = "delete-stream"
    GET_STREAM_CONFIG = "get-stream-config"
    RECONFIGURE_STREAM = "reconfigure-stream"
    CHECK_TAIL = "check-tail"
    APPEND = "append"
    READ = "read"
    TRIM = "trim"
    FENCE = "fence"
    ACCOUNT_METRICS = "account-metrics"
    BASIN_METRICS = "basin-metrics"
    STREAM_METRICS = "stream-metrics"
    LIST_LOCATIONS = "list-locations"
    GET_DEFAULT_LOCATION = "get-default-location"
    SET_DEFAULT_LOCATION = "set-default-location"


class Group(NamedTuple):
    """The operations of a group that read, and those that write."""

    read: frozenset[Op]
    write: frozenset[Op]


GROUPS: Final[Mapping[str, Group]] = {
    "account": Group(
        frozenset(
            (
                Op.LIST_BASINS,
                Op.GET_BASIN_CONFIG,
                Op.LIST_ACCESS_TOKENS,
                Op.ACCOUNT_METRICS,
                Op.LIST_LOCATIONS,
                Op.GET_DEFAULT_LOCATION,
            )
        ),
        frozenset(
            (
                Op.CREATE_BASIN,
                Op.DELETE_BASIN,
                Op.RECONFIGURE_BASIN,
                Op.ISSUE_ACCESS_TOKEN,
                Op.REVOKE_ACCESS_TOKEN,
                Op.SET_DEFAULT_LOCATION,
            )
        ),
    ),
    "basin": Group(
        frozenset((Op.LIST_STREAMS, Op.GET_STREAM_CONFIG, Op.BASIN_METRICS)),
        frozenset((Op.CREATE_STREAM, Op.DELETE_STREAM, Op.RECONFIGURE_STREAM)),
    ),
    "stream": Group(
        frozenset((Op.CHECK_TAIL, Op.READ, Op.STREAM_METRICS)),
        frozenset((Op.APPEND, Op.TRIM, Op.FENCE)),
    ),
}
"""The groups of operations. Each operation is in one of them."""


class Access(NamedTuple):
    """What a request needs: ``all`` of the operations, or only one of them."""

    ops: frozenset[Op]
    all: bool

    def permitted(self, ops: frozenset[Op]) -> bool:
        """Return whether a token with these operations has it."""
        return self.ops <= ops if self.all else not self.ops.isdisjoint(ops)


def needs(*ops: Op) -> Access:
    """Return the access that needs all of these operations."""
    return Access(frozenset(ops), True)


def needs_one_of(*ops: Op) -> Access:
    """Return the access that needs any of these operations."""
    return Access(frozenset(ops), False)


class Names(Struct, frozen=True):
    """A set of names: those with a prefix, or one exact name. The exact name ``""`` is that of nothing."""

    name: str = ""
    prefix: bool = False

    def __contains__(self, name: str) -> bool:
        return name.startswith(self.name) if self.prefix else name == self.name != ""

    def within(self, other: Names) -> bool:
        """Return whether the other set has all names of this one."""
        if not self.prefix and not self.name:
            return True
        return self.name.startswith(other.name) if other.prefix else self == other


NOTHING: Final = Names()
ANYTHING: Final = Names("", prefix=True)


class ReadWrite(Struct, frozen=True):
    """Which operations of a group are permitted."""

    read: bool = False
    write: bool = False


class OperationGroups(Struct, frozen=True):
    """Which operations are permitted by group."""

    account: ReadWrite = ReadWrite()
    basin: ReadWrite = ReadWrite()
    stream: ReadWrite = ReadWrite()


class Scope(Struct, frozen=True):
    """What a token may do: the operations in ``ops`` and by group, on these basins, streams and access tokens."""

    basins: Names = NOTHING
    streams: Names = NOTHING
    access_tokens: Names = NOTHING
    op_groups: OperationGroups = OperationGroups()
    ops: tuple[Op, ...] = ()

    def operations(self) -> frozenset[Op]:
        """Return all operations that are permitted."""
        found = frozenset(self.ops)
        for name, group in GROUPS.items():
            given: ReadWrite = getattr(self.op_groups, name)
            found |= (group.read if given.read else frozenset()) | (group.write if given.write else frozenset())
        return found

    def within(self, other: Scope) -> bool:
        """Return whether the other scope permits everything that this one permits."""
        return (
            self.operations() <= other.operations()
            and self.basins.within(other.basins)
            and self.streams.within(other.streams)
            and self.access_tokens.within(other.access_tokens)
        )


_BOTH: Final = ReadWrite(read=True, write=True)
EVERYTHING: Final = Scope(ANYTHING, ANYTHING, ANYTHING, OperationGroups(_BOTH, _BOTH, _BOTH))
