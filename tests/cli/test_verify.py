"""``fencepost verify``, and the certificates that ``run`` and ``check`` write."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from .invoking import Inside


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Path:
    """A copy of a stored run, to damage."""
    return Path(shutil.copytree((stored / "results" / "latest").resolve(), tmp_path / "run"))


def test_a_run_is_stored_with_a_certificate_that_verifies(inside: Inside, run: Path) -> None:
    said = inside("verify", str(run))
    assert (said.code, said.err) == (0, "")
    assert "moments replayed" in said.out
    assert said.out.endswith(f"VERIFIED: {run}\n")


@pytest.mark.parametrize("name", ["valid", "invalid", "unknown", "cut"])
def test_check_writes_a_certificate_where_it_is_told(
    inside: Inside, histories: dict[str, Path], tmp_path: Path, name: str
) -> None:
    proof = tmp_path / "proof.zip"
    plain = inside("check", str(histories[name]))
    assert not proof.exists()
    said = inside("check", str(histories[name]), "--certificate", str(proof))
    assert (said.code, said.out) == (plain.code, plain.out)
    again = inside("verify", str(histories[name]), "--certificate", str(proof))
    assert (again.code, again.err) == (0, "")


def test_a_verdict_that_its_certificate_does_not_bear_out_is_a_crash(inside: Inside, run: Path) -> None:
    verdict = json.loads((run / "verdict.json").read_bytes())
    told = verdict["checkers"]["linearizability"]["validity"]
    verdict["checkers"]["linearizability"]["validity"] = "invalid"
    (run / "verdict.json").write_text(json.dumps(verdict))
    said = inside("verify", str(run))
    assert said.code == 255
    assert f"the stored verdict is invalid, and the certificate is of {told}" in said.err
    assert said.out.endswith(f"NOT VERIFIED: {run}\n")


def test_what_is_missing_or_of_another_history_is_bad_usage(
    inside: Inside, run: Path, histories: dict[str, Path]
) -> None:
    proof = str(run / "certificate.zip")
    for arguments, why in (
        ((str(histories["valid"]),), "name its certificate as well (--certificate FILE)"),
        ((str(histories["valid"]), "--certificate", proof), "is the certificate of another history"),
        ((str(run), str(run), "--certificate", proof), "name one RUN"),
        ((str(run / "nowhere"),), "does not exist"),
        ((str(run), "--certificate", str(run / "history.jsonl")), "is no certificate"),
    ):
        said = inside("verify", *arguments)
        assert (said.code, said.out) == (254, "")
        assert why in said.err
    (run / "certificate.zip").unlink()
    said = inside("verify", str(run))
    assert said.code == 254
    assert "certificate.zip does not exist" in said.err


def test_one_bad_run_does_not_keep_the_others_from_being_verified(inside: Inside, run: Path) -> None:
    said = inside("verify", str(run / "nowhere"), str(run))
    assert said.code == 254
    assert f"VERIFIED: {run}" in said.out


def test_a_certificate_is_of_one_history(inside: Inside, histories: dict[str, Path], tmp_path: Path) -> None:
    said = inside(
        "check", str(histories["valid"]), str(histories["invalid"]), "--certificate", str(tmp_path / "proof.zip")
    )
    assert said.code == 254
    assert "name one PATH" in said.err


GOLDEN = Path(__file__).parents[1] / "certificates" / "golden"
STATEMENT = "linearizability/statement.json"


@pytest.mark.parametrize(
    ("checkers", "claim", "why"),
    [
        (
            {"linearizability": "invalid"},
            {"validity": "invalid", "spent": {"ending": "exhausted"}},
            "an order explains",
        ),
        ({"linearizability": "unknown"}, {"validity": "unknown", "reasons": ["no idea"]}, "no search is named"),
        ({}, {"validity": "valid"}, "holds no checker's proof"),
    ],
)
def test_a_forged_certificate_is_not_verified(
    inside: Inside, tmp_path: Path, checkers: dict[str, str], claim: dict[str, object], why: str
) -> None:
    file, proof = GOLDEN / "cert-valid.jsonl", tmp_path / "proof.zip"
    assert inside("check", str(file), "--certificate", str(proof)).code == 0
    with zipfile.ZipFile(proof) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header, statement = (json.loads(members[name]) for name in ("certificate.json", STATEMENT))
    statement["streams"][0] = {**statement["streams"][0], **claim}
    members |= {"certificate.json": json.dumps(header | {"checkers": checkers}).encode()}
    members |= {STATEMENT: json.dumps(statement).encode()}
    with zipfile.ZipFile(proof, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    said = inside("verify", str(file), "--certificate", str(proof))
    assert (said.code, said.out) == (255, f"NOT VERIFIED: {file}\n")
    assert why in said.err


@pytest.mark.parametrize("name", ["cert-false-invalid", "cert-vacuous"])
def test_a_certificate_of_the_first_format_is_bad_input(inside: Inside, name: str) -> None:
    said = inside("verify", str(GOLDEN / "cert-valid.jsonl"), "--certificate", str(GOLDEN / f"{name}.zip"))
    assert said.code == 254
    assert "fencepost check --certificate FILE" in said.err
