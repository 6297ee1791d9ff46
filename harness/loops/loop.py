"""Functions of columns and bytes that run as machine code.

A loop has one signature. It runs without the interpreter's lock. It allocates nothing and raises nothing of its own; it
may call any function of numbers, arrays and tuples of arrays, which then becomes a part of it.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections.abc import Callable
from functools import cache, update_wrapper
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any, TypeAlias, TypeVar, cast

from .machine import described, loaded
from .made_of import fingerprint
from .signatures import Signature, parsed
from .store import keep, kept

F = TypeVar("F", bound=Callable[..., Any])

Integer: TypeAlias = Any
"""An integer in a loop: Python's before it is compiled, and of 64 bits after."""


class Loop:
    """The compiled form of a ``function``. Making it loads the machine code, or compiles it if none is kept."""

    def __init__(self, function: FunctionType, signature: Signature) -> None:
        update_wrapper(self, function)
        self._name = function.__qualname__
        self._signature = signature
        symbol, object_code = _object(function, signature)
        address, self._engine = loaded(object_code, symbol)
        (self._result,) = signature.result.kinds
        self._run = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 2, *signature.kinds())(address)

    def __call__(self, *arguments: Any) -> Any:
        """Run it.

        Raises TypeError, ValueError or OverflowError for arguments that do not fit the signature, and ArithmeticError
        if the loop divided by zero.
        """
        result, why = self._result(), ctypes.c_void_p()
        if self._run(ctypes.addressof(result), ctypes.addressof(why), *self._signature.words(arguments)):
            raise ArithmeticError(f"{self._name} divided by zero")
        return result.value


def translated(function: F, signature: Signature) -> F:
    """Return the compiled form of a function; the original stays as it is."""
    return cast(F, Loop(cast(FunctionType, function), signature))


def compiled(signature: str) -> Callable[[F], F]:
    """Decorate a function: compile it for this signature (see :func:`.signatures.parsed`)."""

    def decorate(function: F) -> F:
        return translated(function, parsed(signature))

    return decorate


def _object(function: FunctionType, signature: Signature) -> tuple[str, bytes]:
    """The symbol and the object file of a function: those that are kept, or else new ones."""
    place = _place()
    key = hashlib.sha256(f"{place} {signature} {fingerprint(function)}".encode()).digest()
    found = kept(function, place, key)
    if found is None:
        _announce()
        from .compiler import compiled_object

        found = compiled_object(function, signature)
        keep(function, place, key, *found)
    return found


@cache
def _place() -> str:
    """A name of this machine, and of everything else that machine code depends on beside its source."""
    own = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    found = hashlib.sha256(own + f"{sys.version} {version('numba')} {described()}".encode())
    return found.hexdigest()[:16]


@cache
def _announce() -> None:
    print("fencepost: compiling the checker's loops, once: this takes some seconds", file=sys.stderr, flush=True)
