"""Operations as rows, and the way from a raw request path to them.

A row is made by :func:`operation`, on the method of the application that handles it. Which methods a path knows, and
the ``allow`` header, follow from the rows.

The path is taken as the client sent it, still percent-encoded: a stream's name may hold any byte, an encoded
slash among them, so it has to be cut at slashes before it is decoded.
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

MAX_PATH_BYTES: Final = 3 * MAX_STREAM_NAME_BYTES + 256
"""A longer path is refused: it has room for the longest name, every byte of it percent-encoded."""

REMEMBERED: Final = 4096
"""Paths whose routes are remembered."""

REMEMBERED_BYTES: Final = 256
"""Only paths up to this length are, so that what clients send can fill a megabyte or two, and no more."""

_ROW: Final = "__operation__"
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask for, by the name that S2's API description gives it.

    ``paths`` are templates, of which all but the first are other names of the first. ``queried`` says whether a query
    is accepted, ``public`` whether no bearer token is needed.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    handler: Callable[..., Awaitable[Any]]
    queried: bool
    public: bool


def operation(method: str, *paths: str, queried: bool = False, public: bool = False) -> Callable[[Handler], Handler]:
    """Mark a method of the application as the handler of an operation; its docstring is the summary.

    A path such as ``/v1/streams/{stream}`` may have one name in braces, which stands for one segment. The path of a
    ``public`` operation has none.
    """

    def mark(handler: Handler) -> Handler:
        summary = (inspect.getdoc(handler) or "").partition("\n")[0]
        setattr(handler, _ROW, Operation(handler.__name__, method, paths, summary, handler, queried, public))
        return handler

    return mark


def operations_of(application: type) -> tuple[Operation, ...]:
    """Return the rows of an application's class, in the order in which they were written."""
    members = {name: value for base in reversed(application.__mro__) for name, value in vars(base).items()}
    return tuple(getattr(value, _ROW) for value in members.values() if hasattr(value, _ROW))


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads: the operation of each method there, and the name that stood in the path."""

    operations: Mapping[str, Operation]
    name: str = ""
    allow: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow", ", ".join(self.operations).encode())


class _Node:
    """A position between two segments of a path."""

    def __init__(self) -> None:
        self.named: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.operations: dict[str, Operation] = {}


class Router:
    """Finds the operations of a path. ``public`` are the paths for which no bearer token is needed.

    Raises ValueError where two operations claim the same method of the same path.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        self.public: frozenset[bytes] = frozenset()
        for row in operations:
            for path in row.paths:
                self._add(path, row)
        self._remembered = lru_cache(REMEMBERED)(self._find)

    def route(self, raw_path: bytes) -> Route | None:
        """Return where a path (without its query) leads; None where there is nothing.

        Raises Malformed ``bad_path`` where the name in it does not decode, or it is longer than any real one.
        """
        if len(raw_path) <= REMEMBERED_BYTES:
            return self._remembered(raw_path)
        if len(raw_path) > MAX_PATH_BYTES:
            raise Malformed("bad_path", f"a path has at most {MAX_PATH_BYTES} bytes; this one has {len(raw_path)}")
        return self._find(raw_path)

    def _add(self, path: str, row: Operation) -> None:
        node = self._root
        for segment in path.encode().split(b"/"):
            if not segment.startswith(b"{"):
                node = node.named.setdefault(segment, _Node())
                continue
            if node.any is None:
                node.any = _Node()
            node = node.any
        if row.method in node.operations:
            raise ValueError(f"{row.method} {path} is claimed by {node.operations[row.method].name} and {row.name}")
        node.operations[row.method] = row
        if row.public:
            self.public |= {path.encode()}

    def _find(self, raw_path: bytes) -> Route | None:
        node, name = self._root, ""
        for segment in raw_path.split(b"/"):
            if segment in node.named:
                node = node.named[segment]
            elif segment and node.any is not None:
                node, name = node.any, decode_name(segment)
            else:
                return None
        return Route(node.operations, name) if node.operations else None
