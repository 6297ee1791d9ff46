"""The catalogue of basins and streams: a pure state that journal entries change.

A ``plan_…`` method turns a request into a change. It returns the entry to write to the journal and to pass to
:meth:`Catalogue.apply`, or None if nothing changes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from msgspec import UNSET, structs

from ..s2.limits import (
    MAX_BASIN_NAME,
    MAX_LIST,
    MAX_REQUEST_TOKEN_BYTES,
    MAX_STREAM_NAME_BYTES,
    MIN_BASIN_NAME,
)
from .entries import BasinDeleted, BasinSet, Change, StreamDeleted, StreamSet
from .errors import ServiceError, invalid
from .values import BasinConfig, BasinReconfiguration, StreamConfig, StreamReconfiguration

_BASIN_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{{MIN_BASIN_NAME - 2},{MAX_BASIN_NAME - 2}}}[a-z0-9]")


class Named(Protocol):
    """A row of a directory."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Directory(Generic[T]):
    """Rows by name, sorted by code points, which is also the order of their UTF-8."""

    def __init__(self) -> None:
        self.rows: dict[str, T] = {}
        self._order: list[str] = []

    def put(self, row: T) -> None:
        """Add a row, or replace the one of that name."""
        if row.name not in self.rows:
            insort(self._order, row.name)
        self.rows[row.name] = row

    def remove(self, name: str) -> None:
        """Remove a row. Raise KeyError if it does not exist."""
        del self.rows[name]
        del self._order[bisect_left(self._order, name)]

    def page(self, prefix: str, start_after: str, limit: int) -> tuple[list[T], bool]:
        """Return at most ``limit`` rows (never over 1000) whose names have a prefix and come after ``start_after``.

        The flag says whether there are more. Raise ServiceError ``invalid`` if ``start_after`` comes before the prefix.
        """
        if start_after and start_after < prefix:
            raise invalid(f"start_after {start_after!r} comes before the prefix {prefix!r}")
        low = max(bisect_left(self._order, prefix), bisect_right(self._order, start_after) if start_after else 0)
        names = [name for name in self._order[low : low + min(limit, MAX_LIST) + 1] if name.startswith(prefix)]
        more = len(names) > min(limit, MAX_LIST)
        return [self.rows[name] for name in names[: min(limit, MAX_LIST)]], more


def merged(config: StreamConfig, default: StreamConfig) -> StreamConfig:
    """Return the configuration, with unset fields taken from ``default``."""
    given = {name: value for name, value in structs.asdict(config).items() if value is not None}
    return structs.replace(default, **given)


def reconfigured(config: StreamConfig, change: StreamReconfiguration) -> StreamConfig:
    """Return the configuration after a change."""
    given = {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
    return structs.replace(config, **given)


def check_basin_name(name: str) -> None:
    """Raise ServiceError ``invalid`` if the name is not a valid basin name."""
    if _BASIN_NAME.fullmatch(name) is None:
        raise invalid(
            f"{name[:64]!r} is not a basin name: it must have {MIN_BASIN_NAME} to {MAX_BASIN_NAME} characters of a-z, "
            "0-9 and -, without - at either end"
        )


def check_stream_name(name: str) -> None:
    """Raise ServiceError ``invalid`` if the name is not a valid stream name."""
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= MAX_STREAM_NAME_BYTES or name in (".", ".."):
        raise invalid(
            f"{name[:64]!r} is not a stream name: it must have 1 to {MAX_STREAM_NAME_BYTES} bytes, "
            "and cannot be . or .."
        )


class Catalogue:
    """The basins, their streams, and ``last_id``, the highest stream id assigned so far."""

    def __init__(self, basins: Iterable[BasinSet] = (), streams: Iterable[StreamSet] = (), last_id: int = 0) -> None:
        self.basins: Directory[BasinSet] = Directory()
        self._streams: dict[str, Directory[StreamSet]] = {}
        self.last_id = last_id
        for basin in basins:
            self.apply(basin)
        for stream in streams:
            self.apply(stream)

    def basin(self, name: str) -> BasinSet:
        """Return the row of a basin. Raise ServiceError ``invalid`` or ``basin_not_found``."""
        row = self.basins.rows.get(name)
        if row is None:
            check_basin_name(name)
            raise ServiceError("basin_not_found", f"there is no basin {name!r}")
        return row

    def streams(self, basin: str) -> Directory[StreamSet]:
        """Return the streams of a basin. Raise as :meth:`basin` does."""
        return self._streams[self.basin(basin).name]

    def stream(self, basin: str, name: str) -> StreamSet:
        """Return the row of a stream. Raise ServiceError ``invalid``, ``basin_not_found`` or ``stream_not_found``."""
        row = self.streams(basin).rows.get(name)
        if row is None:
            check_stream_name(name)
            raise ServiceError("stream_not_found", f"there is no stream {name!r} in the basin {basin!r}")
        return row

    def all_streams(self) -> Iterator[StreamSet]:
        """Yield the streams of all basins."""
        for directory in self._streams.values():
            yield from directory.rows.values()

    def apply(self, entry: Change) -> Callable[[], None]:
        """Apply an entry, and return a function that undoes it. Later changes must be undone first.

        Raise ValueError if the entry does not fit the catalogue.
        """
        try:
            match entry:
                case BasinSet():
                    before = self.basins.rows.get(entry.name)
                    self._put_basin(entry, self._streams.get(entry.name, Directory()))
                    if before is None:
                        return partial(self._remove_basin, entry.name)
                    return partial(self.basins.put, before)
                case BasinDeleted():
                    row, streams = self.basins.rows[entry.name], self._streams[entry.name]
                    self._remove_basin(entry.name)
                    return partial(self._put_basin, row, streams)
                case StreamSet():
                    siblings = self._streams[entry.basin]
                    older = siblings.rows.get(entry.name)
                    siblings.put(entry)
                    self.last_id = max(self.last_id, entry.id)
                    return partial(siblings.remove, entry.name) if older is None else partial(siblings.put, older)
                case StreamDeleted():
                    siblings = self._streams[entry.basin]
                    gone = siblings.rows[entry.name]
                    siblings.remove(entry.name)
                    return partial(siblings.put, gone)
        except KeyError as error:
            raise ValueError(f"{entry} refers to a basin or stream that does not exist: {error}") from error

    def _put_basin(self, row: BasinSet, streams: Directory[StreamSet]) -> None:
        self.basins.put(row)
        self._streams[row.name] = streams

    def _remove_basin(self, name: str) -> None:
        self.basins.remove(name)
        del self._streams[name]

    def plan_basin(self, name: str, config: BasinConfig, token: str | None, now: int) -> BasinSet | None:
        """Plan the creation of a basin. Return None if the same request created it before.

        Raise ServiceError ``invalid`` or ``resource_already_exists``.
        """
        check_basin_name(name)
        _check_request_token(token)
        _check_config(config.default_stream_config)
        row = self.basins.rows.get(name)
        if row is None:
            return BasinSet(name, now, config, token, config if token is not None else None)
        if token is not None and (row.request_token, row.requested) == (token, config):
            return None
        raise ServiceError("resource_already_exists", f"the basin {name!r} already exists")

    def plan_stream(self, basin: str, name: str, config: StreamConfig, token: str | None, now: int) -> StreamSet | None:
        """Plan the creation of a stream; see :meth:`plan_basin`."""
        parent = self.basin(basin)
        check_stream_name(name)
        _check_request_token(token)
        _check_config(config)
        row = self._streams[basin].rows.get(name)
        if row is None:
            full = merged(config, parent.config.default_stream_config)
            requested = config if token is not None else None
            return StreamSet(self.last_id + 1, basin, name, now, full, token, requested)
        if token is not None and (row.request_token, row.requested) == (token, config):
            return None
        raise ServiceError("resource_already_exists", f"the stream {name!r} already exists in the basin {basin!r}")

    def plan_basin_config(self, name: str, config: BasinConfig) -> BasinSet | None:
        """Plan a new configuration of a basin. Return None if it has this one already."""
        _check_config(config.default_stream_config)
        row = self.basin(name)
        return None if row.config == config else structs.replace(row, config=config)

    def plan_stream_config(self, basin: str, name: str, config: StreamConfig) -> StreamSet | None:
        """Plan a new configuration of a stream. Return None if it has this one already."""
        _check_config(config)
        row = self.stream(basin, name)
        return None if row.config == config else structs.replace(row, config=config)

    def basin_change(self, name: str, change: BasinReconfiguration) -> BasinConfig:
        """Return the basin's configuration after a change."""
        config = self.basin(name).config
        streams = change.default_stream_config
        if streams is None:
            config = structs.replace(config, default_stream_config=StreamConfig())
        elif streams is not UNSET:
            config = structs.replace(config, default_stream_config=reconfigured(config.default_stream_config, streams))
        if change.create_stream_on_append is not UNSET:
            config = structs.replace(config, create_stream_on_append=bool(change.create_stream_on_append))
        if change.create_stream_on_read is not UNSET:
            config = structs.replace(config, create_stream_on_read=bool(change.create_stream_on_read))
        return config


def _check_request_token(token: str | None) -> None:
    if token is not None and len(token.encode()) > MAX_REQUEST_TOKEN_BYTES:
        raise invalid(f"a request token has at most {MAX_REQUEST_TOKEN_BYTES} bytes")


def _check_config(config: StreamConfig) -> None:
    if config.retention is not None and config.retention.age is not None and config.retention.age <= 0:
        raise invalid("a retention age must be greater than 0 seconds")
    if config.delete_on_empty_min_age is not None and config.delete_on_empty_min_age < 0:
        raise invalid("the min_age_secs of delete_on_empty must not be negative")
