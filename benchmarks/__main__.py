"""Runs every benchmark and writes ``docs/benchmarks.md``: ``python -m benchmarks [NAME…] [OPTION…]``.

If benchmarks are named, only their sections are replaced. The options are passed to each benchmark. What a benchmark
measures in part is printed, but not written.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

CLAIMS: Final = (
    *("driver_rate", "record_rate", "client_rate", "check_rate"),
    *("server_appends", "server_tails", "server_sessions", "server_reads", "server_idle", "recovery"),
    *("request_cost", "server_limits"),
)
ASKED_FOR: Final = ("checker",)
"""Benchmarks that run only when they are named, because they take many minutes and gigabytes."""

PARTIAL: Final = ("-h", "--help", "--row", "--operations", "--sizes", "--seconds", "--connections", "--memory")
"""Options with which a benchmark measures only a part, something smaller, or nothing."""

FOLDER: Final = Path(__file__).parent
PAGE: Final = FOLDER.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Run the named benchmarks, or all, and write the page."""
    options = [given for given in sys.argv[1:] if given.startswith("-")]
    first = sys.argv.index(options[0]) if options else len(sys.argv)
    chosen, options = sys.argv[1:first] or list(CLAIMS), sys.argv[first:]
    every = (*CLAIMS, *ASKED_FOR)
    if unknown := set(chosen) - set(every):
        raise SystemExit(f"no benchmark is called {', '.join(sorted(unknown))}; there are: {', '.join(every)}")
    measured = {name: _section(name, _measure(name, options)) for name in chosen}
    if any(option.startswith(PARTIAL) for option in options):
        return
    sections = _written() | measured
    PAGE.write_text(_HEAD + "\n".join(sections[name] for name in every if name in sections))
    print(f"written: {PAGE.relative_to(FOLDER.parent)}")


def _written() -> dict[str, str]:
    """Return the sections of the existing page by the names of their benchmarks."""
    if not PAGE.exists():
        return {}
    _, *parts = re.split(r"^## `python -m benchmarks\.(\w+)`$", PAGE.read_text(), flags=re.MULTILINE)
    return {
        name: f"## `python -m benchmarks.{name}`{text.rstrip()}\n"
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


_HEAD: Final = """# Figures

Written by `make bench`, which measures everything again except the checker beside s2-porcupine. `make bench-checker`
writes that section, and `make bench-server` those of the bundled server. Each section is one command and its output.

"""


def _measure(name: str, options: list[str]) -> str:
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
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
