"""``fencepost verify`` runs the kernel, and loads nothing of the checker that proposes to it or names what it finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fencepost.harness import certificates, store
from fencepost.harness.history.reader import read_history
from fencepost.harness.judge import judge

GOLDEN = Path(__file__).parent / "golden"

PROGRAM = """
import sys
from fencepost.harness.cli import main
try:
    main(["verify", sys.argv[1], "--certificate", sys.argv[2]])
except SystemExit as exit:
    assert not exit.code, exit.code
print(*(name for name in sys.modules if name.startswith("fencepost.checkers.")))
"""


@pytest.mark.parametrize("name", ["cert-valid", "cert-invalid"])
def test_verifying_loads_the_kernel_alone(tmp_path: Path, name: str) -> None:
    file, proof = GOLDEN / f"{name}.jsonl", tmp_path / "proof.zip"
    history = read_history(file)
    assert certificates.prove(proof, store.identity(file), history, judge(history)).verified
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file), str(proof)], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert "fencepost.checkers.kernel.verify" in loaded
    allowed = ("fencepost.checkers.kernel", "fencepost.checkers.certificate.verification")
    strange = {name for name in loaded if not name.startswith(allowed)} - {"fencepost.checkers.certificate"}
    assert not strange
