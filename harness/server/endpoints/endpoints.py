"""What every group of operations has at hand."""

from __future__ import annotations

from ..metrics import Metrics
from ..service import Service


class Endpoints:
    """A group of operations: its methods with an :func:`~..routing.operation` row."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics
