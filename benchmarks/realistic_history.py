"""Files of realistic histories, made once and kept: ``python -m benchmarks.realistic_history --operations N``.

It prints the path of a history as :mod:`benchmarks.realistic` makes it, in fencepost's journal or in s2-porcupine's
format. The file's name tells its parameters and the version of the code that made it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks import realistic, realistic_lines
from benchmarks.realistic import Recipe

FORMATS: Final = {"journal": realistic_lines.journal, "s2-porcupine": realistic_lines.s2_porcupine}
FOLDER: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fencepost" / "histories"
"""The folder in which histories are kept. It can be deleted at any time."""

_HELP: Final = {
    "operations": "without the pages of the closing read",
    "observations": "share of the operations that are reads and check-tails",
    "indefinite": "share of the operations that are appends of unknown outcome, half of them applied",
    "conditional": "share of the appends that have a condition",
    "refused": "share of these that are refused",
    "fences": "share of the appends that set a fence",
    "trims": "share of the appends that trim",
    "closing_read": "end with a read of everything",
    "violations": "check-tails that miss an acknowledged append",
}


def history_file(recipe: Recipe, form: str = "journal", folder: Path = FOLDER) -> Path:
    """Return the file of a history in one of :data:`FORMATS`, made if it is not there. Raises OSError."""
    default = Recipe()
    values = ((field.name, getattr(recipe, field.name)) for field in fields(recipe))
    told = [f"{name}={value}" for name, value in values if name == "operations" or value != getattr(default, name)]
    path = folder / f"{'-'.join((form, *told, _version()))}.jsonl"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.partial")
        with part.open("wb") as file:
            file.writelines(FORMATS[form](realistic.realistic(recipe)))
        part.replace(path)
    return path


@cache
def _version() -> str:
    sources = (Path(module.__file__ or "").read_bytes() for module in (realistic, realistic_lines))
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]


def main() -> None:
    """Make one file, and print its path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder")
    parser.add_argument("--format", choices=list(FORMATS), default="journal", help="the format")
    for field in fields(Recipe):
        name, default = f"--{field.name.replace('_', '-')}", getattr(Recipe(), field.name)
        text = _HELP.get(field.name, "a number")
        if isinstance(default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            parser.add_argument(name, type=type(default), default=default, help=text)
    given = parser.parse_args()
    recipe = Recipe(**{field.name: getattr(given, field.name) for field in fields(Recipe)})
    print(history_file(recipe, given.format, given.out))


if __name__ == "__main__":
    main()
