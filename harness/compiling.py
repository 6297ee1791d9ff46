"""Compiles loops with numba, once, ahead of time where possible. Importing this module loads numba.

Functions that Python calls are :func:`compiled`. They have one signature, so two processes that compile at once write
the same file. The result is kept beside the source, or in the user's cache folder if that cannot be written. Importing
the module compiles it, and ``make setup`` does so ahead of time. Functions that only compiled functions call are
:func:`inner`: they become a part of their callers, so nothing more has to be loaded.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import numba
import numpy as np
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

F = TypeVar("F", bound=Callable[..., Any])

Integer: TypeAlias = Any
"""An integer in a compiled loop: Python's before it is compiled, and of 64 bits after."""


class _Announcer(event.Listener):
    """Says once that something is being compiled, since that takes a while. Loading is not worth a message."""

    def __init__(self) -> None:
        self._announced = False

    def on_start(self, event: Any) -> None:
        """Note that numba begins to compile a function."""
        if not self._announced:
            self._announced = True
            print(
                "fencepost: compiling the checker's loops, once: this takes some seconds", file=sys.stderr, flush=True
            )

    def on_end(self, event: Any) -> None:
        """Note that numba has compiled a function."""


_LISTENERS: Final = {"numba:compile": _Announcer()}


class _Kept(FunctionCache):
    """A compiled function on disk. numba checks whether its file changed; this checks everything it is made of."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        key: tuple[Any, ...] = super()._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        return (*key, fingerprint(self._py_func))


def fingerprint(function: Callable[..., Any]) -> str:
    """Return a fingerprint of a function's code and of everything that becomes a part of it when compiled.

    That is everything it names in its module: constants, whatever module they come from, and other compiled functions
    with what those name.
    """
    return _digest(function, {}).hex()


def _digest(function: Callable[..., Any], seen: dict[Callable[..., Any], bytes]) -> bytes:
    if function in seen:
        return seen[function]
    seen[function] = b"itself"
    code = function.__code__
    found = hashlib.sha256(code.co_code + repr((code.co_consts, code.co_names)).encode())
    for name in code.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, Dispatcher):
            found.update(_digest(value.py_func, seen))
        elif isinstance(value, np.ndarray):
            found.update(repr((value.dtype, value.shape)).encode() + value.tobytes())
        elif isinstance(value, int | float | str | tuple | np.generic):
            found.update(repr(value).encode())
    seen[function] = found.digest()
    return seen[function]


def compiled(signature: str) -> Callable[[F], F]:
    """Decorate a function: compile it for this signature now, or load it from disk.

    The signature is numba's, with the names of ``_TYPES``. The function runs without the interpreter's lock.
    """

    def decorate(function: F) -> F:
        return translated(function, signature)

    return decorate


def translated(function: F, signature: Any) -> F:
    """Return the compiled form of a function; the original stays as it is.

    The signature is one of numba's, or such a string as :func:`compiled` takes.
    """
    for kind, listener in _LISTENERS.items():
        event.register(kind, listener)  # type: ignore[no-untyped-call]
    try:
        made: Any = inner(function)
        made._cache = _Kept(function)  # type: ignore[no-untyped-call]
        text = isinstance(signature, str)
        made.compile(eval(signature, {**vars(numba.types), **_TYPES}) if text else signature)
        made.disable_compile()
    finally:
        for kind, listener in _LISTENERS.items():
            event.unregister(kind, listener)  # type: ignore[no-untyped-call]
    found: F = made
    return found


def inner(function: F) -> F:
    """Decorate a function that only compiled functions call: it is compiled with them, for the types they give it.

    It allocates nothing, so it needs no reference counting (``_nrt``). That counting is atomic and happens for every
    array argument of every call; in the loops over a history's bytes it took most of the time.
    """
    njit: Any = numba.njit
    made: F = njit(nogil=True, _nrt=False)(function)
    return made


def _columns(dtype: Any) -> Any:
    """Return the type of read-only one-dimensional arrays with any stride: a column may repeat one value."""
    return numba.types.Array(dtype, 1, "A", readonly=True)


_TYPES: Final = {
    "i8s": _columns(numba.types.int64),
    "i4s": _columns(numba.types.int32),
    "u8s": _columns(numba.types.uint64),
    "bytes_": _columns(numba.types.uint8),
    "text": numba.types.Array(numba.types.uint8, 1, "C", readonly=True),
    "bools": _columns(numba.types.boolean),
}
"""Short names for signatures: columns, and the bytes of a file, that are read. Work space is written ``int64[::1]``."""
