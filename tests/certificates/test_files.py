"""Certificates as files: what is read back, and what is refused with a clear word."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fencepost.harness import certificates, store
from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.history import History
from fencepost.harness.history.reader import read_history
from fencepost.harness.judge import judge
from fencepost.harness.verdict import CheckResult, Validity, Verdict
from fencepost.testing import append, check_tail, jsonl, read

OPS = (
    append(0, 1, 2, "a b", ack=0),
    append(0, 3, 4, "c", ack=(2, 3)),
    check_tail(1, 3, 5, 2),
    read(1, 6, 7, 0, saw="a b c"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_bytes(jsonl(*OPS))
    return path


@pytest.fixture
def proof(tmp_path: Path, file: Path) -> Path:
    path = tmp_path / "proof.zip"
    history = read_history(file)
    assert certificates.prove(path, store.identity(file), history, judge(history)).verified
    return path


def verify(file: Path, proof: Path) -> tuple[str, ...]:
    return certificates.verify(read_history(file), store.identity(file), certificates.read(proof)).failures


def rewritten(proof: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The certificate with its members changed."""
    with zipfile.ZipFile(proof) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(proof, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return proof


STATEMENT, ORDER = "linearizability/statement.json", "linearizability/order.npy"


def saved(*values: int, dtype: str = "i4") -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(values, dtype=dtype))
    return file.getvalue()


def stated(**changes: object) -> Callable[[dict[str, bytes]], None]:
    """A change of what is claimed of the only stream."""

    def change(members: dict[str, bytes]) -> None:
        statement = json.loads(members[STATEMENT])
        statement["streams"][0].update(changes)
        members[STATEMENT] = json.dumps(statement).encode()

    return change


def test_a_certificate_is_what_the_documentation_says(proof: Path, file: Path) -> None:
    with np.load(proof) as members:
        assert json.loads(members["certificate.json"]) == {
            "format": 2,
            "history": {"file": "history.jsonl", "sha256": store.identity(file)["sha256"], "failures": "any"},
            "checkers": {"linearizability": "valid"},
        }
        assert members[ORDER.removesuffix(".npy")].tolist() == [0, 2, 1, 3]
        assert members["linearizability/second"].tolist() == [0]
        (stream,) = json.loads(members[STATEMENT])["streams"]
    assert stream["moments"] == [0, 4]
    assert stream["token"] is None


def test_a_certificate_verifies_and_one_that_was_tampered_with_does_not(proof: Path, file: Path) -> None:
    assert verify(file, proof) == ()
    rewritten(proof, lambda members: members.update({ORDER: saved(0, 1, 2, 3)}))
    (failure,) = verify(file, proof)
    assert failure == (
        "linearizability: stream s is not valid by this proof: check-tail #2 told another tail than there was"
    )


@pytest.mark.parametrize(
    "claimed",
    [{"validity": "invalid"}, {"validity": "unknown"}, {"stream": "t"}, {"token": "x"}, {"latest": [[0, -1]]}],
)
def test_another_claim_does_not_verify(proof: Path, file: Path, claimed: dict[str, str]) -> None:
    assert verify(file, rewritten(proof, stated(**claimed)))


def _drop(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.pop(name) and None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_drop("certificate.json"), "is no certificate, or a damaged one"),
        (_drop(STATEMENT), "'statement.json' is missing"),
        (_drop(ORDER), "'order.npy' is missing"),
        (lambda m: m.update({STATEMENT: b"[]"}), "not of the documented form"),
        (lambda m: m.update({STATEMENT: b"{"}), "not of the documented form"),
        (lambda m: m.update({STATEMENT: b'{"format":1}'}), "has the format 1"),
        (lambda m: m.update({ORDER: b"numbers"}), "not of the documented form"),
        (lambda m: m.update({ORDER: saved(0, 2, 1, 9)}), "names operation 9, which the history does not hold"),
        (lambda m: m.update({ORDER: saved(0, 2, 1, -1)}), "names operation -1"),
        (lambda m: m.update({ORDER: saved(0, 2, dtype="f8")}), "is no list of integers"),
        (lambda m: m.update({ORDER: saved(*[0] * 99)}), "99 moments, and 1 bytes of marks"),
        (stated(moments=[0, 5]), "are not among the 4"),
        (stated(moments="all"), "not of the documented form"),
        (stated(violations=[{"anomaly": "bad-ack"}]), "required field `operations`"),
        (stated(reasons=None), "not of the documented form"),
        (stated(validity="fine"), "'fine'"),
        (lambda m: m.update({"certificate.json": b'{"format":9,"history":{},"checkers":{}}'}), "has the format 9"),
        (lambda m: m.update({"certificate.json": b'{"format":2}'}), "is no certificate"),
    ],
)
def test_damage_is_told(proof: Path, file: Path, change: Callable[[dict[str, bytes]], None], why: str) -> None:
    with pytest.raises(UsageFailure, match="proof.zip.*" + why):
        verify(file, rewritten(proof, change))


def test_a_file_that_is_cut_or_missing_or_something_else_is_told(proof: Path, file: Path, tmp_path: Path) -> None:
    content = proof.read_bytes()
    for length in range(0, len(content), 97):
        proof.write_bytes(content[:length])
        with pytest.raises(UsageFailure, match="is no certificate, or a damaged one"):
            certificates.read(proof)
    with pytest.raises(UsageFailure, match="does not exist; fencepost run writes one"):
        certificates.read(tmp_path / "nothing.zip")
    with pytest.raises(UsageFailure, match="cannot be read"):
        certificates.read(tmp_path)


# Before, a few kilobytes could unfold into all of the memory.
def test_a_certificate_that_is_larger_than_its_file_is_refused(proof: Path) -> None:
    with zipfile.ZipFile(proof) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(proof, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UsageFailure, match="a part is compressed"):
        certificates.read(proof)
    rewritten_many(proof, members)
    with pytest.raises(UsageFailure, match=r"larger than the whole file|[Oo]verlap"):
        certificates.read(proof)


def rewritten_many(proof: Path, members: dict[str, bytes]) -> None:
    """A certificate whose directory names one part a thousand times."""
    with zipfile.ZipFile(proof, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("linearizability/much", bytes(100_000))
        (much,) = [info for info in archive.infolist() if info.filename.endswith("much")]
        for number in range(1000):
            again = copy(much)
            again.filename = f"linearizability/much-{number}"
            archive.filelist.append(again)
        archive._didModify = True  # type: ignore[attr-defined]


def test_the_certificate_of_another_history_is_refused(proof: Path, file: Path) -> None:
    file.write_bytes(jsonl(*OPS[:3]))
    with pytest.raises(UsageFailure, match="is the certificate of another history"):
        verify(file, proof)


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["cert-false-invalid", "cert-vacuous"])
def test_the_old_format_is_refused_with_a_word_on_what_writes_the_new_one(name: str) -> None:
    with pytest.raises(UsageFailure, match=r"has the format 1.*fencepost check --certificate FILE"):
        certificates.read(GOLDEN / f"{name}.zip")


def test_a_certificate_without_any_checker_proves_nothing(proof: Path, file: Path) -> None:
    def without(members: dict[str, bytes]) -> None:
        header = json.loads(members["certificate.json"])
        members["certificate.json"] = json.dumps(header | {"checkers": {}}).encode()

    assert verify(file, rewritten(proof, without)) == ("it holds no checker's proof",)


def test_a_certificate_that_nobody_verifies_is_refused(proof: Path, file: Path) -> None:
    def stranger(members: dict[str, bytes]) -> None:
        header = json.loads(members["certificate.json"])
        members["certificate.json"] = json.dumps(header | {"checkers": {"stranger": "valid"}}).encode()

    with pytest.raises(UsageFailure, match="no verifier is called 'stranger'"):
        verify(file, rewritten(proof, stranger))


def test_nothing_is_left_of_a_certificate_that_cannot_be_written(tmp_path: Path, file: Path) -> None:
    history = read_history(file)
    with pytest.raises(FileNotFoundError, match="proof"):
        certificates.prove(tmp_path / "no" / "proof.zip", store.identity(file), history, judge(history))
    silent = Verdict(Validity.VALID, {"silent": CheckResult(Validity.VALID)})
    with pytest.raises(UsageFailure, match="no checker has a certificate"):
        certificates.prove(tmp_path / "proof.zip", store.identity(file), history, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]


def test_operations_are_named_by_their_ids(tmp_path: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"op":', b'"op":7'))
    history: History = read_history(file)
    assert history.id.tolist() == [70, 71, 72, 73]
    path = tmp_path / "proof.zip"
    assert certificates.prove(path, store.identity(file), history, judge(history)).verified
    with np.load(path) as members:
        assert members[ORDER.removesuffix(".npy")].tolist() == [70, 72, 71, 73]
    large = replace(history, id=history.id + 2**40)
    assert certificates.prove(path, store.identity(file), large, judge(large)).verified
