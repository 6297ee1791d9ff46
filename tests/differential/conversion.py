"""A history in s2-porcupine's format: as ``fencepost convert`` writes it, and as the collector would have."""

from __future__ import annotations

import json

from fencepost.harness.history.history import History
from fencepost.harness.history.losses import Losses
from fencepost.harness.history.s2_porcupine.writer import stream_to_write, written


def exported(history: History) -> bytes:
    """The history in the format."""
    return b"".join(written(history, stream_to_write(history, None), Losses()))


def lost(history: History) -> list[str]:
    """What the export says that it loses."""
    losses = Losses()
    for _ in written(history, stream_to_write(history, None), losses):
        pass
    return [what for what, _ in losses]


def as_collected(document: bytes) -> bytes:
    """The document without the append of no records that sets the first token: the collector writes none."""
    lines = document.splitlines(keepends=True)
    start = json.loads(lines[0])["event"]["Start"] if lines else None
    says_the_token = isinstance(start, dict) and start["Append"]["num_records"] == 0
    return b"".join(lines[2:]) if says_the_token else document


def beginning_with(token: str, document: bytes) -> bytes:
    """The document of a stream that began with this token, said by an append of no records that sets it."""
    asked = {"num_records": 0, "record_hashes": [], "set_fencing_token": token}
    op = 1 + max((json.loads(line)["op_id"] for line in document.splitlines()), default=0)
    events = ({"Start": {"Append": asked}}, {"Finish": {"AppendSuccess": {"tail": 0}}})
    lines = (json.dumps({"event": event, "client_id": 0, "op_id": op}) for event in events)
    return "".join(line + "\n" for line in lines).encode() + document
