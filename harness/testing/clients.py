"""What every :class:`fencepost.StreamClient` must do: a suite for clients of your own.

::

    @asynccontextmanager
    async def subject():
        async with my_server() as server:
            yield Subject(connect=lambda: MyClient(server.url), stream="fresh")

    @pytest.mark.parametrize("check", CLIENT_CHECKS, ids=lambda check: check.__name__)
    async def test_my_client(check):
        await run_check(check, subject)

Each check gets a stream that exists and holds nothing, in a basin that creates none by itself. A client that breaks the
contract makes it raise :class:`ContractBroken`, an AssertionError.
"""

from __future__ import annotations

import asyncio
from typing import Final

from . import client_sessions, client_unary
from .client_subject import Check, ContractBroken, Subject, Subjects

TIME_LIMIT: Final = 20.0
"""Seconds after which a check has failed."""

UNARY_CHECKS: Final = client_unary.CHECKS
"""For every client, those without sessions included."""

SESSION_CHECKS: Final = client_sessions.CHECKS
"""For clients that have append sessions and read sessions."""

CLIENT_CHECKS: Final[tuple[Check, ...]] = (*UNARY_CHECKS, *SESSION_CHECKS)
"""The whole contract."""

__all__ = [
    "CLIENT_CHECKS",
    "SESSION_CHECKS",
    "UNARY_CHECKS",
    "Check",
    "ContractBroken",
    "Subject",
    "Subjects",
    "run_check",
    "run_checks",
]


async def run_check(check: Check, subjects: Subjects) -> None:
    """Run one check against a new subject. Raises ContractBroken, or TimeoutError where the client hangs."""
    async with subjects() as subject:
        try:
            async with asyncio.timeout(TIME_LIMIT):
                await check(subject)
        finally:
            for client in subject.made:
                await client.aclose()


async def run_checks(subjects: Subjects) -> None:
    """Run every check, one after another. Raises as :func:`run_check` does, at the first that fails."""
    for check in CLIENT_CHECKS:
        await run_check(check, subjects)
