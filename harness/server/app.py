"""The service over HTTP: an ASGI application that serves S2's unary JSON operations.

Each operation is a method with an :func:`~.routing.operation` row. Every failure becomes an error body with a code of
the table. A refusal has its own code. Anything unexpected is a 500 ``other``, with a traceback in the log.
"""

from __future__ import annotations

import hmac
import logging
from typing import Final, NamedTuple

from ..s2 import CheckTail, json_codec, urls
from ..s2.errors import Malformed
from ..world.clock import Clock
from .errors import ServiceError, StateMismatch
from .limits import Limits
from .metrics import CONTENT_TYPE, Metrics
from .request import Bodies, Message, Receive, Request, Send
from .routing import Router, operation, operations_of
from .service import Service
from .storage import NoSpaceError
from .values import Provision
from .wire_config import (
    decode_basin_change,
    decode_create_basin,
    decode_create_stream,
    decode_ensure_basin,
    decode_ensure_stream,
    decode_stream_change,
    show_basin_config,
    show_info,
    show_stream_config,
)

log: Final = logging.getLogger(__name__)

_JSON: Final = (b"content-type", b"application/json")


class Response(NamedTuple):
    """An answer, in JSON unless ``headers`` say otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (_JSON,)


_OK_HEAD: Final[Message] = {"type": "http.response.start", "status": 200, "headers": [_JSON]}


class App:
    """An ASGI application that serves one service.

    If there is a ``token``, every request must have it as its bearer token, except requests for public operations.
    Set ``draining`` to stop the server: the application then refuses every request with ``server_draining``.
    """

    def __init__(
        self,
        service: Service,
        metrics: Metrics,
        clock: Clock,
        token: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._monotonic_ns = clock.monotonic_ns
        self._authorization = None if token is None else f"Bearer {token}".encode()
        self._bodies = Bodies(limits or Limits())
        self._router = Router(operations_of(type(self)))
        self.draining = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raise RuntimeError for anything but HTTP."""
        if scope["type"] != "http":
            raise RuntimeError(f"this application serves HTTP, not {scope['type']}")
        metrics = self._metrics
        began = self._monotonic_ns()
        metrics.in_flight += 1
        request = Request(scope, receive, self._bodies)
        status = 499
        try:
            status, body, headers = await self._answer(scope, request)
            # The client may still be sending a body that the server will not read. (HTTP/2 resets the stream instead.)
            if request.unfinished and scope["http_version"].startswith("1"):
                headers = (*headers, (b"connection", b"close"))
            if status == 200 and headers == (_JSON,):
                await send(_OK_HEAD)
            else:
                await send({"type": "http.response.start", "status": status, "headers": list(headers)})
            await send({"type": "http.response.body", "body": body})
        finally:
            metrics.in_flight -= 1
            metrics.finish(request.operation, status, (self._monotonic_ns() - began) / 1e9)

    async def _answer(self, scope: Message, request: Request) -> Response:
        """Return the answer, whatever happens. An unauthorized request is refused before its content is read."""
        try:
            request.refuse_repeats()
            if self._authorization is not None and scope["raw_path"] not in self._router.public:
                self._authorize(request)
            route = self._router.route(scope["raw_path"])
            if route is None:
                raise ServiceError("not_found", "no operation has this path")
            row = route.operations.get(scope["method"])
            if row is None:
                refusal = ServiceError("method_not_allowed", f"this path allows {route.allow.decode()}")
                return _error(refusal, (b"allow", route.allow))
            request.operation, request.name = row.name, route.name
            if request.query and not row.queried:
                request.refuse_query()
            if self.draining:
                raise ServiceError("server_draining", "the server is stopping")
            response: Response = await row.handler(self, request)
        except Exception as error:
            return _failure(error, request.operation)
        return response

    # ------------------------------------------------------------------ records

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

    # ------------------------------------------------------------------ streams

    @operation("GET", "/v1/streams", queried=True)
    async def list_streams(self, request: Request) -> Response:
        """List the streams of a basin by name."""
        streams, more = await self._service.list_streams(request.basin(), *urls.decode_list(request.query))
        return Response(200, json_codec.encode({"streams": [show_info(info) for info in streams], "has_more": more}))

    @operation("POST", "/v1/streams")
    async def create_stream(self, request: Request) -> Response:
        """Create a stream."""
        basin, token = request.basin(), request.header(b"s2-request-token")
        name, config = decode_create_stream(await request.body())
        info, _ = await self._service.create_stream(basin, name, config, token)
        return Response(201, json_codec.encode(show_info(info)))

    @operation("GET", "/v1/streams/{stream}")
    async def get_stream_config(self, request: Request) -> Response:
        """Return the configuration of a stream."""
        config = await self._service.get_stream(request.basin(), request.name)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("PUT", "/v1/streams/{stream}")
    async def ensure_stream(self, request: Request) -> Response:
        """Create a stream, or set the configuration of an existing one."""
        basin = request.basin()
        config = decode_ensure_stream(await request.body())
        info, provision = await self._service.ensure_stream(basin, request.name, config)
        return _provisioned(provision, json_codec.encode(show_info(info)))

    @operation("PATCH", "/v1/streams/{stream}")
    async def reconfigure_stream(self, request: Request) -> Response:
        """Change fields of a stream's configuration."""
        basin = request.basin()
        change = decode_stream_change(await request.body())
        config = await self._service.reconfigure_stream(basin, request.name, change)
        return Response(200, json_codec.encode(show_stream_config(config)))

    @operation("DELETE", "/v1/streams/{stream}")
    async def delete_stream(self, request: Request) -> Response:
        """Delete a stream."""
        await self._service.delete_stream(request.basin(), request.name)
        return Response(202, b"", ())

    # ------------------------------------------------------------------ basins

    @operation("GET", "/v1/basins", queried=True)
    async def list_basins(self, request: Request) -> Response:
        """List the basins by name."""
        basins, more = await self._service.list_basins(*urls.decode_list(request.query))
        return Response(200, json_codec.encode({"basins": [show_info(info) for info in basins], "has_more": more}))

    @operation("POST", "/v1/basins")
    async def create_basin(self, request: Request) -> Response:
        """Create a basin."""
        token = request.header(b"s2-request-token")
        name, config = decode_create_basin(await request.body())
        info, created = await self._service.create_basin(name, config, token)
        return Response(201 if created else 200, json_codec.encode(show_info(info)))

    @operation("GET", "/v1/basins/{basin}")
    async def get_basin_config(self, request: Request) -> Response:
        """Return the configuration of a basin."""
        return Response(200, json_codec.encode(show_basin_config(await self._service.get_basin(request.name))))

    @operation("PUT", "/v1/basins/{basin}")
    async def ensure_basin(self, request: Request) -> Response:
        """Create a basin, or set the configuration of an existing one."""
        config = decode_ensure_basin(await request.body())
        info, provision = await self._service.ensure_basin(request.name, config)
        return _provisioned(provision, json_codec.encode(show_info(info)))

    @operation("PATCH", "/v1/basins/{basin}")
    async def reconfigure_basin(self, request: Request) -> Response:
        """Change fields of a basin's configuration."""
        change = decode_basin_change(await request.body())
        config = await self._service.reconfigure_basin(request.name, change)
        return Response(200, json_codec.encode(show_basin_config(config)))

    @operation("DELETE", "/v1/basins/{basin}")
    async def delete_basin(self, request: Request) -> Response:
        """Delete a basin and its streams."""
        await self._service.delete_basin(request.name)
        return Response(202, b"", ())

    # ------------------------------------------------------------------ the server itself

    @operation("GET", "/health", "/v1/health", queried=True, public=True)
    async def health(self, request: Request) -> Response:
        """Return whether the server works. Needs no token."""
        failure = self._service.failure
        if isinstance(failure, NoSpaceError):
            raise ServiceError("storage", f"the disk is full; appends work again once it has room: {failure}")
        if failure is not None:
            raise ServiceError("storage", f"the journal has stopped; restart the server to recover it: {failure}")
        return Response(200, b'{"status":"ok"}')

    @operation("GET", "/metrics", queried=True)
    async def metrics(self, request: Request) -> Response:
        """Return the server's counters in Prometheus' text format."""
        return Response(200, await self._metrics.exposition(), ((b"content-type", CONTENT_TYPE),))

    def _authorize(self, request: Request) -> None:
        given = (request.header(b"authorization") or "").encode()
        assert self._authorization is not None
        if not hmac.compare_digest(given, self._authorization):
            raise ServiceError("permission_denied", "the bearer token is missing or wrong")


def _provisioned(provision: Provision, body: bytes) -> Response:
    status = 201 if provision is Provision.CREATED else 200
    return Response(status, body, (_JSON, (b"s2-provision-result", provision.value.encode())))


def _failure(error: Exception, operation: str) -> Response:
    match error:
        case ServiceError():
            return _error(error)
        case Malformed(code=code, message=message):
            return _error(ServiceError(code, message))
        case StateMismatch():
            return Response(error.status, json_codec.encode(error.body))
    log.error("unexpected failure of %s", operation, exc_info=error)
    return _error(ServiceError("other", f"{type(error).__name__}: see the server's log"))


def _error(error: ServiceError, *headers: tuple[bytes, bytes]) -> Response:
    body = json_codec.encode_error(error.code, error.message)
    return Response(error.status, body, (_JSON, *headers))
