"""A judged history as JSON, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ..history.history import History
from ..store import history_of, identity, verdict_json
from ..verdict import Verdict


def summary(path: Path, history: History, verdict: Verdict) -> dict[str, Any]:
    """Where the history is and the stored form of its verdict."""
    return {"path": str(path)} | verdict_json(history, verdict, identity(history_of(path)))


def as_line(content: Any) -> str:
    """JSON on one line."""
    return msgspec.json.encode(content).decode()
