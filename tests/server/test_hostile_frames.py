"""Append sessions whose bytes were changed on the way, without sockets: what is applied, and what is answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost.harness.s2 import CheckTail, protobuf
from fencepost.harness.s2.errors import Malformed
from fencepost.harness.s2.frames import FrameDecoder, Message, Terminal
from fencepost.harness.server.app import App
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage
from fencepost.harness.world.clock import SystemClock

from .http2 import frame_of

SENT = frame_of(b"a") + frame_of(b"bb", b"c", match_seq_num=1) + frame_of(b"", fencing_token="") + frame_of(b"d" * 50)
HEADERS = [(b"content-type", b"s2s/proto"), (b"s2-basin", b"basin-one")]
SCOPE = {"type": "http", "http_version": "2", "method": "POST", "raw_path": b"/v1/streams/s/records"}


def applicable(data: bytes) -> tuple[int, int, bool]:
    """The batches and records that are applied of these bytes, and whether the session then fails."""
    decoder = FrameDecoder()
    batches = tail = 0
    try:
        for frame in decoder.feed(data):
            if isinstance(frame, Terminal):
                return batches, tail, True
            batch = protobuf.decode_append(frame.body)
            if batch.match_seq_num not in (None, tail) or batch.fencing_token not in (None, ""):
                return batches, tail, True
            if not batch.records or any(not name for record in batch.records for name, _ in record.headers):
                return batches, tail, True  # no command is as short as a changed byte could make one
            batches, tail = batches + 1, tail + len(batch.records)
        decoder.close()
    except Malformed:
        return batches, tail, True
    return batches, tail, False


async def session(pieces: list[bytes]) -> tuple[bytes, int, int]:
    """Send the pieces. Return the answer, the tail afterwards, and the bytes that the server still counts."""
    service = Service(MemoryStorage(), SystemClock().wall_ms)
    await service.start()
    await service.ensure_basin("basin-one")
    await service.ensure_stream("basin-one", "s")
    app = App(service, Metrics(), SystemClock())
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    answer: list[bytes] = []

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        answer.append(message.get("body", b""))

    await asyncio.wait_for(app(SCOPE | {"query_string": b"", "headers": HEADERS}, receive, send), 10)
    tail = (await service.perform("basin-one", "s", CheckTail())).tail.seq_num
    await service.close()
    return b"".join(answer), tail, app._bodies.held


@given(
    changes=st.lists(st.tuples(st.integers(0, len(SENT) - 1), st.integers(0, 255)), max_size=3),
    end=st.integers(0, len(SENT)),
    cuts=st.lists(st.integers(1, len(SENT)), max_size=6),
)
@example(changes=[], end=len(SENT), cuts=[])
def test_bytes_that_were_changed(changes: list[tuple[int, int]], end: int, cuts: list[int]) -> None:
    """The batches before the first that is wrong are applied and acknowledged, and nothing else is."""
    data = bytearray(SENT[:end])
    for at, byte in changes:
        if at < len(data):
            data[at] = byte
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [bytes(data[begin:after]) for begin, after in itertools.pairwise(edges)]
    batches, records, fails = applicable(bytes(data))
    with pytest.MonkeyPatch.context() as patch:
        errors: list[object] = []
        patch.setattr(logging.getLogger("fencepost.harness.server.answers"), "error", lambda *a, **_: errors.append(a))
        answer, tail, held = asyncio.run(session(pieces))
    assert not errors
    assert held == 0
    assert tail == records
    frames = list(FrameDecoder().feed(answer))
    assert sum(isinstance(frame, Message) for frame in frames) == batches
    assert isinstance(frames[-1] if frames else None, Terminal) == fails
    if fails:
        last = frames[-1]
        assert isinstance(last, Terminal)
        assert last.status in (400, 412, 422)
        assert json.loads(last.body)
