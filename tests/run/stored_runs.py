"""What a run left in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fencepost import RunResult
from fencepost.harness.history.history import History


def stored(result: RunResult) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads((result.folder / "verdict.json").read_bytes())
    return verdict


def only_folder(results: Path) -> Path:
    (folder,) = (results / "counting").iterdir()
    return folder


def purposes(history: History, purpose: str) -> list[int]:
    return [row for row in range(len(history)) if history.operation(row).purpose == purpose]
