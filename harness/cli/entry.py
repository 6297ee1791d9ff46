"""Entry point of the command line: loads one subcommand, and turns every way to end into an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NoReturn

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from ..signals import end_like_ctrl_c
from .output import complain, say

COMMANDS: Final = {
    "serve": "run the bundled reference stream server",
    "run": "race workloads against a target, judge and draw what happened",
    "check": "judge stored histories",
    "explain": "explain what is wrong with a stored history",
    "verify": "re-check the proofs of stored verdicts",
    "plot": "draw the pictures of a stored history",
    "convert": "write a history in another format",
    "validate": "list what is wrong with a history file, and what a checker could decide",
    "conform": "test whether an endpoint keeps each clause of the semantics",
    "clean": "remove the streams that runs left on an endpoint",
    "runs": "list the stored runs",
    "repro": "tell the story of a known bug from start to end",
    "workloads": "list what clients can do",
    "targets": "list what can be tested, with its options",
    "faults": "list the faults that a run can inject",
    "bugs": "list the bugs that can be planted in the reference server",
    "anomalies": "list the anomalies that can be found",
}


class LazyGroup(click.Group):
    """A group that imports its subcommands on demand.

    The command ``x`` is the object ``command`` of the module ``x`` beside this one.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand of that name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f".{cmd_name}", __package__).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 valid, 1 invalid, 2 unknown, 254 usage, 255 crash.",
)
@click.version_option(package_name="fencepost", prog_name="fencepost", message="%(prog)s %(version)s")
def command() -> None:
    """A correctness test harness for durable streams with conditional appends.

    \b
    Examples:
      fencepost run fenced                            against the bundled server
      fencepost run fenced --bug stale-fence-cache    plant a bug, see it caught
      fencepost run regular --target http://localhost:4566 --basin my-basin
      fencepost check results/latest                  judge a stored history again

    Shell completion: eval "$(_FENCEPOST_COMPLETE=bash_source fencepost)" (or zsh_source, fish_source).
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of :class:`ExitCode` that says how it ended."""
    _open_standard_streams()
    sinks = _outlive_readers()
    end_like_ctrl_c()
    code = run(arguments)
    failure = sinks["stdout"].failure if "stdout" in sinks else None
    if failure is not None:
        complain(f"standard output could not be written: {failure.strerror}; what was printed there is incomplete")
        code = ExitCode.CRASH
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = command.main(args=arguments, prog_name="fencepost", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        for line in shown.getvalue().rstrip("\n").split("\n"):
            say(line, err=True)
        return ExitCode.USAGE
    except UsageFailure as failure:
        complain(str(failure))
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return ExitCode.UNKNOWN
    except Exception:
        import traceback

        complain(traceback.format_exc())
        complain("fencepost itself crashed: this is not a verdict")
        return ExitCode.CRASH
    return code if isinstance(code, int) else ExitCode.VALID


class _Sink(io.FileIO):
    """A standard stream that takes everything, so that printing never ends a run.

    A reader that went away must not change the exit code of a verdict. Any other failure, such as a full disk, is kept
    in ``failure``.
    """

    failure: OSError | None = None

    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except BrokenPipeError:
            pass
        except OSError as error:
            self.failure = error
        return len(data)


def _open_standard_streams() -> None:
    """Open the null device for each standard stream that the parent closed, or a file of ours might get its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True))


def _outlive_readers() -> dict[str, _Sink]:
    """Put sinks in the place of the standard streams that are not terminals; return them by name."""
    sinks = {}
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.flush()
            sink = sinks[name] = _Sink(descriptor, "w", closefd=False)
            raw = io.BufferedWriter(sink)  # type: ignore[type-var]
            setattr(sys, name, io.TextIOWrapper(raw, stream.encoding, "backslashreplace", line_buffering=True))
    return sinks
