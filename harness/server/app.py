"""The HTTP face of the service: an ASGI application that speaks S2's unary JSON.

Each operation is a method of its own name; a place for further codecs is where a method decodes its body and
encodes its answer. Whatever goes wrong ends as an error body with a code of the table: a refusal as itself,
anything unforeseen as 500 ``other`` with a traceback in the log.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

from ..s2 import json_codec, urls
from ..s2.errors import Malformed
from ..world.clock import Clock
from .errors import ConditionFailed, RangeNotSatisfiable, ServiceError
from .metrics import CONTENT_TYPE, Metrics
from .request import Limits, Message, Patience, Receive, Request, Send
from .routing import route
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
# After these the client may still be sending a body that nobody will read. (HTTP/2 has its own way to say so.)
_CLOSING: Final = frozenset((408, 413, 499))
# The operations that have parameters, or (a scrape) may have been given some by habit.
_QUERIED: Final = frozenset(("read", "list_basins", "list_streams", "health", "metrics"))


class Response(NamedTuple):
    """An answer: JSON, unless ``headers`` say otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (_JSON,)


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_OK_HEAD: Final[Message] = {"type": "http.response.start", "status": 200, "headers": [_JSON]}


class HttpFace:
    """The application. ``token`` is the bearer token that every request but ``/health`` must carry, if any.

    ``draining`` is set by whoever stops the server: everything is then refused with ``server_draining``.
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
        self._limits = limits or Limits()
        self._patience = Patience(self._limits.body_seconds)
        self.draining = False
        self._handlers: dict[str, Handler] = {
            name: getattr(self, name)
            for name in (
                *("health", "metrics"),
                *("list_basins", "create_basin", "get_basin_config", "ensure_basin"),
                *("reconfigure_basin", "delete_basin"),
                *("list_streams", "create_stream", "get_stream_config", "ensure_stream"),
                *("reconfigure_stream", "delete_stream"),
                *("append", "read", "check_tail"),
            )
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI. Only HTTP is spoken."""
        if scope["type"] != "http":
            raise RuntimeError(f"this application speaks HTTP, not {scope['type']}")
        metrics = self._metrics
        began = self._monotonic_ns()
        metrics.in_flight += 1
        operation = "none"
        status = 499
        try:
            try:
                place = route(scope["raw_path"])
                if place is None:
                    raise ServiceError("not_found", "there is nothing at this path")
                operation = place.operations.get(scope["method"], "none")
                if operation == "none":
                    response = _error(
                        ServiceError("method_not_allowed", f"here one can {place.allow.decode()}"),
                        (b"allow", place.allow),
                    )
                else:
                    request = Request(scope, receive, place.name, self._limits, self._patience)
                    if request.query and operation not in _QUERIED:
                        request.refuse_query()
                    if self.draining:
                        raise ServiceError("server_draining", "the server is stopping")
                    if self._authorization is not None and operation != "health":
                        self._authorize(request)
                    response = await self._handlers[operation](request)
            except Exception as error:
                response = _failure(error, operation)
            status, body, headers = response
            if status in _CLOSING and scope["http_version"].startswith("1"):
                headers = (*headers, (b"connection", b"close"))
            if status == 200 and headers == (_JSON,):
                await send(_OK_HEAD)
            else:
                await send({"type": "http.response.start", "status": status, "headers": list(headers)})
            await send({"type": "http.response.body", "body": body})
        finally:
            metrics.in_flight -= 1
            metrics.finish(operation, status, (self._monotonic_ns() - began) / 1e9)

    # ------------------------------------------------------------------ records

    async def append(self, request: Request) -> Response:
        """POST /v1/streams/{stream}/records"""
        basin, form = request.basin(), request.format()
        request.refuse_other_codecs()
        body = await request.body()
        batch = json_codec.decode_append(body, form)
        ack = await self._service.append(basin, request.name, batch)
        self._metrics.appended(len(batch.records), len(body))
        return Response(200, json_codec.encode_ack(ack))

    async def read(self, request: Request) -> Response:
        """GET /v1/streams/{stream}/records"""
        basin, form = request.basin(), request.format()
        request.refuse_other_codecs()
        batch = await self._service.read(basin, request.name, urls.decode_read(request.query))
        return Response(200, json_codec.encode_batch(batch, form))

    async def check_tail(self, request: Request) -> Response:
        """GET /v1/streams/{stream}/records/tail"""
        return Response(200, json_codec.encode_tail(await self._service.check_tail(request.basin(), request.name)))

    # ------------------------------------------------------------------ streams

    async def list_streams(self, request: Request) -> Response:
        """GET /v1/streams"""
        streams, more = await self._service.list_streams(request.basin(), *urls.decode_list(request.query))
        return Response(200, json_codec.encode({"streams": [show_info(info) for info in streams], "has_more": more}))

    async def create_stream(self, request: Request) -> Response:
        """POST /v1/streams"""
        basin, token = request.basin(), request.header(b"s2-request-token")
        name, config = decode_create_stream(await request.body())
        info, _ = await self._service.create_stream(basin, name, config, token)
        return Response(201, json_codec.encode(show_info(info)))

    async def get_stream_config(self, request: Request) -> Response:
        """GET /v1/streams/{stream}"""
        config = await self._service.get_stream(request.basin(), request.name)
        return Response(200, json_codec.encode(show_stream_config(config)))

    async def ensure_stream(self, request: Request) -> Response:
        """PUT /v1/streams/{stream}"""
        basin = request.basin()
        config = decode_ensure_stream(await request.body())
        info, provision = await self._service.ensure_stream(basin, request.name, config)
        return _provisioned(provision, json_codec.encode(show_info(info)))

    async def reconfigure_stream(self, request: Request) -> Response:
        """PATCH /v1/streams/{stream}"""
        basin = request.basin()
        change = decode_stream_change(await request.body())
        config = await self._service.reconfigure_stream(basin, request.name, change)
        return Response(200, json_codec.encode(show_stream_config(config)))

    async def delete_stream(self, request: Request) -> Response:
        """DELETE /v1/streams/{stream}"""
        await self._service.delete_stream(request.basin(), request.name)
        return Response(202, b"", ())

    # ------------------------------------------------------------------ basins

    async def list_basins(self, request: Request) -> Response:
        """GET /v1/basins"""
        basins, more = await self._service.list_basins(*urls.decode_list(request.query))
        return Response(200, json_codec.encode({"basins": [show_info(info) for info in basins], "has_more": more}))

    async def create_basin(self, request: Request) -> Response:
        """POST /v1/basins"""
        token = request.header(b"s2-request-token")
        name, config = decode_create_basin(await request.body())
        info, created = await self._service.create_basin(name, config, token)
        return Response(201 if created else 200, json_codec.encode(show_info(info)))

    async def get_basin_config(self, request: Request) -> Response:
        """GET /v1/basins/{basin}"""
        return Response(200, json_codec.encode(show_basin_config(await self._service.get_basin(request.name))))

    async def ensure_basin(self, request: Request) -> Response:
        """PUT /v1/basins/{basin}"""
        config = decode_ensure_basin(await request.body())
        info, provision = await self._service.ensure_basin(request.name, config)
        return _provisioned(provision, json_codec.encode(show_info(info)))

    async def reconfigure_basin(self, request: Request) -> Response:
        """PATCH /v1/basins/{basin}"""
        change = decode_basin_change(await request.body())
        config = await self._service.reconfigure_basin(request.name, change)
        return Response(200, json_codec.encode(show_basin_config(config)))

    async def delete_basin(self, request: Request) -> Response:
        """DELETE /v1/basins/{basin}"""
        await self._service.delete_basin(request.name)
        return Response(202, b"", ())

    # ------------------------------------------------------------------ the server itself

    async def health(self, request: Request) -> Response:
        """GET /health"""
        failure = self._service.failure
        if isinstance(failure, NoSpaceError):
            raise ServiceError("storage", f"the disk is full; appends work again once it has room: {failure}")
        if failure is not None:
            raise ServiceError("storage", f"the journal has stopped; restart the server to recover it: {failure}")
        return Response(200, b'{"status":"ok"}')

    async def metrics(self, request: Request) -> Response:
        """GET /metrics"""
        return Response(200, await self._metrics.exposition(), ((b"content-type", CONTENT_TYPE),))

    def _authorize(self, request: Request) -> None:
        given = (request.header(b"authorization") or "").encode()
        assert self._authorization is not None
        if not hmac.compare_digest(given, self._authorization):
            raise ServiceError("permission_denied", "the bearer token is missing or not the right one")


def _provisioned(provision: Provision, body: bytes) -> Response:
    status = 201 if provision is Provision.CREATED else 200
    return Response(status, body, (_JSON, (b"s2-provision-result", provision.value.encode())))


def _failure(error: Exception, operation: str) -> Response:
    match error:
        case ServiceError():
            return _error(error)
        case Malformed(code=code, message=message):
            return _error(ServiceError(code, message))
        case ConditionFailed():
            return Response(412, json_codec.encode(error.body))
        case RangeNotSatisfiable():
            return Response(416, json_codec.encode_tail(error.tail))
    log.error("unforeseen failure of %s", operation, exc_info=error)
    return _error(ServiceError("other", f"{type(error).__name__}: see the server's log"))


def _error(error: ServiceError, *headers: tuple[bytes, bytes]) -> Response:
    body = json_codec.encode_error(error.code, error.message)
    return Response(error.status, body, (_JSON, *headers))
