"""The JSON of basins and streams: requests, configurations, and rows of lists.

S2 nests a configuration more deeply than :mod:`.values` does. Only this module knows both shapes. In a change (PATCH)
an absent field differs from a null one, so UNSET is preserved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..s2.json_codec import decode
from .errors import ServiceError, invalid
from .names import check_basin_name, check_stream_name
from .values import (
    SERVICE_DEFAULT,
    BasinConfig,
    BasinInfo,
    BasinReconfiguration,
    Cipher,
    Retention,
    StorageClass,
    StreamConfig,
    StreamInfo,
    StreamReconfiguration,
    TimestampingMode,
)

A = TypeVar("A")
B = TypeVar("B")
_Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
LOCATION: Final = "aws:us-east-1"
"""The only location, which is S2's default."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Strict(Struct, forbid_unknown_fields=True):
    pass


class _Infinite(_Strict):
    pass


class _Retention(_Strict):
    age: _Seconds | UnsetType = UNSET
    infinite: _Infinite | UnsetType = UNSET


class _Timestamping(_Strict):
    mode: TimestampingMode | None = None
    uncapped: bool | None = None


class _DeleteOnEmpty(_Strict):
    min_age_secs: _Seconds = 0


class _StreamConfig(_Strict):
    storage_class: StorageClass | None = None
    retention_policy: _Retention | None = None
    timestamping: _Timestamping | None = None
    delete_on_empty: _DeleteOnEmpty | None = None


class _BasinConfig(_Strict):
    create_stream_on_append: bool = False
    create_stream_on_read: bool = False
    default_stream_config: _StreamConfig | None = None
    stream_cipher: Cipher | None = None


class _CreateBasin(_Strict):
    basin: str
    config: _BasinConfig | None = None
    scope: str | None = None
    location: str | None = None


class _EnsureBasin(_Strict):
    config: _BasinConfig | None = None
    scope: str | None = None
    location: str | None = None


class _CreateStream(_Strict):
    stream: str
    config: _StreamConfig | None = None


class _TimestampingChange(_Strict):
    mode: TimestampingMode | UnsetType | None = UNSET
    uncapped: bool | UnsetType | None = UNSET


class _DeleteOnEmptyChange(_Strict):
    min_age_secs: _Seconds | UnsetType | None = UNSET


class _StreamChange(_Strict):
    storage_class: StorageClass | UnsetType | None = UNSET
    retention_policy: _Retention | UnsetType | None = UNSET
    timestamping: _TimestampingChange | UnsetType | None = UNSET
    delete_on_empty: _DeleteOnEmptyChange | UnsetType | None = UNSET


class _BasinChange(_Strict):
    create_stream_on_append: bool | UnsetType | None = UNSET
    create_stream_on_read: bool | UnsetType | None = UNSET
    default_stream_config: _StreamChange | UnsetType | None = UNSET
    stream_cipher: Cipher | UnsetType | None = UNSET


_create_basin: Final = msgspec.json.Decoder(_CreateBasin)
_ensure_basin: Final = msgspec.json.Decoder(_EnsureBasin | None)
_create_stream: Final = msgspec.json.Decoder(_CreateStream)
_ensure_stream: Final = msgspec.json.Decoder(_StreamConfig | None)
_basin_change: Final = msgspec.json.Decoder(_BasinChange)
_stream_change: Final = msgspec.json.Decoder(_StreamChange)
_location: Final = msgspec.json.Decoder(str)


def decode_create_basin(body: bytes) -> tuple[str, BasinConfig | None]:
    """Return the name and configuration of the basin to create. Raise ServiceError ``invalid`` for a wrong location."""
    request = decode(_create_basin, body)
    check_basin_name(request.basin, "bad_json")
    _check_locations(request)
    return request.basin, _maybe(_basin_config, request.config)


def decode_ensure_basin(body: bytes) -> BasinConfig | None:
    """Return the configuration of the basin to ensure, or None if the body has none."""
    request = decode(_ensure_basin, body or b"null")
    if request is None:
        return None
    _check_locations(request)
    return _maybe(_basin_config, request.config)


def decode_location(body: bytes) -> str:
    """Return the location that a body names. Raise ServiceError ``invalid`` if there is no such location."""
    name = decode(_location, body)
    _check_location(name)
    return name


def _check_locations(request: _CreateBasin | _EnsureBasin) -> None:
    for name in (request.location, request.scope):
        if name is not None:
            _check_location(name)


def _check_location(name: str) -> None:
    if name != LOCATION:
        raise invalid(f"there is no location {name[:80]!r}; the only one is {LOCATION!r}")


def show_location() -> dict[str, Any]:
    """Return the only location."""
    classes = [row.value for row in StorageClass]
    default = SERVICE_DEFAULT.storage_class or StorageClass.EXPRESS
    return {
        "name": LOCATION,
        "is_private": False,
        "storage_classes": classes,
        "default_storage_class": default.value,
    }


def decode_create_stream(body: bytes) -> tuple[str, StreamConfig | None]:
    """Return the name and configuration of the stream to create."""
    request = decode(_create_stream, body)
    check_stream_name(request.stream, "bad_json")
    return request.stream, _maybe(_stream_config, request.config)


def decode_ensure_stream(body: bytes) -> StreamConfig | None:
    """Return the configuration of the stream to ensure, or None if the body has none."""
    return _maybe(_stream_config, decode(_ensure_stream, body or b"null"))


def decode_basin_change(body: bytes) -> BasinReconfiguration:
    """Return a change to a basin's configuration."""
    change = decode(_basin_change, body)
    return BasinReconfiguration(
        change.create_stream_on_append,
        change.create_stream_on_read,
        _kept(_stream_reconfiguration, change.default_stream_config),
        change.stream_cipher,
    )


def decode_stream_change(body: bytes) -> StreamReconfiguration:
    """Return a change to a stream's configuration."""
    return _stream_reconfiguration(decode(_stream_change, body))


def show_stream_config(config: StreamConfig) -> dict[str, Any]:
    """Return a stream's configuration in the shape of its JSON, without unset fields."""
    shown: dict[str, Any] = {}
    if config.storage_class is not None:
        shown["storage_class"] = config.storage_class.value
    if config.retention is not None:
        age = config.retention.age
        shown["retention_policy"] = {"infinite": {}} if age is None else {"age": age}
    timestamping: dict[str, Any] = {}
    if config.timestamping_mode is not None:
        timestamping["mode"] = config.timestamping_mode.value
    if config.timestamping_uncapped is not None:
        timestamping["uncapped"] = config.timestamping_uncapped
    if timestamping:
        shown["timestamping"] = timestamping
    if config.delete_on_empty_min_age is not None:
        shown["delete_on_empty"] = {"min_age_secs": config.delete_on_empty_min_age}
    return shown


def show_basin_config(config: BasinConfig) -> dict[str, Any]:
    """Return a basin's configuration in the shape of its JSON."""
    return {
        "create_stream_on_append": config.create_stream_on_append,
        "create_stream_on_read": config.create_stream_on_read,
        "default_stream_config": show_stream_config(config.default_stream_config),
        "stream_cipher": _maybe(lambda cipher: cipher.value, config.stream_cipher),
    }


def show_basin(info: BasinInfo) -> dict[str, Any]:
    """Return a basin as a row of a list, with times in RFC 3339. Older clients know its location as its scope."""
    return _show_row(info) | {"location": LOCATION, "scope": LOCATION}


def show_stream(info: StreamInfo) -> dict[str, Any]:
    """Return a stream as a row of a list, with times in RFC 3339."""
    return _show_row(info) | {"cipher": _maybe(lambda cipher: cipher.value, info.cipher)}


def _show_row(info: BasinInfo | StreamInfo) -> dict[str, Any]:
    deleted_at = None if info.deleted_at is None else _show_time(info.deleted_at)
    return {"name": info.name, "created_at": _show_time(info.created_at), "deleted_at": deleted_at}


def _show_time(milliseconds: int) -> str:
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _basin_config(config: _BasinConfig) -> BasinConfig:
    default = _maybe(_stream_config, config.default_stream_config) or StreamConfig()
    return BasinConfig(config.create_stream_on_append, config.create_stream_on_read, default, config.stream_cipher)


def _stream_config(config: _StreamConfig) -> StreamConfig:
    stamping = config.timestamping or _Timestamping()
    return StreamConfig(
        storage_class=config.storage_class,
        retention=_maybe(_retention, config.retention_policy),
        timestamping_mode=stamping.mode,
        timestamping_uncapped=stamping.uncapped,
        delete_on_empty_min_age=_maybe(lambda empty: empty.min_age_secs, config.delete_on_empty),
    )


def _stream_reconfiguration(change: _StreamChange) -> StreamReconfiguration:
    stamping, empty = change.timestamping, change.delete_on_empty
    mode: TimestampingMode | UnsetType | None
    uncapped: bool | UnsetType | None
    if isinstance(stamping, _TimestampingChange):
        mode, uncapped = stamping.mode, stamping.uncapped
    else:
        mode = uncapped = stamping
    return StreamReconfiguration(
        storage_class=change.storage_class,
        retention=_kept(_retention, change.retention_policy),
        timestamping_mode=mode,
        timestamping_uncapped=uncapped,
        delete_on_empty_min_age=empty.min_age_secs if isinstance(empty, _DeleteOnEmptyChange) else empty,
    )


def _retention(policy: _Retention) -> Retention:
    if isinstance(policy.age, UnsetType) == isinstance(policy.infinite, UnsetType):
        raise ServiceError("bad_json", "a retention_policy must have exactly one of age and infinite")
    if isinstance(policy.age, UnsetType):
        return Retention(None)
    if policy.age == 0:
        raise invalid("the age of a retention_policy must be greater than 0 seconds")
    return Retention(policy.age)


def _maybe(convert: Callable[[A], B], value: A | None) -> B | None:
    return None if value is None else convert(value)


def _kept(convert: Callable[[A], B], value: A | UnsetType | None) -> B | UnsetType | None:
    return value if value is None or isinstance(value, UnsetType) else convert(value)
