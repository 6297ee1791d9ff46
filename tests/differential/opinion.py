"""The second opinion: s2-porcupine's verdict on histories in its format.

It is given by the program in ``s2_porcupine/`` beside this file: its model, written anew on the library that it uses,
for many histories in one process. With ``S2_PORCUPINE`` set to the path of the genuine program that one is asked
instead, one process a history.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fencepost.harness.verdict import Validity

SOURCE: Final = Path(__file__).parent / "s2_porcupine"

GENUINE: Final = "S2_PORCUPINE"
"""The environment variable that names the genuine program."""

PATIENCE: Final = 20
"""Seconds for one small history."""


class NoOpinion(Exception):
    """There is no second opinion to be had here; the text says why."""


class Opinion(Protocol):
    """Whoever judges histories in s2-porcupine's format."""

    def on(self, documents: Sequence[bytes]) -> list[Validity]:
        """The verdict on each. Raises :class:`NoOpinion` where one could not be read."""
        ...


def second_opinion(build: Path, *, network: bool) -> Opinion:
    """The genuine program if the environment names it, else ours, built into the folder ``build``.

    Without ``network`` nothing is fetched: the modules have to be in Go's cache. Raises :class:`NoOpinion`.
    """
    genuine = os.environ.get(GENUINE)
    if genuine is None:
        return Ours(built(build, network=network))
    if not os.access(genuine, os.X_OK) or Path(genuine).is_dir():
        raise NoOpinion(f"{GENUINE} names {genuine}, which is no program")
    return Genuine(Path(genuine).resolve())


def built(build: Path, *, network: bool) -> Path:
    """Our program, built from its source. Raises :class:`NoOpinion` where there is no Go, or a module is missing."""
    go = shutil.which("go")
    if go is None:
        raise NoOpinion("there is no Go here (no program `go` on the path)")
    program = build.resolve() / "s2_porcupine"
    fetching = {} if network else {"GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        [go, "build", "-buildvcs=false", "-o", str(program), "."],
        cwd=SOURCE,
        env=os.environ | {"GOTOOLCHAIN": "local"} | fetching,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoOpinion(f"Go could not build {SOURCE.name}: {done.stderr.strip()}")
    return program


@dataclass(frozen=True, slots=True)
class Ours:
    """Our program with s2-porcupine's model."""

    program: Path

    def on(self, documents: Sequence[bytes]) -> list[Validity]:
        """See :class:`Opinion`."""
        with tempfile.TemporaryFile() as file:
            file.writelines(document + b"\n" for document in _ended(documents))
            file.seek(0)
            command = [str(self.program), "-stream", "-timeout", f"{PATIENCE}s"]
            done = subprocess.run(command, stdin=file, capture_output=True, check=False)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode != 0 or len(said) != len(documents):
            raise NoOpinion(f"{self.program.name} failed: {done.stderr.decode(errors='replace').strip()}")
        for number, each in enumerate(said):
            if each["verdict"] == "error":
                raise NoOpinion(f"history {number} cannot be read: {each['error']}\n{documents[number].decode()}")
        return [Validity(each["verdict"]) for each in said]


@dataclass(frozen=True, slots=True)
class Genuine:
    """The genuine s2-porcupine. It draws a picture of each history, which is thrown away."""

    program: Path

    def on(self, documents: Sequence[bytes]) -> list[Validity]:
        """See :class:`Opinion`."""
        with tempfile.TemporaryDirectory() as folder:
            return [self._on_one(document, folder) for document in _ended(documents)]

    def _on_one(self, document: bytes, folder: str) -> Validity:
        command = [str(self.program), "-file", "-"]
        try:
            done = subprocess.run(
                command, cwd=folder, input=document, capture_output=True, check=False, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return Validity.UNKNOWN
        for picture in Path(folder, "porcupine-outputs").glob("*.html"):
            picture.unlink()
        if done.returncode == 0:
            return Validity.VALID
        if b"NOT linearizable" in done.stderr:
            return Validity.INVALID
        raise NoOpinion(f"a history cannot be read: {done.stderr.decode(errors='replace')}\n{document.decode()}")


def _ended(documents: Iterable[bytes]) -> Iterable[bytes]:
    """Each with an end to its last line."""
    return (document if not document or document.endswith(b"\n") else document + b"\n" for document in documents)
