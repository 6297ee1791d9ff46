"""`fencepost serve` as a process, at an address that a client can be pointed at."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Self

START_SECONDS = 60.0
STOP_SECONDS = 30.0
FENCEPOST = os.environ.get("FENCEPOST", str(Path(__file__).parents[2] / ".venv/bin/fencepost"))
"""The command. `make interop` names the one of its own environment."""

ROOT_TOKEN = "the-root-token"


class Endpoint:
    """One server, in memory unless the options say otherwise. It must end without a traceback in its log."""

    def __init__(self, log: Path, *options: str) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [FENCEPOST, "serve", "--port", "0", *options],  # of two ports the last one counts
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | {"ROOT_TOKEN": ROOT_TOKEN},
            )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline().decode() if readable else ""
        if "http://" not in line:
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{log.read_text()}")
        self.url = line.split()[-1]
        """Such as ``http://127.0.0.1:4566``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let it finish what is in flight."""
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(STOP_SECONDS) == 0
        finally:
            self.kill()
        assert "Traceback" not in self._log.read_text()

    def kill(self) -> None:
        """Kill it, if it still runs."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
