"""Operations on the records of a stream."""

from __future__ import annotations

from ...s2 import CheckTail, json_codec, protobuf, urls
from ..access.scopes import Op, needs, needs_one_of
from ..answers import PROTOBUF, Response
from ..errors import ServiceError
from ..negotiation import Codec, accepted, content
from ..request import Request
from ..routing import operation
from .endpoints import config_to_make
from .sessions import Sessions


class Records(Sessions):
    """Appends, reads and tails."""

    @operation("POST", "/v1/streams/{stream}/records", access=needs_one_of(Op.APPEND, Op.TRIM, Op.FENCE))
    async def append(self, request: Request) -> Response:
        """Append a batch of records. The answer comes once it is durable."""
        codec = content(request)
        if codec is Codec.SESSION:
            return await self.append_session(request)
        basin, answer, key = request.basin(), accepted(request), request.encryption_key()
        if codec is Codec.JSON:
            form = request.format()
            body = await request.body()
            batch = json_codec.decode_append(body, form)
        elif codec is Codec.PROTOBUF:
            body = await request.body("bad_proto")
            batch = protobuf.decode_append(body)
        else:
            raise ServiceError("bad_json", "the content-type must be application/json or application/protobuf")
        size = len(body)
        del body  # it may be much larger than the batch, which waits for the disk now
        request.grant.permit_batch(batch)
        ack = await self._service.perform(basin, request.name, batch, config=config_to_make(request), key=key)
        self._metrics.appended(len(batch.records), size)
        if answer is Codec.PROTOBUF:
            return Response(200, protobuf.encode_ack(ack), PROTOBUF)
        return Response(200, json_codec.encode_ack(ack))

    @operation("GET", "/v1/streams/{stream}/records", queried=True, access=needs(Op.READ))
    async def read(self, request: Request) -> Response:
        """Read a batch of records. ``wait`` says how long to wait for new ones."""
        if content(request) is Codec.SESSION:
            return await self.read_session(request)
        basin, form, answer = request.basin(), request.format(), accepted(request)
        if answer is Codec.EVENT_STREAM:
            return await self.read_events(request, form)
        call, key = urls.decode_read(request.query), request.encryption_key()
        config = config_to_make(request)
        batch = await self._service.perform(basin, request.name, call, request.hang_up, config, key)
        request.grant.check()
        if answer is Codec.PROTOBUF:
            return Response(200, protobuf.encode_batch(batch), PROTOBUF)
        return Response(200, json_codec.encode_batch(batch, form))

    @operation("GET", "/v1/streams/{stream}/records/tail", access=needs(Op.CHECK_TAIL))
    async def check_tail(self, request: Request) -> Response:
        """Return the tail of a stream, in JSON whatever the client accepts."""
        answer = await self._service.perform(request.basin(), request.name, CheckTail())
        return Response(200, json_codec.encode_tail(answer.tail))
