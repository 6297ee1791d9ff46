"""The log of a run: the messages of fencepost's loggers, in a file of the run's folder."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType


class RunLog(logging.FileHandler):
    """The log file of one run, open while its block runs. A failure to write the log does not end the run.

    ``error`` is then the reason. Raises OSError if the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self.error: OSError | None = None
        self._path = path

    def __enter__(self) -> None:
        logger = logging.getLogger("fencepost")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger = logging.getLogger("fencepost")
        if error is not None:
            logger.error("the run ended with an exception", exc_info=error)
        logger.removeHandler(self)
        try:
            self.close()
        except OSError as failure:
            self._note(failure)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Remember that a line could not be written. By default, logging would print a traceback for every line."""
        failure = sys.exc_info()[1]
        if isinstance(failure, OSError):
            self._note(failure)
        else:
            super().handleError(record)

    def _note(self, failure: OSError) -> None:
        self.error = self.error or OSError(failure.errno, failure.strerror, str(self._path))
