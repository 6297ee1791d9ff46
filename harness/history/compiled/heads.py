"""How lines begin after ``{"type":"``, in arrays that compiled loops can search: one head for each type of event."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .. import events
from ..bytescan import NONE, literal
from ..tables import ENDINGS, KINDS
from .layout import ACK, END, OTHER

LINES: Final[dict[Any, int]] = KINDS | {event: ACK + ending for event, ending in ENDINGS.items()}
"""What the lines of operations are, by their events."""


def _head(event: Any, field: str) -> str:
    return f'{event.__struct_config__.tag}","{field}":'


_CODES: Final = {_head(event, "op"): code for event, code in LINES.items()} | {
    _head(events.Fault, "time"): OTHER,
    _head(events.Remark, "time"): OTHER,
    _head(events.End, "time"): END,
}

TEXTS: Final = literal("".join(_CODES))
"""All heads, one after another; that of index i lies at ``[BEGINS[i], BEGINS[i + 1])``."""

BEGINS: Final = np.cumsum([0, *map(len, _CODES)])
CODES: Final = np.array(list(_CODES.values()), dtype=np.int64)
"""What a line with the head of this index is (:mod:`.layout`)."""

FOUND: Final = np.full(256, NONE)
"""By the first byte of a line, the first head that begins with it, or NONE."""

NEXT: Final = np.full(len(_CODES), NONE)
"""The next head that begins with the same byte as the head of this index, or NONE."""

for _index, _text in reversed(list(enumerate(_CODES))):
    _byte = ord(_text[0])
    NEXT[_index], FOUND[_byte] = FOUND[_byte], _index
