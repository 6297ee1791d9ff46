"""``fencepost run``: races workloads against a target, judges and draws what happened."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from ..exits import ExitCode, worst
from ..failure import UsageFailure
from ..options import DEFAULT_TIME_LIMIT, RunOptions
from .budget import budget_of, budgeted
from .output import complain, say, say_all, warn_of_short_token
from .watching import reporter

SHORTCUTS: Final = {
    "--target": "url",
    "--basin": "basin",
    "--token-env": "token-env",
    "--ca-bundle": "ca-bundle",
    "--proxy": "proxy",
    "--bug": "bug",
}
"""Options of this command that give an option of the target's own, and that option's name."""

_EPILOG = """\b
Examples:
  fencepost run regular match-seq-num fenced
  fencepost run fenced --faults kill --time-limit 30 --seed 7
  fencepost run fenced --bug stale-fence-cache --expect stale-token-write
  fencepost run regular --target-kind mine --target-option port=9000
  S2_TOKEN=… fencepost run regular --target https://b.example.com --basin my-basin --token-env S2_TOKEN

A seed makes every random choice repeatable: each client asks for the same operations in the same order, for as long
as it gets the same answers. With --clients 1 two runs of one seed send the same requests, but for stream names and
timestamps. Which of several clients comes first is up to the machine.

Press Ctrl-C to end the clients; what was recorded is judged. Press it again to stop that as well. Workloads that have
not begun by then do not run, which counts as unknown.

Exit codes: 0 valid, 1 invalid, 2 unknown, 254 usage, 255 crash; the worst of several runs. With --expect: 0 if every
run showed that anomaly, 1 if one did not.
"""


@click.command(epilog=_EPILOG)
@click.argument("workloads", nargs=-1, required=True, metavar="WORKLOAD…")
@click.option("--target", "url", metavar="URL", help="An S2 endpoint to test, instead of the bundled server.")
@click.option("--target-kind", "kind", metavar="NAME", help="Name of a registered target (see: fencepost targets).")
@click.option(
    "--target-option",
    "own",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of the target (see: fencepost targets). Repeatable.",
)
@click.option("--basin", metavar="NAME", help="The endpoint's basin. The run touches only streams that it made.")
@click.option("--token-env", metavar="VAR", help="The environment variable that holds the bearer token.")
@click.option("--clients", default=10, show_default=True, help="Clients that run at the same time.")
@click.option("--client", default="httpx", show_default=True, metavar="NAME", help="Name of a registered client.")
@click.option("--time-limit", type=float, help=f"Seconds.  [default: {DEFAULT_TIME_LIMIT:g}, or none with --ops]")
@click.option("--ops", type=int, help="Stop after this many operations.")
@click.option("--rate", type=float, help="Operations per second in an open loop.  [default: as fast as possible]")
@click.option(
    "--seed", type=int, help="Makes random choices repeatable (see below).  [default: random; it is printed and stored]"
)
@click.option("--streams", default=1, show_default=True, help="Streams to spread the clients over.")
@click.option("--bug", multiple=True, metavar="NAME", help="Plant a bug (see: fencepost bugs). Repeatable.")
@click.option("--faults", metavar="NAME,…", default="", help="Faults to inject (see: fencepost faults).")
@click.option("--expect", metavar="ANOMALY", help="Succeed only if this is found (see: fencepost anomalies).")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds that an operation may take.")
@click.option(
    "--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="PEM file of the certificates to trust."
)
@click.option("--proxy", metavar="URL", help="An HTTP proxy to the endpoint.")
@budgeted
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option("--keep", is_flag=True, help="Leave the run's streams (or the server's journal) in place.")
@click.option("--svg", is_flag=True, help="Draw SVG pictures as well as PNG.")
@click.option("--no-plots", is_flag=True, help="Draw nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run on standard output.")
def command(workloads: tuple[str, ...], as_json: bool, expect: str | None, **given: Any) -> ExitCode:
    """Race WORKLOAD against a target, record every operation, judge the history and draw it.

    History, verdict and pictures are stored in results/WORKLOAD/TIME-SEED/.
    """
    from ..run import check_names

    _check_expected(expect)
    options = _options(given, workloads[0])
    wanted = [replace(options, workload=workload) for workload in dict.fromkeys(workloads)]
    for each in wanted:
        check_names(each)
    warn_of_short_token(options.target_options.get("token-env"))
    codes = []
    for number, each in enumerate(wanted, 1):
        code, interrupted = _run(each, expect, as_json)
        codes.append(code)
        if interrupted and wanted[number:]:
            left = ", ".join(options.workload for options in wanted[number:])
            complain(f"interrupted; not run: {left}")
            codes.append(ExitCode.UNKNOWN)
            break
    return worst(codes)


def _options(given: dict[str, Any], workload: str) -> RunOptions:
    budget = budget_of(given)
    url, kind, operations, time_limit = given["url"], given["kind"], given["ops"], given["time_limit"]
    return RunOptions(
        workload=workload,
        seed=random.SystemRandom().randrange(2**31) if given["seed"] is None else given["seed"],
        results=given["results"],
        clients=given["clients"],
        time_limit=DEFAULT_TIME_LIMIT if time_limit is None and operations is None else time_limit,
        operations=operations,
        rate=given["rate"],
        streams=given["streams"],
        faults=tuple(name for name in given["faults"].split(",") if name),
        target=kind or ("reference" if url is None else "endpoint"),
        target_options=_target_options(given),
        client=given["client"],
        timeout=given["timeout"],
        keep=given["keep"],
        budget=budget,
        formats=() if given["no_plots"] else ("png", "svg") if given["svg"] else ("png",),
    )


def _target_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the target's own options by name. A shortcut such as --basin is the option of that name.

    An option given several times has a list of values. Raises UsageFailure.
    """
    values: dict[str, list[str]] = {}
    for flag, name in SHORTCUTS.items():
        value = given[name.replace("-", "_")]
        if value in (None, ()):
            continue
        if given["kind"] is None and given["url"] is None and name != "bug":
            raise UsageFailure(f"{flag} is of use only with --target URL")
        values[name] = list(value) if name == "bug" else [value]
    for text in given["own"]:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageFailure(f"--target-option {text}: must be NAME=VALUE (see: fencepost targets)")
        values.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def _check_expected(expect: str | None) -> None:
    from ..judge import anomalies

    if expect is not None and expect not in (names := [anomaly.name for anomaly in anomalies()]):
        raise UsageFailure(
            f"--expect {expect}: there is no anomaly of that name; there are: {', '.join(sorted(names))}"
        )


def _run(options: RunOptions, expect: str | None, as_json: bool) -> tuple[ExitCode, bool]:
    """Carry out one run; return its exit code and whether it was interrupted."""
    from ..report.summary import as_line, failed
    from ..run import RunFailure, execute

    with reporter(f"{options.workload}, seed {options.seed}", sys.stderr) as watcher:
        try:
            result = execute(options, watcher)
        except RunFailure as failure:
            complain(str(failure))
            if as_json:
                say(as_line(failed(failure.folder, str(failure), ExitCode.CRASH)))
            return ExitCode.CRASH, False
    if as_json:
        say(as_line(result.checked.as_dict()))
    else:
        say_all(result.checked.lines())
        say(str(result.folder))
    for complaint in (*result.complaints, *([result.crash] if result.crash else [])):
        complain(complaint)
    code = result.exit_code
    if expect is not None:
        code = _as_expected(code, expect, result.verdict.violations)
    return code, result.interrupted


def _as_expected(code: ExitCode, expect: str, violations: tuple[Any, ...]) -> ExitCode:
    if code is ExitCode.CRASH:
        return code
    found = any(expect in violation.names for violation in violations)
    say(f"expected {expect}: {'found' if found else 'NOT found'}", err=True)
    return ExitCode.VALID if found else ExitCode.INVALID
