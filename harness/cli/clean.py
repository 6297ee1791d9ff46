"""``fencepost clean``: removes the streams that runs left on an endpoint."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from .output import complain, say, warn_of_short_token

if TYPE_CHECKING:
    from ..targets.endpoint import Endpoint

_EPILOG = """\b
Examples:
  fencepost clean --target http://localhost:4566 --basin my-basin
  fencepost clean --target http://localhost:4566 --basin my-basin --prefix fencepost-20260101t120000-a1b2c3- --yes

A run removes its streams itself. It leaves them only where it was interrupted twice, killed, told to --keep them, or
the endpoint refused. The default prefix is that of all runs, those included that are still going on.

Exit codes: 0 the streams were removed, or there were none; 2 you chose to leave them; 254 usage; 255 some may be left.
"""


@click.command(epilog=_EPILOG)
@click.option("--target", "url", required=True, metavar="URL", help="The S2 endpoint.")
@click.option("--basin", required=True, metavar="NAME", help="The basin of the streams.")
@click.option("--prefix", metavar="PREFIX", help="What the names begin with.  [default: fencepost-]")
@click.option("--token-env", metavar="VAR", help="The environment variable that holds the bearer token.")
@click.option(
    "--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="PEM file of the certificates to trust."
)
@click.option("--proxy", metavar="URL", help="An HTTP proxy to the endpoint.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds that a request may take.",
)
@click.option("--yes", is_flag=True, help="Remove them without asking.")
def command(prefix: str | None, timeout: float, yes: bool, **given: Any) -> ExitCode:
    """List the streams whose names begin with the prefix, ask, and remove them."""
    from ..targets.endpoint import PREFIX, Endpoint
    from ..targets.options import resolve
    from ..targets.target import TargetFailure, TargetOptions
    from ..world.world import real_world

    prefix = PREFIX if prefix is None else prefix
    if not prefix:
        raise UsageFailure("--prefix is empty, which would mean every stream of the basin; give the names' beginning")
    own = resolve("endpoint", Endpoint.options, {name.replace("_", "-"): value for name, value in given.items()})
    warn_of_short_token(given["token_env"])
    endpoint = Endpoint(TargetOptions(folder=Path(), run_id="", timeout=timeout, own=own, world=real_world(0)))
    try:
        names = asyncio.run(endpoint.leftovers(prefix))
        if not names:
            say(f"no stream of the basin {given['basin']} begins with {prefix}")
            return ExitCode.VALID
        for name in names:
            say(name)
        if not (yes or _confirmed(len(names))):
            say("nothing was removed", err=True)
            return ExitCode.UNKNOWN
        asyncio.run(_remove(endpoint, names, prefix))
    except TargetFailure as failure:
        complain(str(failure))
        return ExitCode.CRASH
    say(f"removed: {len(names):,}")
    return ExitCode.VALID


async def _remove(endpoint: Endpoint, names: list[str], prefix: str) -> None:
    from ..interrupts import cancelling

    with cancelling():
        await endpoint.remove(names, prefix)


def _confirmed(number: int) -> bool:
    """Ask on the terminal. Raises UsageFailure where there is none: what cannot be undone is never done unasked."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageFailure("nothing was removed: standard input is no terminal to ask on; give --yes")
    return click.confirm(f"Remove {'this stream' if number == 1 else f'these {number:,} streams'}?", err=True)
