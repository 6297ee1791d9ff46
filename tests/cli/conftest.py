"""The command, and histories for it to judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost.testing import append, check_tail, jsonl, read
from tests.run import doubles
from tests.run.conftest import installed, script  # noqa: F401 (fixtures)

from .invoking import fencepost, inside  # noqa: F401 (a fixture)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where the doubles are installed, for a process of its own."""
    return doubles.register(tmp_path / "site-of-doubles")


VALID = jsonl(append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 2), read(1, 5, 6, 0, saw="a b"))
INVALID = jsonl(append(0, 1, 2, "a b", ack=0), check_tail(1, 3, 4, 0), read(1, 5, 6, 0, saw="a b"))
UNKNOWN = jsonl(append(0, 1, None, "a b"))


@pytest.fixture
def histories(tmp_path: Path) -> dict[str, Path]:
    """A valid, an invalid and an undecided history, and some that are none."""
    contents: dict[str, bytes] = {
        "valid": VALID,
        "invalid": INVALID,
        "unknown": UNKNOWN,
        "empty": b"",
        "malformed": VALID.replace(b'"type":"ack"', b'"type":"ick"'),
        "cut": VALID.rstrip()[:-5],
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(content)
    return paths


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a short real run was stored: ``results/latest``."""
    folder = tmp_path_factory.mktemp("stored")
    limits = "--time-limit", "1", "--rate", "200"
    done = fencepost("run", "regular", *limits, "--seed", "11", "--no-plots", "--json", cwd=folder)
    assert done.returncode in (0, 2), done.stderr
    (folder / "said").write_text(done.stdout)
    (folder / "told").write_text(done.stderr)
    return folder
