"""Runs the conformance suite against a local s2-lite: ``make conform-s2-lite``.

Fails unless the clauses that s2-lite violates are those that docs/conformance.md lists.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.server.processes import wait_until

from .processes import verdicts

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"


def known() -> set[str]:
    """Return the clauses in the table of differences."""
    _, _, section = DOCUMENT.read_text().partition("\n## s2-lite\n")
    return set(re.findall(r"^\| ([A-Z]\d+) \|", section, re.MULTILINE))


def main(arguments: list[str]) -> int:
    """Run it and return an exit code."""
    command = os.environ.get("S2_LITE") or shutil.which("s2")
    if command is None:
        print("there is no s2 command: install it (cargo install s2-cli) or name it by S2_LITE", file=sys.stderr)
        return 254
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        log = Path(folder) / "log"
        with log.open("wb") as output:
            server = subprocess.Popen([command, "lite", "--port", str(port)], stdout=output, stderr=output)
        try:
            wait_until(listens, "s2-lite listens")
            conform = [sys.executable, "-m", "fencepost", "conform", "--target", f"http://127.0.0.1:{port}"]
            done = subprocess.run([*conform, "--rate", "0", "--json", str(report), *arguments], check=False)
        finally:
            server.terminate()
            server.wait(30)
        if not report.exists():
            return done.returncode
        found = {clause for clause, verdict in verdicts(report).items() if verdict != "conforms"}
    new, gone = sorted(found - known()), sorted(known() - found)
    if done.returncode in (0, 1) and not arguments and (new or gone):
        print(f"docs/conformance.md is out of date: not in its table: {new}; no longer so: {gone}", file=sys.stderr)
        return 1
    return 0 if done.returncode in (0, 1) and not new else done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
