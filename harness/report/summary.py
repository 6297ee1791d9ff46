"""Results as JSON, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..exits import ExitCode
from ..printable import printable_json, sayable


def failed(path: Path, error: str, code: ExitCode) -> dict[str, Any]:
    """Return the object that replaces a verdict if a history could not be checked."""
    return {"path": sayable(str(path)), "error": sayable(error), "exit_code": int(code)}


def as_line(content: Any) -> str:
    """Return printable JSON on one line."""
    return printable_json(msgspec.json.encode(content)).decode()
