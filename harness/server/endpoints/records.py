"""Operations on the records of a stream."""

from __future__ import annotations

from ...s2 import CheckTail, json_codec, urls
from ..answers import Response
from ..request import Request
from ..routing import operation
from .endpoints import Endpoints


class Records(Endpoints):
    """Appends, reads and tails."""

    @operation("POST", "/v1/streams/{stream}/records")
    async def append(self, request: Request) -> Response:
        """Append a batch of records. The answer comes once it is durable."""
        basin, form = request.basin(), request.format()
        request.refuse_other_codecs()
        body = await request.body()
        batch = json_codec.decode_append(body, form)
        ack = await self._service.perform(basin, request.name, batch)
        self._metrics.appended(len(batch.records), len(body))
        return Response(200, json_codec.encode_ack(ack))

    @operation("GET", "/v1/streams/{stream}/records", queried=True)
    async def read(self, request: Request) -> Response:
        """Read a batch of records. ``wait`` says how long to wait for new ones."""
        basin, form = request.basin(), request.format()
        request.refuse_other_codecs()
        call = urls.decode_read(request.query)
        batch = await self._service.perform(basin, request.name, call, request.hang_up)
        return Response(200, json_codec.encode_batch(batch, form))

    @operation("GET", "/v1/streams/{stream}/records/tail")
    async def check_tail(self, request: Request) -> Response:
        """Return the tail of a stream."""
        answer = await self._service.perform(request.basin(), request.name, CheckTail())
        return Response(200, json_codec.encode_tail(answer.tail))
