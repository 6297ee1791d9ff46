"""The catalogue of basins and streams: a pure state that journal entries change.

A ``plan_…`` method turns a request into a change. It returns the entry to write to the journal and to pass to
:meth:`Catalogue.apply`, or None if nothing changes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from functools import partial
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

from msgspec import UNSET, structs

from ..s2.limits import MAX_LIST, MAX_REQUEST_TOKEN_BYTES
from .access.scopes import ANYTHING, Names
from .entries import BasinDeleted, BasinDeleting, BasinSet, Change, StreamDeleted, StreamDeleting, StreamSet
from .errors import ServiceError, invalid, stream_deletion_pending
from .names import check_basin_name, check_stream_name
from .values import SERVICE_DEFAULT, BasinConfig, BasinReconfiguration, StreamConfig, StreamReconfiguration


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

    def page(self, prefix: str, start_after: str, limit: int, visible: Names = ANYTHING) -> tuple[list[T], bool]:
        """Return at most ``limit`` visible rows whose names have a prefix and come after ``start_after``.

        A limit of 0 or over 1000 means 1000. The flag says whether there are more. Raise ServiceError ``invalid`` if
        ``start_after`` comes before the prefix.
        """
        if start_after and start_after < prefix:
            raise invalid(f"start_after {start_after!r} comes before the prefix {prefix!r}")
        limit = min(limit or MAX_LIST, MAX_LIST)
        first = bisect_left(self._order, max(prefix, visible.name))
        low = max(first, bisect_right(self._order, start_after) if start_after else 0)
        candidates = self._order[low : low + limit + 1]
        # Each of the two conditions holds for one stretch of the order.
        names = list(takewhile(lambda name: name.startswith(prefix) and name in visible, candidates))
        return [self.rows[name] for name in names[:limit]], len(names) > limit


def resolved(config: StreamConfig, default: StreamConfig) -> StreamConfig:
    """Return the configuration, with unset fields taken from a basin's default, or else from the service's."""
    given = {
        name: value for layer in (default, config) for name, value in structs.asdict(layer).items() if value is not None
    }
    return structs.replace(SERVICE_DEFAULT, **given)


def reconfigured(config: StreamConfig, change: StreamReconfiguration) -> StreamConfig:
    """Return the configuration after a change."""
    given = {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
    return structs.replace(config, **given)


class Catalogue:
    """The basins, their streams, and ``last_id``, the highest stream id assigned so far.

    A basin or stream that is being deleted stays in the catalogue, and keeps its name taken, until it is gone.
    """

    def __init__(self, basins: Iterable[BasinSet] = (), streams: Iterable[StreamSet] = (), last_id: int = 0) -> None:
        self.basins: Directory[BasinSet] = Directory()
        self._streams: dict[str, Directory[StreamSet]] = {}
        self._by_id: dict[int, StreamSet] = {}
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

    def usable_basin(self, name: str) -> BasinSet:
        """Return the row of a basin. Raise as :meth:`basin` does, or ``basin_deletion_pending``."""
        row = self.basin(name)
        if row.deleted_at is not None:
            raise ServiceError("basin_deletion_pending", f"the basin {name!r} is being deleted")
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

    def usable_stream(self, basin: str, name: str) -> StreamSet:
        """Return the row of a stream.

        Raise as :meth:`stream` does, or ``basin_deletion_pending`` or ``stream_deletion_pending``.
        """
        # Every request on records comes here, so a look at two rows must do where nothing is wrong.
        parent = self.basins.rows.get(basin)
        row = None if parent is None else self._streams[basin].rows.get(name)
        if parent is not None and row is not None and parent.deleted_at is None and row.deleted_at is None:
            return row
        self.usable_basin(basin)
        self.stream(basin, name)
        raise stream_deletion_pending(name)

    def all_streams(self) -> Iterable[StreamSet]:
        """Return the streams of all basins."""
        return self._by_id.values()

    def find(self, id_: int) -> StreamSet | None:
        """Return the row of an incarnation, or None if it is gone."""
        return self._by_id.get(id_)

    def apply(self, entry: Change) -> Callable[[], object]:
        """Apply an entry, and return a function that undoes it. Later changes must be undone first.

        Raise ValueError if the entry does not fit the catalogue.
        """
        try:
            match entry:
                case BasinSet():
                    return self._put_basin(entry)
                case BasinDeleting(name, deleted_at):
                    return self._put_basin(structs.replace(self.basins.rows[name], deleted_at=deleted_at))
                case BasinDeleted(name):
                    return self._remove_basin(name)
                case StreamSet():
                    return self._put_stream(entry)
                case StreamDeleting(id_, deleted_at):
                    return self._put_stream(structs.replace(self._by_id[id_], deleted_at=deleted_at))
                case StreamDeleted(id_):
                    return self._remove_stream(self._by_id[id_])
        except KeyError as error:
            raise ValueError(f"{entry} refers to a basin or stream that does not exist: {error}") from error

    def _put_basin(self, row: BasinSet) -> Callable[[], object]:
        before = self.basins.rows.get(row.name)
        self.basins.put(row)
        if before is not None:
            return partial(self.basins.put, before)
        self._streams[row.name] = Directory()
        return partial(self._remove_basin, row.name)

    def _remove_basin(self, name: str) -> Callable[[], object]:
        row, streams = self.basins.rows[name], self._streams[name]
        self.basins.remove(name)
        del self._streams[name]
        for stream in streams.rows.values():
            del self._by_id[stream.id]

        def undo() -> None:
            self.basins.put(row)
            self._streams[name] = streams
            self._by_id.update({stream.id: stream for stream in streams.rows.values()})

        return undo

    def _put_stream(self, row: StreamSet) -> Callable[[], object]:
        siblings = self._streams[row.basin]
        before = siblings.rows.get(row.name)
        if before is not None and before.id != row.id:
            raise ValueError(f"stream {row.id} has the name of stream {before.id}, which is not gone yet")
        siblings.put(row)
        self._by_id[row.id] = row
        self.last_id = max(self.last_id, row.id)
        return partial(self._remove_stream if before is None else self._put_stream, before or row)

    def _remove_stream(self, row: StreamSet) -> Callable[[], object]:
        self._streams[row.basin].remove(row.name)
        del self._by_id[row.id]
        return partial(self._put_stream, row)

    def plan_basin(self, name: str, config: BasinConfig, token: str | None, now: int) -> BasinSet | None:
        """Plan the creation of a basin. Return None if the same request created it before.

        Raise ServiceError ``invalid``, ``resource_already_exists`` or ``basin_deletion_pending``.
        """
        check_basin_name(name)
        _check_request_token(token)
        _check_config(config.default_stream_config)
        if name not in self.basins.rows:
            return BasinSet(name, now, config, token, config if token is not None else None)
        row = self.usable_basin(name)
        if token is not None and (row.request_token, row.requested) == (token, config):
            return None
        raise ServiceError("resource_already_exists", f"the basin {name!r} already exists")

    def plan_stream(self, basin: str, name: str, config: StreamConfig, token: str | None, now: int) -> StreamSet | None:
        """Plan the creation of a stream; see :meth:`plan_basin`. May also raise ``stream_deletion_pending``."""
        parent = self.usable_basin(basin)
        check_stream_name(name)
        _check_request_token(token)
        _check_config(config)
        if name not in self._streams[basin].rows:
            full = resolved(config, parent.config.default_stream_config)
            requested = config if token is not None else None
            cipher = parent.config.stream_cipher
            return StreamSet(self.last_id + 1, basin, name, now, full, token, requested, cipher=cipher)
        row = self.usable_stream(basin, name)
        if token is not None and (row.request_token, row.requested) == (token, config):
            return None
        raise ServiceError("resource_already_exists", f"the stream {name!r} already exists in the basin {basin!r}")

    def plan_basin_config(self, name: str, config: BasinConfig) -> BasinSet | None:
        """Plan a new configuration of a basin. Return None if it has this one already."""
        _check_config(config.default_stream_config)
        row = self.usable_basin(name)
        return None if row.config == config else structs.replace(row, config=config)

    def plan_stream_config(self, basin: str, name: str, config: StreamConfig) -> StreamSet | None:
        """Plan a new configuration of a stream. Unset fields come from the defaults. Return None if it has this one."""
        _check_config(config)
        row = self.usable_stream(basin, name)
        full = resolved(config, self.basin(basin).config.default_stream_config)
        return None if row.config == full else structs.replace(row, config=full)

    def basin_change(self, name: str, change: BasinReconfiguration) -> BasinConfig:
        """Return the basin's configuration after a change."""
        config = self.usable_basin(name).config
        streams = change.default_stream_config
        if streams is None:
            config = structs.replace(config, default_stream_config=StreamConfig())
        elif streams is not UNSET:
            config = structs.replace(config, default_stream_config=reconfigured(config.default_stream_config, streams))
        if change.stream_cipher is not UNSET:
            config = structs.replace(config, stream_cipher=change.stream_cipher)
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
