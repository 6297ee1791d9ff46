"""How basins and streams are configured, and how lists show them.

None in a configuration means "not set here": the value then comes from the basin's default or, failing that, from
the service's own. Ages are seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType


class TimestampingMode(enum.Enum):
    """Whose clock stamps a record."""

    CLIENT_PREFER = "client-prefer"
    CLIENT_REQUIRE = "client-require"
    ARRIVAL = "arrival"


class StorageClass(enum.Enum):
    """Accepted and reported. This server has one way of storing."""

    STANDARD = "standard"
    EXPRESS = "express"


class Retention(Struct, frozen=True):
    """How long records are kept: ``age`` in seconds, None for ever.

    Accepted and reported. This server removes nothing by age: a record past its retention *may* vanish, and here
    it never does.
    """

    age: int | None = None


class StreamConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a stream. ``delete_on_empty_min_age`` (s, 0 is off) is accepted and reported only."""

    storage_class: StorageClass | None = None
    retention: Retention | None = None
    timestamping_mode: TimestampingMode | None = None
    timestamping_uncapped: bool | None = None
    delete_on_empty_min_age: int | None = None


class StreamReconfiguration(Struct, frozen=True):
    """A change to a configuration: UNSET leaves a field, None resets it to the service's default, a value sets it."""

    storage_class: StorageClass | UnsetType | None = UNSET
    retention: Retention | UnsetType | None = UNSET
    timestamping_mode: TimestampingMode | UnsetType | None = UNSET
    timestamping_uncapped: bool | UnsetType | None = UNSET
    delete_on_empty_min_age: int | UnsetType | None = UNSET


class BasinConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a basin."""

    create_stream_on_append: bool = False
    create_stream_on_read: bool = False
    default_stream_config: StreamConfig = StreamConfig()


class BasinReconfiguration(Struct, frozen=True):
    """A change to a basin's configuration; see :class:`StreamReconfiguration`."""

    create_stream_on_append: bool | UnsetType | None = UNSET
    create_stream_on_read: bool | UnsetType | None = UNSET
    default_stream_config: StreamReconfiguration | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class BasinInfo:
    """A basin as lists show it. ``created_at`` is milliseconds since the Unix epoch."""

    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as lists show it. ``created_at`` is milliseconds since the Unix epoch."""

    name: str
    created_at: int


class Provision(enum.Enum):
    """What an ensure (PUT) did; the value of the ``s2-provision-result`` header."""

    CREATED = "created"
    UPDATED = "updated"
    NOOP = "noop"
