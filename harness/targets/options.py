"""The options that a target declares, and the values that a run gives them.

A target class lists its options as rows. The command line, ``fencepost targets`` and docs/reference.md use the rows::

    class Mine:
        summary = "my service on this machine"
        options = (Option("port", "where it listens", int, default=9000),)

        def __init__(self, options: TargetOptions) -> None:
            self._port = options.own["port"]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..failure import UsageFailure

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NOUNS: Final[Mapping[type, str]] = {str: "text", int: "integer", float: "number", bool: "yes or no"}
_TRUTHS: Final = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a target.

    ``name`` is spelled as on the command line, in lower case with hyphens. ``type`` is str, int, float or bool. A
    ``required`` option has no default. A ``repeatable`` option may be given several times, and its value is a tuple.
    The value of a ``secret`` option is never stored: the history and options.json say only whether it was given.
    ``flag`` is the equivalent flag of ``fencepost run``, if there is one; messages name it. Raise ValueError for a row
    that contradicts itself.
    """

    name: str
    help: str
    type: type[str] | type[int] | type[float] | type[bool] = str
    default: Any = None
    required: bool = False
    repeatable: bool = False
    secret: bool = False
    flag: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"the option name {self.name!r} must be in lower case with hyphens")
        if self.type not in _NOUNS:
            raise ValueError(f"the option {self.name!r} has the type {self.type!r}; it must be str, int, float or bool")
        if self.default is not None and (self.required or self.repeatable):
            raise ValueError(f"the option {self.name!r} is required or repeatable and cannot have a default")

    @property
    def noun(self) -> str:
        """The type in words."""
        return _NOUNS[self.type] + (", repeatable" if self.repeatable else "")

    @property
    def spelling(self) -> str:
        """The option as the command line spells it."""
        return self.flag or f"--target-option {self.name}={_NOUNS[self.type].upper().replace(' ', '-')}"

    @property
    def fallback(self) -> str:
        """What applies if the option is not given, in words."""
        if self.required:
            return "required"
        return "optional" if self.default is None else f"default {self.default}"

    def parse(self, given: Any) -> Any:
        """Return one value, converted if it is text. Raise UsageFailure if it is not of the option's type."""
        converted: Any = None
        if isinstance(given, str):
            converted = _converted(self.type, given)
        elif type(given) is self.type or (self.type is float and type(given) is int):
            converted = self.type(given)
        if converted is None or (isinstance(converted, float) and not math.isfinite(converted)):
            shown = "the value given" if self.secret else repr(given)
            raise UsageFailure(f"the target option {self.name!r}: {shown} is not of the type {_NOUNS[self.type]}")
        return converted


def resolve(target: str, rows: Sequence[Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every row: the given value, converted, or the default. Repeatable options give a tuple.

    Raise UsageFailure for an option that ``target`` does not have, a missing one, and a value of the wrong type.
    """
    known = {row.name: row for row in rows}
    for name in given:
        if name not in known:
            raise UsageFailure(f"the target {target!r} has no option {name!r}; {_listing(rows)}")
    values: dict[str, Any] = {}
    for row in rows:
        value = given.get(row.name)
        if row.repeatable:
            values[row.name] = tuple(row.parse(one) for one in _as_several(value))
        elif isinstance(value, list | tuple):
            raise UsageFailure(f"the target option {row.name!r} is given {len(value)} times; it takes one value")
        else:
            values[row.name] = row.default if value is None else row.parse(value)
        if row.required and values[row.name] in (None, ()):
            raise UsageFailure(f"the target {target!r} needs {row.spelling}: {row.help}; {_listing(rows)}")
    return values


def without_secrets(rows: Sequence[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in the form that may be stored. A secret is replaced by whether it was given."""
    return {row.name: values[row.name] not in (None, ()) if row.secret else values[row.name] for row in rows}


def _as_several(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _converted(kind: type, text: str) -> Any:
    if kind is bool:
        return _TRUTHS.get(text.lower())
    try:
        return kind(text)
    except ValueError:
        return None


def _listing(rows: Sequence[Option]) -> str:
    if not rows:
        return "it has no options"
    return "its options are: " + ", ".join(f"{row.name} ({row.noun}, {row.fallback})" for row in rows)
