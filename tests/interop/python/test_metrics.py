"""Metrics of accounts, basins and streams are not offered, and the server says so in a way that clients understand."""

from __future__ import annotations

from clients import refused
from s2_sdk import S2, AccountMetricSet, BasinMetricSet, StreamMetricSet


async def test_metrics_are_not_implemented(s2: S2) -> None:
    for request in (
        lambda: s2.account_metrics(set=AccountMetricSet.ACTIVE_BASINS, start=0, end=60),
        lambda: s2.basin_metrics("some-basin", set=BasinMetricSet.STORAGE, start=0, end=60),
        lambda: s2.stream_metrics("some-basin", "stream", set=StreamMetricSet.STORAGE, start=0, end=60),
    ):
        with refused(501, "not_implemented"):
            await request()
