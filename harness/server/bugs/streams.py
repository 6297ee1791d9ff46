"""Bugs that mix up streams, or the lives of one."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ...s2 import Ack, Append
from ..errors import ServiceError
from ..rules import Sequencer, ServiceRules
from .registry import bug
from .strikes import EveryNth

APART: Final = "a stream holds what was appended to it"


@bug("cross-stream-leak", breaks=APART, anomaly="garbage-read", workload="mixed")
class CrossStreamLeak(ServiceRules):
    """Every fiftieth batch is appended to the stream of the batch before it as well."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)
        self.__before: Sequencer | None = None

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        ack = await super().append(stream, batch)
        before, self.__before = self.__before, stream
        if before not in (None, stream) and self.__strike():
            with suppress(ServiceError):  # the other stream may have been deleted
                before.append_unchecked(batch)
        return ack


@bug("stream-recreated-with-old-records", breaks=APART, anomaly="resurrected-record", workload="mixed")
class StreamRecreatedWithOldRecords(ServiceRules):
    """After the first append to a stream that was created again, the last batch of its former life comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.__last: dict[str, tuple[Sequencer, Append]] = {}

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        ack = await super().append(stream, batch)
        former, old = self.__last.get(stream.name, (stream, batch))
        if former is not stream:
            stream.append_unchecked(old)
        self.__last[stream.name] = stream, batch
        return ack
