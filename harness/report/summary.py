"""A judged history as JSON, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..history.history import History
from ..printable import printable_json, sayable
from ..store import history_of, verdict_json
from ..verdict import Verdict


def summary(path: Path, history: History, verdict: Verdict) -> dict[str, Any]:
    """Where the history is and the stored form of its verdict."""
    return {"path": sayable(str(path))} | verdict_json(history, verdict, history_of(path))


def as_line(content: Any) -> str:
    """Return JSON on one line, printable."""
    return printable_json(msgspec.json.encode(content)).decode()
