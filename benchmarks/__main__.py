"""Runs every benchmark and writes ``docs/benchmarks.md``: ``python -m benchmarks [NAME…]``."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Final

CLAIMS: Final = ("record_rate", "client_rate", "check_rate", "server_appends")
FOLDER: Final = Path(__file__).parent
PAGE: Final = FOLDER.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Run those named, or all and then write the page."""
    chosen = sys.argv[1:] or list(CLAIMS)
    if unknown := set(chosen) - set(CLAIMS):
        raise SystemExit(f"no benchmark is called {', '.join(sorted(unknown))}; there are: {', '.join(CLAIMS)}")
    sections = [_section(name, _measure(name)) for name in chosen]
    if chosen == list(CLAIMS):
        PAGE.write_text(_HEAD + "\n".join(sections))
        print(f"written: {PAGE.relative_to(FOLDER.parent)}")


_HEAD: Final = """# Figures

Written by `make bench`, which measures all of them anew. Each section is one command and what it printed.

"""


def _measure(name: str) -> str:
    print(f"== {name}", flush=True)
    lines = []
    with subprocess.Popen([sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(f"{name} ended with exit code {process.returncode}")
    return "".join(lines)


def _section(name: str, output: str) -> str:
    claim = (ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text())) or "").strip()
    return f"## `python -m benchmarks.{name}`\n\n{claim}\n\n```\n{output.rstrip()}\n```\n"


if __name__ == "__main__":
    main()
