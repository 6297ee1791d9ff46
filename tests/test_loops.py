"""Loops are compiled once, ahead, and again when anything they are made of has changed. Else numba is not loaded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fencepost.harness.history.s2_porcupine.line_scan import line_after
from fencepost.harness.loops.made_of import fingerprint
from tests.cli.invoking import ROOT, SECONDS, environment

COMPILING = "compiling the checker's loops, once"
USES = re.compile(r"^(@compiled\(|\w+: .* = (translated|called)\()", re.MULTILINE)


def begun(program: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def python(program: str, cwd: Path, **variables: str) -> tuple[str, str]:
    """What a program printed, and what it said besides."""
    process = begun(program, cwd, **variables)
    printed, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return printed.strip(), said


def modules(folder: str) -> set[str]:
    """Those of the package that have loops."""
    paths = (path for path in (ROOT / folder).rglob("*.py") if USES.search(path.read_text()))
    return {".".join(("fencepost", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths}


def test_setup_has_compiled_everything_ahead() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (names,) = re.findall(r"^COMPILED := (.*)$", makefile, re.MULTILINE)
    assert "echo $(COMPILED) |" in makefile
    program = f"import sys; import {', '.join(names.split())}; print(*sys.modules)"
    python(program, ROOT)  # as the setup does; a source may have changed since
    loaded, said = python(program, ROOT)
    used = modules("harness") | modules("checkers")
    assert len(used) > 5
    assert used <= set(loaded.split())
    assert "numba" not in loaded.split()
    assert said == ""


WHOLE = """
from fencepost.harness.loops.loop import compiled
from part import part

@compiled('int64(int64)')
def whole(x):
    return part(x)
"""
PART = """
from number import NUMBER

def part(x):
    return x * NUMBER
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of a module with a loop."""
    (tmp_path / "whole.py").write_text(WHOLE)
    (tmp_path / "part.py").write_text(PART)
    (tmp_path / "number.py").write_text("NUMBER = 3\n")
    return tmp_path


def run(source: Path, before: str = "", **variables: str) -> tuple[str, bool]:
    """What the loop makes of 5, and whether it was compiled for that."""
    program = f"{before}\nimport sys; from whole import whole; print(whole(5), 'numba' in sys.modules)"
    printed, said = python(program, source, PYTHONDONTWRITEBYTECODE="1", **variables)
    result, compiler = printed.split()
    assert (compiler == "True") == (COMPILING in said)
    return result, compiler == "True"


def kept(folder: Path) -> Path:
    """The only file of machine code in a folder and those below."""
    (path,) = folder.rglob("*.loop")
    return path


def test_what_a_loop_is_made_of_is_compiled_anew_when_it_changes(source: Path) -> None:
    assert run(source) == ("15", True)
    assert run(source) == ("15", False)
    (source / "part.py").write_text(PART.replace("x * NUMBER", "NUMBER + x"))
    assert run(source) == ("8", True)
    (source / "number.py").write_text("NUMBER = 30\n")
    assert run(source) == ("35", True)
    assert run(source) == ("35", False)


def test_a_damaged_file_is_compiled_anew(source: Path) -> None:
    run(source)
    path = kept(source)
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged in (content[:-1], content[:40], changed):
        path.write_bytes(damaged)
        assert run(source) == ("15", True)
        assert path.stat().st_size > middle


def test_for_another_processor_it_is_compiled_anew(source: Path) -> None:
    run(source)
    another = "from fencepost.harness.loops import machine; machine.described = lambda: 'another processor'"
    assert run(source, another) == ("15", True)
    assert run(source, another) == ("15", False)
    assert run(source) == ("15", False)


def test_where_the_source_cannot_be_written_the_users_cache_keeps_it(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (source / "__pycache__").touch()  # so no folder of this name can be made
    assert run(source, XDG_CACHE_HOME=str(cache)) == ("15", True)
    assert kept(source).is_relative_to(cache)
    assert run(source, XDG_CACHE_HOME=str(cache)) == ("15", False)


def test_two_at_a_time_compile_it_and_that_is_announced_once(source: Path) -> None:
    (source / "whole.py").write_text(WHOLE + "\n@compiled('int64(int64)')\ndef other(x):\n    return x\n")
    both = [begun("import whole", source) for _ in range(2)]
    said = [process.communicate(timeout=SECONDS)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert any(said)
    assert all(text.count(COMPILING) == 1 for text in said if text)
    assert python("import whole", source) == ("", "")
    assert len(list(source.rglob("*.loop*"))) == 2


def test_a_division_by_zero_raises(source: Path) -> None:
    (source / "part.py").write_text(PART.replace("x * NUMBER", "x // (NUMBER - 3)"))
    with pytest.raises(AssertionError, match="ArithmeticError: whole divided by zero"):
        run(source)


def test_a_loop_takes_no_other_arguments() -> None:
    data = np.frombuffer(b"one\ntwo\n", dtype=np.uint8).copy()
    assert [line_after(data, at, 8) for at in (0, 4, 8)] == [4, 8, -1]
    assert line_after(data, np.int64(3), np.int32(8)) == 4
    fixed = data.copy()
    fixed.flags.writeable = False
    for other in (data.astype(np.int64), data.view(np.int8), data[::2], data.reshape(2, 4), fixed):
        with pytest.raises(TypeError, match="a loop takes"):
            line_after(other, 0, 1)
    with pytest.raises(OverflowError):
        line_after(data, 2**63, 8)
    with pytest.raises(ValueError, match="argument"):
        line_after(data, 0)  # type: ignore[call-arg]


def made(names: dict[str, Any], body: str) -> Any:
    """A function of a module that has these names."""
    exec(f"def f(x):\n    return {body}\n", names)
    return names["f"]


def test_a_fingerprint_is_of_code_constants_and_functions_that_are_called() -> None:
    def one(body: str = "g(x) + N", n: object = 1, other: str = "x + M", m: object = 2) -> str:
        return fingerprint(made({"g": made({"M": m}, other), "N": n}, body))

    assert one() == one()
    different = [one(), one(body="g(x) - N"), one(body="g(x) + N + 7"), one(n=2), one(other="x - M"), one(m=3)]
    different += [one(n=np.arange(2)), one(n=np.arange(3))]
    assert len(set(different)) == len(different)


def test_a_function_that_names_itself_has_a_fingerprint() -> None:
    assert fingerprint(made({}, "f(x - 1) if x else 0"))
