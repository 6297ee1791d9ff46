"""Are two histories the same, to the last column?"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def differences(one: Any, other: Any, name: str = "history") -> list[str]:
    """What differs, each named as it is reached from ``name``."""
    if type(one) is not type(other):
        return [f"{name}: {type(one)} and {type(other)}"]
    if is_dataclass(one):
        found: list[str] = []
        for field in fields(one):
            found += differences(getattr(one, field.name), getattr(other, field.name), f"{name}.{field.name}")
        return found
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and np.array_equal(one, other)
        return [] if same else [f"{name}: {one.dtype} {one} and {other.dtype} {other}"]
    if isinstance(one, dict):
        one, other = list(one.items()), list(other.items())
    return [] if one == other else [f"{name}: {one} and {other}"]
