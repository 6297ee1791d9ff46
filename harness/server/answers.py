"""What the application answers: a status, headers, and a body that is there at once or comes in pieces."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final, NamedTuple

from ..s2 import json_codec
from ..s2.errors import Malformed
from .errors import ServiceError, StateMismatch
from .values import Provision

if TYPE_CHECKING:
    from .request import Request

log: Final = logging.getLogger(__name__)

JSON: Final = (b"content-type", b"application/json")
PROTOBUF: Final = ((b"content-type", b"application/protobuf"),)

_CODINGS: Final = (b"accept-encoding", b"zstd, gzip")


class Response(NamedTuple):
    """An answer, in JSON unless ``headers`` say otherwise. A body that comes in pieces is closed in any case."""

    status: int
    body: bytes | AsyncGenerator[bytes, None]
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)


def provisioned(provision: Provision, body: bytes, noop: int = 200) -> Response:
    """Return the answer to a creation or an ensure. ``noop`` is the status if nothing was created."""
    status = 201 if provision is Provision.CREATED else noop
    return Response(status, body, (JSON, (b"s2-provision-result", provision.value.encode())))


def failure(error: Exception, request: Request) -> Response:
    """Return the answer for an exception of a request: that of a refusal, or else a 500, with a traceback logged."""
    match error:
        case ServiceError(code="unsupported_encoding"):
            return refusal(error, _CODINGS)
        case ServiceError() if request.grant.prefix:
            shown = error.message.replace(repr(request.name), repr(request.grant.shown(request.name)))
            return refusal(ServiceError(error.code, shown))
        case ServiceError():
            return refusal(error)
        case Malformed(code=code, message=message):
            return refusal(ServiceError(code, message))
        case StateMismatch():
            return Response(error.status, json_codec.encode(error.body))
    log.error("unexpected failure of %s", request.operation, exc_info=error)
    return refusal(ServiceError("other", f"{type(error).__name__}: see the server's log"))


def refusal(error: ServiceError, *headers: tuple[bytes, bytes]) -> Response:
    """Return the answer with the error's code and message."""
    body = json_codec.encode_error(error.code, error.message)
    return Response(error.status, body, (JSON, *headers))
