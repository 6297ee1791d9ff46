"""What a loop is made of: its code, the functions that it calls, and the constants that any of them name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_COMPILED: dict[Any, FunctionType] = {}


def compiled_instead_of(other: Callable[..., Any]) -> Callable[[F], F]:
    """Decorate a function: loops that call the ``other`` one call this instead, since that cannot be compiled."""

    def decorate(function: F) -> F:
        assert isinstance(function, FunctionType)
        _COMPILED[other] = function
        return function

    return decorate


def named(function: FunctionType) -> dict[str, Any]:
    """Everything of its module that a function names. Functions are those that are compiled; loops are functions."""
    globals_, found = function.__globals__, {}
    for name in sorted({name for code in _codes(function.__code__) for name in code.co_names}):
        if name in globals_:
            value = getattr(globals_[name], "__wrapped__", globals_[name])
            found[name] = _COMPILED.get(value, value) if isinstance(value, FunctionType) else value
    return found


def fingerprint(function: Callable[..., Any]) -> str:
    """Return a fingerprint of a function's code and of everything that becomes a part of it when compiled.

    That is everything it names in its module: constants, whatever module they come from, and other functions with what
    those name.
    """
    assert isinstance(function, FunctionType)
    return _digest(function, {}).hex()


def _digest(function: FunctionType, seen: dict[FunctionType, bytes]) -> bytes:
    if function in seen:
        return seen[function]
    seen[function] = b"itself"
    found = hashlib.sha256(repr(function.__defaults__).encode())
    for code in _codes(function.__code__):
        constants = [one for one in code.co_consts if not isinstance(one, CodeType)]
        found.update(code.co_code + repr((constants, code.co_names)).encode())
    for name, value in named(function).items():
        if isinstance(value, FunctionType):
            found.update(_digest(value, seen))
        elif isinstance(value, np.ndarray):
            found.update(repr((name, value.dtype, value.shape)).encode() + value.tobytes())
        elif isinstance(value, int | float | str | tuple | np.generic):
            found.update(repr((name, value)).encode())
    seen[function] = found.digest()
    return seen[function]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of functions inside it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)
