"""Loops that are compiled: by numba, once, ahead where possible. Whoever imports this module waits for numba.

Every function has one signature, so that what is kept on disk is the same whoever compiled it: two processes that
compile at once write the same. It is kept beside its source, or in the user's cache folder where that cannot be
written; ``make setup`` does it ahead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import numba
from numba.core import event

F = TypeVar("F", bound=Callable[..., Any])

Integer: TypeAlias = Any
"""An integer in a compiled loop: Python's before it is compiled, and of 64 bits after."""


class _Announcer(event.Listener):
    """Says once that something is compiled, since that takes a while. What is only loaded is no news."""

    def __init__(self) -> None:
        self._announced = False

    def on_start(self, event: Any) -> None:
        """A function begins to be compiled."""
        if not self._announced:
            self._announced = True
            print(
                "fencepost: compiling the checker's loops, once: this takes some seconds", file=sys.stderr, flush=True
            )

    def on_end(self, event: Any) -> None:
        """A function was compiled."""


_LISTENERS: Final = {"numba:compile": _Announcer()}


def compiled(signature: str) -> Callable[[F], F]:
    """A decorator: compile the function for this signature now, or load it from where it was kept.

    The signature is numba's, with the names of ``_TYPES``. The function runs without the interpreter's lock.
    """

    def decorate(function: F) -> F:
        return translated(function, signature)

    return decorate


def translated(function: F, signature: str) -> F:
    """The same as a function: the original stays what it is.

    It allocates nothing, so it needs no counting of references (``_nrt``): that is atomic, and for each argument that
    is an array of each call; in the loops over a history's bytes it took most of the time.
    """
    for kind, listener in _LISTENERS.items():
        event.register(kind, listener)  # type: ignore[no-untyped-call]
    try:
        njit: Any = numba.njit
        own: Any = eval(signature, {**vars(numba.types), **_TYPES})
        made: F = njit(own, cache=True, nogil=True, _nrt=False)(function)
    finally:
        for kind, listener in _LISTENERS.items():
            event.unregister(kind, listener)  # type: ignore[no-untyped-call]
    return made


def _columns(dtype: Any) -> Any:
    """Arrays of one dimension that are only read, whatever their stride: a column may repeat one value."""
    return numba.types.Array(dtype, 1, "A", readonly=True)


_TYPES: Final = {
    "i8s": _columns(numba.types.int64),
    "i4s": _columns(numba.types.int32),
    "u8s": _columns(numba.types.uint64),
    "bytes_": _columns(numba.types.uint8),
    "bools": _columns(numba.types.boolean),
}
"""Short names for signatures: columns that are read. Work space is written ``int64[::1]``."""
