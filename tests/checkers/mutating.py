"""Mutants: the checker with one expression of one function replaced, so that one of its rules is broken.

``mutants.txt`` lists them, one per line under the name of their module::

    kernel.spec
    _append: asked.at[m] != tail → asked.at[m] > tail  # an append is acknowledged where the tail was

The expression must occur once in the source of the function (a run of blanks matches any other). A mutant is compiled
from the changed source of its module, and its code put in place of the function's own, so every caller meets it,
however it imported the function. Compiled loops were made of the source, and never meet a mutant: histories have to
stay shorter than :data:`fencepost.checkers.kernel.columns.MANY` moments.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import pytest

TABLE: Final = Path(__file__).with_name("mutants.txt")
_ROW: Final = re.compile(r"(?P<function>[\w.]+): (?P<old>.+) → (?P<new>.+?)  # (?P<rule>.+)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """``module`` (under ``fencepost.checkers``) whose ``function`` has the expression ``new`` in place of ``old``.

    ``rule`` is the one that it breaks. A method is named with its class.
    """

    module: str
    function: str
    old: str
    new: str
    rule: str

    def __str__(self) -> str:
        return f"{self.module}:{self.function}: {self.old} → {self.new}"

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Put the mutant in place of the function. Raises ValueError unless the expression occurs once in it."""
        module = import_module(f"fencepost.checkers.{self.module}")
        patch.setattr(_function(module, self.function), "__code__", _mutated(self, module))


@cache
def _mutated(mutant: Mutant, module: ModuleType) -> CodeType:
    source, spans = _parsed(module)
    low, high = spans[mutant.function]
    pattern = re.compile(r"\s+".join(map(re.escape, mutant.old.split())))
    found = list(pattern.finditer(source, low, high))
    if len(found) != 1:
        raise ValueError(f"{mutant}: the expression occurs {len(found)} times")
    source = source[: found[0].start()] + mutant.new + source[found[0].end() :]
    code = compile(source, str(module.__file__), "exec", dont_inherit=True)
    (mutated,) = (one for one in _codes(code) if one.co_qualname == mutant.function)
    return mutated


@cache
def _parsed(module: ModuleType) -> tuple[str, dict[str, tuple[int, int]]]:
    """The source of a module, and where in it each function is."""
    source = inspect.getsource(module)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans: dict[str, tuple[int, int]] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.FunctionDef):
                spans[prefix + child.name] = starts[child.lineno - 1], starts[child.end_lineno or 0]

    visit(ast.parse(source), "")
    return source, spans


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)
    assert isinstance(found, FunctionType)
    return found


def _rows() -> Iterator[Mutant]:
    module = ""
    for line in TABLE.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            module = line
        else:
            yield Mutant(module, **row.groupdict())


MUTANTS: Final = tuple(_rows())
