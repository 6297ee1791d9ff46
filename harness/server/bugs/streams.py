"""Bugs that mix up streams."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ...s2 import Ack, Append
from ..errors import ServiceError
from ..rules import Sequencer, ServiceRules
from .registry import bug
from .strikes import EveryNth

APART: Final = "a stream holds what was appended to it"


@bug(
    "cross-stream-leak",
    breaks=APART,
    anomaly="garbage-read",
    workload="mixed",
    beyond="it strikes once in 15 appends to two streams in turn, and no conformance test makes so many",
)
class CrossStreamLeak(ServiceRules):
    """Of the batches that follow one to another stream, every fifteenth is appended to that stream as well."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(15)
        self.__before: Sequencer | None = None

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        ack = await super().append(stream, batch)
        before, self.__before = self.__before, stream
        if before is not None and before is not stream and self.__strike():
            with suppress(ServiceError):  # the other stream may have been deleted
                before.append_unchecked(batch)
        return ack
