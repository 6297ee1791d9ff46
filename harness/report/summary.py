"""What scripts are told."""

from __future__ import annotations

from typing import Any

import msgspec

from ..printable import printable_json


def as_line(content: Any) -> str:
    """Return JSON on one line, printable."""
    return printable_json(msgspec.json.encode(content)).decode()
