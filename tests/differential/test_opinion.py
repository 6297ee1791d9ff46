"""Whoever gives the second opinion: ours, the genuine program, and nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fencepost.harness.verdict import Validity
from tests.differential.opinion import GENUINE, SOURCE, Genuine, NoOpinion, Opinion, second_opinion

GOOD = b"""{"event":{"Start":"CheckTail"},"client_id":1,"op_id":0}
{"event":{"Finish":{"CheckTailSuccess":{"tail":0}}},"client_id":1,"op_id":0}
"""
BAD = GOOD.replace(b'"tail":0', b'"tail":1')


def test_each_document_gets_its_own_verdict(opinion: Opinion) -> None:
    assert opinion.on([GOOD, BAD, BAD.rstrip(), b"", GOOD]) == [
        Validity.VALID,
        Validity.INVALID,
        Validity.INVALID,
        Validity.VALID,
        Validity.VALID,
    ]


def test_what_cannot_be_read_is_no_verdict(opinion: Opinion) -> None:
    with pytest.raises(NoOpinion, match="cannot be read"):
        opinion.on([GOOD, b"{\n"])


def test_the_program_passes_its_own_tests(opinion: Opinion) -> None:
    if isinstance(opinion, Genuine):
        pytest.skip("the genuine program is asked")
    offline = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(["go", "test", "."], cwd=SOURCE, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def genuine(folder: Path, script: str) -> Path:
    """A program that behaves like the genuine one, as the script says."""
    program = folder / "s2-porcupine"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_the_genuine_program_is_asked_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """test "$1 $2" = "-file -" || exit 9
mkdir -p porcupine-outputs && echo > porcupine-outputs/stdin-1.html
if grep -q '"tail":1'; then echo '"failed: is NOT linearizable"' >&2; exit 1; fi"""
    monkeypatch.setenv(GENUINE, str(genuine(tmp_path, script)))
    asked = second_opinion(tmp_path, network=False)
    assert isinstance(asked, Genuine)
    assert asked.on([GOOD, BAD, GOOD]) == [Validity.VALID, Validity.INVALID, Validity.VALID]


def test_a_failure_of_the_genuine_program_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(NoOpinion, match="failed to decode"):
        Genuine(genuine(tmp_path, "echo failed to decode history >&2; exit 1")).on([GOOD])


def test_a_genuine_program_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GENUINE, str(tmp_path / "none"))
    with pytest.raises(NoOpinion, match="S2_PORCUPINE names"):
        second_opinion(tmp_path, network=False)


def test_without_go_there_is_none_and_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GENUINE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoOpinion, match="no Go"):
        second_opinion(tmp_path, network=False)


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go here")
def test_without_its_modules_there_is_none_and_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GENUINE, raising=False)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path))
    with pytest.raises(NoOpinion, match="porcupine"):
        second_opinion(tmp_path, network=False)
