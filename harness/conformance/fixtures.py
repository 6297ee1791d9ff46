"""The fixtures that cases ask for.

``service`` is the endpoint, ``basin`` the basin under test, ``stream`` a new stream of it, ``own_basin`` a new basin
that the case may configure. ``own_basin`` and ``basins`` exist only where the run may make basins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .place import Basins, Place
from .service import Service
from .stream import Basin, Stream


@pytest_asyncio.fixture(scope="session")
async def service(place: Place) -> AsyncIterator[Service]:
    """The endpoint."""
    service = place.service(until_interrupted=True)
    yield service
    await service.aclose()


@pytest.fixture(scope="session")
def basin(place: Place, service: Service) -> Basin:
    """The basin under test."""
    return Basin(service, place.basin, place.prefix)


@pytest_asyncio.fixture
async def stream(basin: Basin) -> Stream:
    """A new stream."""
    return await basin.created()


@pytest.fixture
def basins(place: Place, service: Service) -> Basins:
    """What makes basins. Skip the case where the run may not."""
    if not place.makes_basins:
        pytest.skip("it needs basins of its own, which a run with --basin does not make")
    return Basins(place, service)


@pytest_asyncio.fixture
async def own_basin(basins: Basins) -> Basin:
    """A new basin."""
    return await basins.created()
