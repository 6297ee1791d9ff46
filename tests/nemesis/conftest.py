"""Runs in memory, as in ``tests/run``."""

from tests.cli.invoking import inside  # noqa: F401 (a fixture)
from tests.run.conftest import installed, results, run, script  # noqa: F401 (fixtures)
