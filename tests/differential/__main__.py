"""Compare fencepost's verdicts with s2-porcupine's on many small histories: ``make differential``.

Ends with 1, and writes the history to a file, if a difference falls under no rule. Ends with 1, and says why, if Go or
a module is missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from textwrap import fill

from tests.differential.comparison import NOTHING_OBSERVED, WHY_NOTHING_OBSERVED, Compared, Form, Judged, judged
from tests.differential.opinion import Genuine, NoOpinion, second_opinion
from tests.differential.rules import RULES
from tests.differential.stories import stories

BUILD = Path("build/differential")
UNEXPLAINED = BUILD / "unexplained.txt"
SHOWN = 3


def main(arguments: list[str] | None = None) -> int:
    """The command; the exit code is returned."""
    parser = argparse.ArgumentParser(prog="make differential", description=__doc__)
    parser.add_argument("--number", type=int, default=6000, help="how many histories (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first (default: %(default)s)")
    given = parser.parse_args(arguments)
    BUILD.mkdir(parents=True, exist_ok=True)
    UNEXPLAINED.unlink(missing_ok=True)
    try:
        opinion = second_opinion(BUILD, network=True)
        begun = time.monotonic()
        found = list(judged(stories(given.number, given.seed), opinion))
    except NoOpinion as reason:
        print(f"no second opinion: {reason}", file=sys.stderr)
        return 1
    who = f"the genuine s2-porcupine ({opinion.program})" if isinstance(opinion, Genuine) else "s2-porcupine's model"
    last = given.seed + given.number - 1
    print(f"{len(found)} histories (seeds {given.seed} to {last}), fencepost against {who}\n")
    print(table(found))
    print(f"\n{time.monotonic() - begun:.0f} s")
    return _unexplained([each for each in found if not all(one.explained for one in each.compared)])


def table(found: list[Judged]) -> str:
    """How often they agreed, and how often which rules were behind a difference, with what the rules say."""
    lines = []
    for form in Form:
        counted = Counter(_row(one) for each in found for one in each.compared if one.form is form)
        agreed = sum(number for (_, _, why), number in counted.items() if not why)
        lines += ["| " + form + " | s2-porcupine | because of | histories |", "|---|---|---|---:|"]
        lines += [
            f"| {ours} | {theirs} | {why} | {number} |" for (ours, theirs, why), number in sorted(counted.items())
        ]
        lines += [f"| | | agree | {agreed} |", f"| | | differ | {len(found) - agreed} |", ""]
    used = {name for each in found for one in each.compared for name in one.because or ()}
    whys = {rule.name: rule.why for rule in RULES} | {NOTHING_OBSERVED: WHY_NOTHING_OBSERVED}
    lines += [fill(f"{name}: {why}", 100, subsequent_indent="  ") for name, why in whys.items() if name in used]
    return "\n".join(lines)


def _row(one: Compared) -> tuple[str, str, str]:
    why = "" if one.agree else "NO RULE" if one.because is None else " + ".join(one.because)
    return one.ours, one.theirs, why


def _unexplained(found: list[Judged]) -> int:
    if not found:
        return 0
    UNEXPLAINED.write_text("\n\n".join(map(str, found)), encoding="utf-8")
    print(f"\n{len(found)} histories differ by no rule; all are in {UNEXPLAINED}, the first of them:\n")
    print("\n\n".join(map(str, found[:SHOWN])))
    return 1


if __name__ == "__main__":
    sys.exit(main())
