"""Loops are compiled once, ahead, and again when anything that they are made of has changed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from fencepost.harness.compiling import fingerprint, inner
from tests.cli.invoking import ROOT, SECONDS, environment

COMPILING = "compiling the checker's loops, once"
USES = re.compile(r"^(@compiled\(|\w+: .* = (translated|called)\(|    @numba\.njit\()", re.MULTILINE)


def python(program: str, cwd: Path) -> tuple[str, str]:
    """What a program printed, and what it said besides."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout.strip(), done.stderr


def modules(folder: str) -> set[str]:
    """Those of the package that have compiled functions."""
    paths = (path for path in (ROOT / folder).rglob("*.py") if USES.search(path.read_text()))
    return {".".join(("fencepost", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths}


def test_setup_has_compiled_everything_ahead() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (names,) = re.findall(r"^COMPILED := (.*)$", makefile, re.MULTILINE)
    assert "echo $(COMPILED) |" in makefile
    loaded, said = python(f"import sys; import {', '.join(names.split())}; print(*sys.modules)", ROOT)
    used = modules("harness") | modules("checkers")
    assert len(used) > 5
    assert used <= set(loaded.split())
    assert said == ""


def test_what_a_loop_is_made_of_is_compiled_anew_when_it_changes(tmp_path: Path) -> None:
    own = "from fencepost.harness.compiling import compiled\nfrom part import part\n\n"
    own += "@compiled('int64(int64)')\ndef whole(x):\n    return part(x)\n"
    part = "from fencepost.harness.compiling import inner\nfrom number import NUMBER\n\n"
    part += "@inner\ndef part(x):\n    return x * NUMBER\n"

    def run() -> tuple[str, bool]:
        out, said = python("from whole import whole; print(whole(5))", tmp_path)
        return out, COMPILING in said

    (tmp_path / "whole.py").write_text(own)
    (tmp_path / "part.py").write_text(part)
    (tmp_path / "number.py").write_text("NUMBER = 3\n")
    assert run() == ("15", True)
    assert run() == ("15", False)
    (tmp_path / "part.py").write_text(part.replace("x * NUMBER", "NUMBER + x"))
    assert run() == ("8", True)
    (tmp_path / "number.py").write_text("NUMBER = 30\n")
    assert run() == ("35", True)


def made(names: dict[str, Any], body: str) -> Any:
    """A function of a module that has these names."""
    exec(f"def f(x):\n    return {body}\n", names)
    return names["f"]


def test_a_fingerprint_is_of_code_constants_and_inner_functions() -> None:
    def one(body: str = "g(x) + N", n: object = 1, other: str = "x + M", m: object = 2) -> str:
        return fingerprint(made({"g": inner(made({"M": m}, other)), "N": n}, body))

    assert one() == one()
    different = [one(), one(body="g(x) - N"), one(body="g(x) + N + 7"), one(n=2), one(other="x - M"), one(m=3)]
    assert len(set(different)) == len(different)


def test_a_function_that_names_itself_has_a_fingerprint() -> None:
    names: dict[str, Any] = {}
    names["f"] = inner(made(names, "f(x - 1) if x else 0"))
    assert fingerprint(names["f"].py_func)
