"""Puts results into JSON for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..exits import ExitCode
from ..printable import printable_json, sayable


def failed(path: Path, error: str, code: ExitCode) -> dict[str, Any]:
    """Return what stands in place of a verdict where nothing could be judged."""
    return {"path": sayable(str(path)), "error": sayable(error), "exit_code": int(code)}


def as_line(content: Any) -> str:
    """Return JSON on one line, printable."""
    return printable_json(msgspec.json.encode(content)).decode()
