"""Keeps machine code on disk: beside the source, or in the user's cache folder if that cannot be written.

A file begins with the key that it was kept under and a digest of the rest, so one of another key, or one that was cut
short or damaged, is as good as none. Files are replaced whole: who compiles at the same time writes the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Final

_SUFFIX: Final = ".loop"
_SIZE: Final = hashlib.sha256().digest_size


def kept(function: FunctionType, place: str, key: bytes) -> tuple[str, bytes] | None:
    """Return the symbol and the object file of a function that are kept under this key; None if there are none."""
    for path in _paths(function, place):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        rest = content[2 * _SIZE :]
        if content[: 2 * _SIZE] == key + hashlib.sha256(rest).digest():
            symbol, _, object_code = rest.partition(b"\0")
            return symbol.decode(), object_code
    return None


def keep(function: FunctionType, place: str, key: bytes, symbol: str, object_code: bytes) -> None:
    """Keep these in the first folder that can be written, if there is one."""
    rest = symbol.encode() + b"\0" + object_code
    for path in _paths(function, place):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_bytes(key + hashlib.sha256(rest).digest() + rest)
            part.replace(path)
        except OSError:
            continue
        return


def _paths(function: FunctionType, place: str) -> Iterator[Path]:
    """Where a function's code may be kept, the best first; ``place`` names this machine and its libraries."""
    source = Path(function.__code__.co_filename).absolute()
    name = f"{source.stem}.{function.__qualname__}.{place}{_SUFFIX}"
    yield source.parent / "__pycache__" / name
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    yield cache / "fencepost" / hashlib.sha256(str(source.parent).encode()).hexdigest()[:16] / name
