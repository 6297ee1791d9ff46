"""Conformance suite of :class:`fencepost.StreamClient`, for your own clients.

::

    @asynccontextmanager
    async def subject():
        async with my_server() as server:
            yield Subject(connect=lambda: MyClient(server.url), stream="fresh")

    @pytest.mark.parametrize("check", CLIENT_CHECKS, ids=lambda check: check.__name__)
    async def test_my_client(check):
        await run_check(check, subject)

Each check needs an empty stream that exists, in a basin that does not create streams on demand. A check raises
:class:`ContractBroken`, an AssertionError, if the client breaks the contract.
"""

from __future__ import annotations

import asyncio
from typing import Final

from . import client_sessions, client_unary
from .client_subject import Check, ContractBroken, Subject, Subjects

TIME_LIMIT: Final = 20.0
"""Seconds after which a check fails."""

UNARY_CHECKS: Final = client_unary.CHECKS
"""The checks for every client, including clients without sessions."""

SESSION_CHECKS: Final = client_sessions.CHECKS
"""The checks for clients with append sessions and read sessions."""

CLIENT_CHECKS: Final[tuple[Check, ...]] = (*UNARY_CHECKS, *SESSION_CHECKS)
"""All checks of the contract."""

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
    """Run one check against a new subject. Raise ContractBroken if it fails, or TimeoutError if the client hangs."""
    async with subjects() as subject:
        try:
            async with asyncio.timeout(TIME_LIMIT):
                await check(subject)
        finally:
            for client in subject.made:
                await client.aclose()


async def run_checks(subjects: Subjects) -> None:
    """Run every check, one after another. Raise as :func:`run_check` does at the first failure."""
    for check in CLIENT_CHECKS:
        await run_check(check, subjects)
