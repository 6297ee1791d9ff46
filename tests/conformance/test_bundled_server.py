"""The bundled server conforms, and with each seeded bug it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost.harness.server.bugs import BUGS, Bug

from .processes import conform, serving, verdicts


def test_the_bundled_server_conforms(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as url:
        ran = conform(tmp_path / "run", "--target", url, "--rate", "0", "--json", str(tmp_path / "all.json"))
    assert ran.code == 0, ran.output
    found = verdicts(tmp_path / "all.json")
    assert len(found) > 30
    assert set(found.values()) <= {"conforms", "not offered"}, ran.output


@pytest.mark.parametrize("bug", [bug for bug in BUGS.values() if bug.clause], ids=lambda bug: bug.name)
def test_a_seeded_bug_violates_its_clause(bug: Bug, tmp_path: Path) -> None:
    with serving(tmp_path / "server", "--bug", bug.name) as url:
        ran = conform(tmp_path / "run", "--target", url, "--rate", "0", "--clause", bug.clause)
    assert ran.code == 1, ran.output
    assert f"{bug.clause:<4} violated" in ran.output
