"""Types of a loop's arguments and result: as machine code takes them, and checked before it does.

Machine code takes an array as seven words or more: two that are of no use here, the number of items, the size of one,
the address of the first, the shape and the strides in bytes. It takes the members of a tuple one after another.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np


@dataclass(frozen=True)
class Scalar:
    """A number, by the name that numpy and numba have for its type. An index makes it an array: ``int64[:, ::1]``."""

    name: str

    def __getitem__(self, axes: slice | tuple[slice, ...]) -> Array:
        """A writable array with as many axes as there are slices; contiguous if the step of the last one is 1."""
        axes = axes if isinstance(axes, tuple) else (axes,)
        return Array(self.name, len(axes), axes[-1].step == 1)

    def __call__(self, *arguments: Scalar | Array | Table) -> Signature:
        """The signature of a function that returns such a number."""
        return Signature(self, arguments)

    @property
    def kinds(self) -> list[Any]:
        """What C calls this type."""
        return [_C_TYPES[self.name]]

    def words(self, value: Any) -> list[Any]:
        """The value as C takes it. Raises OverflowError if it is out of range."""
        return [np.dtype(self.name).type(value).item()]


@dataclass(frozen=True)
class Array:
    """An array of this many dimensions: in C's order if it is ``contiguous``, with any strides otherwise."""

    name: str
    dimensions: int
    contiguous: bool = True
    writable: bool = True

    @property
    def kinds(self) -> list[Any]:
        """What C calls the words that describe an array."""
        sizes = [ctypes.c_ssize_t] * self.dimensions
        return [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_ssize_t] * 2, ctypes.c_void_p, *sizes, *sizes]

    def words(self, value: Any) -> list[Any]:
        """The words that describe an array. Raises TypeError if it is not of this type."""
        flags = value.flags
        if (
            value.dtype != self.name
            or value.ndim != self.dimensions
            or not flags.aligned
            or (self.contiguous and not flags.c_contiguous)
            or (self.writable and not flags.writeable)
        ):
            raise TypeError(f"a loop takes {self}, not {value.dtype}, shape {value.shape}, with these flags:\n{flags}")
        return [None, None, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]


@dataclass(frozen=True)
class Table:
    """A tuple of arrays; ``of`` is its class."""

    of: Any
    columns: tuple[Array, ...]

    def __repr__(self) -> str:
        return f"{self.of.__qualname__}{getattr(self.of, '_fields', ())}{self.columns}"

    @property
    def kinds(self) -> list[Any]:
        """What C calls the words of all columns."""
        return list(chain.from_iterable(column.kinds for column in self.columns))

    def words(self, value: Any) -> list[Any]:
        """The words of all columns. Raises TypeError, or ValueError if there are more or fewer."""
        return list(chain.from_iterable(one.words(each) for one, each in zip(self.columns, value, strict=True)))


@dataclass(frozen=True)
class Signature:
    """What a loop returns, and takes."""

    result: Scalar
    arguments: tuple[Scalar | Array | Table, ...]

    def kinds(self) -> list[Any]:
        """What C calls the words of all arguments."""
        return list(chain.from_iterable(argument.kinds for argument in self.arguments))

    def words(self, values: tuple[Any, ...]) -> list[Any]:
        """The words of all arguments. Raises TypeError, ValueError or OverflowError if these are others."""
        return list(chain.from_iterable(one.words(each) for one, each in zip(self.arguments, values, strict=True)))


_C_TYPES: Final = {
    "boolean": ctypes.c_bool,
    "int32": ctypes.c_int32,
    "int64": ctypes.c_int64,
    "uint8": ctypes.c_uint8,
    "uint64": ctypes.c_uint64,
    "float64": ctypes.c_double,
    "void": ctypes.c_void_p,
}
_NAMES: Final[dict[str, Any]] = {name: Scalar(name) for name in _C_TYPES} | {
    "bytes_": Array("uint8", 1, contiguous=False, writable=False),
    "text": Array("uint8", 1, writable=False),
    "Tuple": lambda columns: Table(tuple, columns),
}
"""What a signature can name. ``text`` is the bytes of a file, and ``bytes_`` has any stride; neither is written."""

INT64: Final = Scalar("int64")
COLUMN: Final = INT64[::1]
"""A column of int64 that may be written."""


def parsed(signature: str) -> Signature:
    """The signature that a text means, such as ``int64(uint8[::1], Tuple((int64[::1], uint64[::1])))``."""
    found: Signature = eval(signature, {"__builtins__": {}}, _NAMES)
    return found


def columns_of(table: Any) -> Table:
    """The type of a named tuple of columns."""
    return Table(table, (COLUMN,) * len(table._fields))
