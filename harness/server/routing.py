"""The table of operations, and the router that finds them by raw request path.

:func:`operation` makes a row and decorates the method of the application that handles it. The methods of a path, and
its ``allow`` header, follow from the rows.

The router takes the path as the client sent it, still percent-encoded. A stream's name may contain any byte, even an
encoded slash, so the path must be split at slashes before it is decoded.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeVar

from ..s2.errors import Malformed
from ..s2.limits import MAX_STREAM_NAME_BYTES
from ..s2.urls import decode_name
from .access.scopes import Access
from .errors import ServiceError
from .names import check_basin_name, check_stream_name, check_token_id

MAX_PATH_BYTES: Final = 3 * MAX_STREAM_NAME_BYTES + 256
"""The longest path accepted. It has room for the longest name with every byte percent-encoded."""

REMEMBERED: Final = 4096
"""The number of paths whose routes are cached."""

REMEMBERED_BYTES: Final = 256
"""The longest path that is cached, so that clients can make the cache use a megabyte or two at most."""

_NAMES: Final[Mapping[bytes, Callable[[str], None]]] = {
    b"{basin}": check_basin_name,
    b"{stream}": check_stream_name,
    b"{token}": check_token_id,
}
"""The rules for names in a path, by their place in the template. Other names are for their operation to check."""

_ROW: Final = "__operation__"
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the server, by its name in S2's API description.

    ``paths`` are templates; all but the first are aliases of the first. ``queried`` says whether it accepts a query,
    ``public`` whether it works without a bearer token. ``access`` is what an access token must permit. If it is None,
    no access token permits the operation.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    handler: Callable[..., Awaitable[Any]]
    queried: bool
    public: bool
    access: Access | None

    @property
    def in_basin(self) -> bool:
        """Whether a header of the request names a basin."""
        return self.paths[0].startswith("/v1/streams")


def operation(
    method: str, *paths: str, queried: bool = False, public: bool = False, access: Access | None = None
) -> Callable[[Handler], Handler]:
    """Return a decorator that makes a method of the application the handler of an operation.

    The method's docstring is the summary. A path such as ``/v1/streams/{stream}`` may have names in braces, each of
    which stands for one segment. The operation gets the last one. The path of a ``public`` operation has none.
    """

    def mark(handler: Handler) -> Handler:
        summary = (inspect.getdoc(handler) or "").partition("\n")[0]
        row = Operation(handler.__name__, method, paths, summary, handler, queried, public, access)
        setattr(handler, _ROW, row)
        return handler

    return mark


def operations_of(application: type) -> tuple[Operation, ...]:
    """Return the rows of an application's class, in source order."""
    members = {name: value for base in reversed(application.__mro__) for name, value in vars(base).items()}
    return tuple(getattr(value, _ROW) for value in members.values() if hasattr(value, _ROW))


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a path: the operation of each method, and the names in the path, by their place in the template."""

    operations: Mapping[str, Operation]
    names: Mapping[bytes, str] = field(default_factory=dict)
    name: str = field(init=False)
    allow: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(self.operations).encode())
        object.__setattr__(self, "name", "".join(list(self.names.values())[-1:]))


class _Node:
    """A node of the tree of path segments."""

    def __init__(self) -> None:
        self.named: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.template = b""  # the name in braces that leads to this node
        self.operations: dict[str, Operation] = {}


class Router:
    """A router from paths to operations. ``public`` are the paths that need no bearer token.

    Raise ValueError if two operations claim the same method of the same path.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        self.public: frozenset[bytes] = frozenset()
        for row in operations:
            for path in row.paths:
                self._add(path, row)
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def route(self, raw_path: bytes) -> Route | None:
        """Return the route of a path (without its query), or None if no operation has that path.

        Raise Malformed ``bad_path`` if a name in it cannot be decoded or is not valid, or the path is too long.
        """
        if len(raw_path) <= REMEMBERED_BYTES:
            return self._remembered(raw_path)
        if len(raw_path) > MAX_PATH_BYTES:
            raise Malformed("bad_path", f"a path may have at most {MAX_PATH_BYTES} bytes; this one has {len(raw_path)}")
        return self._find(raw_path)

    def _add(self, path: str, row: Operation) -> None:
        node = self._root
        for segment in path.encode().split(b"/"):
            if not segment.startswith(b"{"):
                node = node.named.setdefault(segment, _Node())
                continue
            if node.any is None:
                node.any = _Node()
                node.any.template = segment
            node = node.any
        if row.method in node.operations:
            raise ValueError(f"{row.method} {path} is claimed by {node.operations[row.method].name} and {row.name}")
        node.operations[row.method] = row
        if row.public:
            self.public |= {path.encode()}

    def _find(self, raw_path: bytes) -> Route | None:
        node, names = self._root, {}
        for segment in raw_path.split(b"/"):
            if segment in node.named:
                node = node.named[segment]
            elif segment and node.any is not None:
                node = node.any
                name = names[node.template] = decode_name(segment)
                _check_name(node.template, name)
            else:
                return None
        return Route(node.operations, names) if node.operations else None


def _check_name(template: bytes, name: str) -> None:
    try:
        if template in _NAMES:
            _NAMES[template](name)
    except ServiceError as error:
        raise Malformed("bad_path", error.message) from None
