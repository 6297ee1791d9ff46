"""Compiles loops. Importing this module loads numba, which takes longer than most loops run."""

from __future__ import annotations

from types import FunctionType
from typing import Any, Final

import numba

from .machine import assembled
from .made_of import named
from .signatures import Array, Scalar, Signature, Table

_njit: Any = numba.njit
_types: Any = numba.types
_OPTIONS: Final = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Nothing is allocated, so nothing needs reference counting (``_nrt``), and only :mod:`.loop` calls what is compiled.

That counting is atomic and happens for every array argument of every call; in the loops over a history's bytes it took
most of the time.
"""

_translated: Final[dict[FunctionType, Any]] = {}


def compiled_object(function: FunctionType, signature: Signature) -> tuple[str, bytes]:
    """Return a function's machine code, with all that it calls: the symbol of the function, and an object file."""
    arguments = tuple(map(_type, signature.arguments))
    made = _translation(function)
    made.compile(_type(signature.result)(*arguments))
    return made.overloads[arguments].fndesc.llvm_func_name, assembled(made.inspect_llvm(arguments))


def _translation(function: FunctionType) -> Any:
    """A copy of a function that numba compiles; it calls such copies of the functions that it calls."""
    if function not in _translated:
        names: dict[str, Any] = {"__name__": function.__module__}
        copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        copy.__qualname__ = function.__qualname__
        _translated[function] = _njit(**_OPTIONS)(copy)
        for name, value in named(function).items():
            names[name] = _translation(value) if isinstance(value, FunctionType) else value
    return _translated[function]


def _type(one: Scalar | Array | Table) -> Any:
    """The same type as numba has it."""
    if isinstance(one, Scalar):
        return getattr(_types, one.name)
    if isinstance(one, Array):
        layout = "C" if one.contiguous else "A"
        return _types.Array(getattr(_types, one.name), one.dimensions, layout, readonly=not one.writable)
    kind = None if one.of is tuple else one.of
    return _types.BaseTuple.from_types(tuple(map(_type, one.columns)), kind)
