"""What every group of operations has at hand."""

from __future__ import annotations

from ...s2.errors import Malformed
from ..errors import ServiceError
from ..metrics import Metrics
from ..request import Request
from ..service import Service
from ..values import StreamConfig
from ..wire_config import decode_ensure_stream


class Endpoints:
    """A group of operations: its methods with an :func:`~..routing.operation` row."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics


def config_to_make(request: Request) -> StreamConfig | None:
    """Return the configuration of the stream if the request makes it, from ``s2-stream-config``.

    Raise ServiceError ``bad_header`` if it is none.
    """
    value = request.raw(b"s2-stream-config")
    if value is None:
        return None
    try:
        return decode_ensure_stream(value)
    except (Malformed, ServiceError) as error:
        raise ServiceError("bad_header", f"s2-stream-config: {error.message}") from error
