"""``fencepost conform``: tests whether an endpoint keeps each clause of the semantics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from .output import complain, say, say_all, warn_of_short_token

if TYPE_CHECKING:
    from ..conformance.report import Report
    from ..conformance.settings import Settings

_EPILOG = """\b
Examples:
  fencepost conform --target http://127.0.0.1:4566
  fencepost conform --target http://127.0.0.1:4566 --basin my-basin --clause A4 --clause S2 --verbose
  S2_TOKEN=… fencepost conform --target https://b.example.com --basin my-basin --token-env S2_TOKEN --junit out.xml

Without --basin the run makes basins of its own. With it, it works in that basin, under a prefix of its own, and does
not try the few cases that need a basin. It removes what it made, also after Ctrl-C.

docs/conformance.md says what is tested, and how to add cases: pytest files, given as PATH.

Exit codes: 0 every clause that is offered conforms, 1 one is violated, 2 unknown (no answer, or interrupted),
254 usage, 255 the endpoint could not be used, or something may be left there.
"""


@click.command("conform", epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH…]", type=click.Path(exists=True, path_type=Path))
@click.option("--target", "url", required=True, metavar="URL", help="The S2 endpoint.")
@click.option("--basin", metavar="NAME", help="The basin to work in.  [default: new ones]")
@click.option("--token-env", metavar="VAR", help="The environment variable that holds the bearer token.")
@click.option(
    "--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="PEM file of the certificates to trust."
)
@click.option(
    "--clause", "clauses", multiple=True, metavar="NUMBER", help="Test this clause only, such as A4. Repeatable."
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=100.0,
    show_default=True,
    help="Requests per second, at most; 0: as fast as possible.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds that a request may take.",
)
@click.option("--verbose", is_flag=True, help="Show what was sent and what came back where all is well, too.")
@click.option(
    "--json", "as_json", type=click.Path(path_type=Path), metavar="FILE", help="Write everything to FILE as JSON."
)
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML to FILE.")
def command(as_json: Path | None, verbose: bool, **given: Any) -> ExitCode:
    """Test whether an endpoint keeps each clause of docs/semantics.md, and show what was sent and what came back.

    A clause is conforms, violated, unknown, not offered (501) or not tried.
    """
    try:
        from ..conformance.report import lines
        from ..conformance.running import run
    except ModuleNotFoundError as missing:
        raise UsageFailure(
            f"conform needs {missing.name}, which is not installed: pip install 'fencepost[conform]'"
        ) from None
    from ..targets.target import TargetFailure
    from ..world.world import real_world

    if as_json is not None and not as_json.parent.is_dir():
        raise UsageFailure(f"--json {as_json}: there is no folder {as_json.parent}")
    warn_of_short_token(given["token_env"])
    settings = _settings(given)
    try:
        report = run(settings, real_world(0))
    except TargetFailure as failure:
        complain(str(failure))
        return ExitCode.CRASH
    say(f"{report.target}, basin {report.basin}")
    say_all(lines(report, verbose=verbose))
    if report.interrupted:
        complain("interrupted: the other cases were not tried")
    if as_json is not None:
        _write(report, as_json)
    return report.exit_code


def _settings(given: dict[str, Any]) -> Settings:
    from ..bearer import bearer_token
    from ..client.endpoint import Endpoint
    from ..conformance.settings import Settings

    return Settings(
        endpoint=Endpoint.parse(given["url"]),
        basin=given["basin"],
        token=bearer_token(given["token_env"]),
        token_env=given["token_env"],
        ca_bundle=given["ca_bundle"],
        rate=given["rate"],
        timeout=given["timeout"],
        clauses=given["clauses"],
        paths=given["paths"],
        junit=given["junit"],
    )


def _write(report: Report, path: Path) -> None:
    try:
        path.write_text(report.as_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageFailure(f"--json {path}: {error.strerror}") from error
