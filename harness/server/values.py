"""The configurations of basins and streams, and the rows of their lists.

None in a configuration means "not set here". The value then comes from the basin's default or, if that does not set it
either, from the service's. The configuration of an existing stream has no None: what a basin's default says later does
not change it. Ages are in seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, Struct, UnsetType


class TimestampingMode(enum.Enum):
    """Whose clock gives a record its timestamp."""

    CLIENT_PREFER = "client-prefer"
    CLIENT_REQUIRE = "client-require"
    ARRIVAL = "arrival"


class StorageClass(enum.Enum):
    """The storage class of a stream. This server accepts and reports it, but stores all streams alike."""

    STANDARD = "standard"
    EXPRESS = "express"


class Cipher(enum.Enum):
    """How the records of a stream are encrypted at rest."""

    AEGIS_256 = "aegis-256"
    AES_256_GCM = "aes-256-gcm"


class Retention(Struct, frozen=True):
    """How long records are kept: for ``age`` seconds after their arrival, or forever if ``age`` is None."""

    age: int | None = None


class StreamConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a stream.

    An empty stream is deleted ``delete_on_empty_min_age`` seconds after the last append to it; 0 turns that off.
    """

    storage_class: StorageClass | None = None
    retention: Retention | None = None
    timestamping_mode: TimestampingMode | None = None
    timestamping_uncapped: bool | None = None
    delete_on_empty_min_age: int | None = None


SERVICE_DEFAULT: Final = StreamConfig(
    storage_class=StorageClass.EXPRESS,
    retention=Retention(age=7 * 24 * 60 * 60),
    timestamping_mode=TimestampingMode.CLIENT_PREFER,
    timestamping_uncapped=False,
    delete_on_empty_min_age=0,
)
"""What applies where neither a stream nor its basin says otherwise."""


class StreamReconfiguration(Struct, frozen=True):
    """A change to a stream's configuration: UNSET keeps a field, None resets it to the default, a value sets it."""

    storage_class: StorageClass | UnsetType | None = UNSET
    retention: Retention | UnsetType | None = UNSET
    timestamping_mode: TimestampingMode | UnsetType | None = UNSET
    timestamping_uncapped: bool | UnsetType | None = UNSET
    delete_on_empty_min_age: int | UnsetType | None = UNSET


class BasinConfig(Struct, frozen=True, omit_defaults=True):
    """The configuration of a basin. ``stream_cipher`` is the cipher of streams that are created from now on."""

    create_stream_on_append: bool = False
    create_stream_on_read: bool = False
    default_stream_config: StreamConfig = StreamConfig()
    stream_cipher: Cipher | None = None


class BasinReconfiguration(Struct, frozen=True):
    """A change to a basin's configuration; see :class:`StreamReconfiguration`."""

    create_stream_on_append: bool | UnsetType | None = UNSET
    create_stream_on_read: bool | UnsetType | None = UNSET
    default_stream_config: StreamReconfiguration | UnsetType | None = UNSET
    stream_cipher: Cipher | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class BasinInfo:
    """A row of a list of basins. Times are in milliseconds since the Unix epoch.

    ``deleted_at`` is when its deletion was accepted, if it is being deleted.
    """

    name: str
    created_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A row of a list of streams; see :class:`BasinInfo`."""

    name: str
    created_at: int
    deleted_at: int | None = None
    cipher: Cipher | None = None


class Provision(enum.Enum):
    """The effect of an ensure (PUT), and the value of the ``s2-provision-result`` header."""

    CREATED = "created"
    UPDATED = "updated"
    NOOP = "noop"
