"""The certificate of a verdict as a file: the checkers' proofs, and the history they are about.

It is a zip archive without compression. ``certificate.json`` identifies the history (by SHA-256) and gives each
checker's verdict. The parts of a checker's proof lie in a folder of its name; only that checker knows their meaning.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from .failure import UsageFailure
from .files import refuse_device, replaced
from .history.history import History
from .registry import Registry
from .verdict import Validity, Verdict, Verification, Verifier

VERIFIERS: Registry[Verifier] = Registry("fencepost.verifiers", "verifier")

FORMAT: Final = 2
_HEADER: Final = "certificate.json"


class _Header(msgspec.Struct):
    format: int
    history: dict[str, str]
    checkers: dict[str, Validity]


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate as read back: of which history (and how its file was read), and by checker verdict and proof."""

    path: Path
    history: Mapping[str, str]
    validities: Mapping[str, Validity]
    parts: Mapping[str, Mapping[str, bytes]]


def prove(path: Path, identity: Mapping[str, str], history: History, verdict: Verdict) -> Verification:
    """Write the certificate of a verdict, and verify it as it is read back.

    ``identity`` is that of the history, see :func:`proof`. Raises UsageFailure where no checker has a certificate,
    OSError where the file cannot be written.
    """
    write(path, identity, verdict)
    return verify(history, identity, read(path))


def proof(path: Path, identity: Mapping[str, str], verdict: Verdict) -> StoredCertificate:
    """Return the certificate of a verdict as it would be read back from ``path``.

    ``identity`` is what :func:`~.store.identity` says of the history, and ``failures``, how its file was read, where
    that matters. Raises UsageFailure where no checker has a certificate.
    """
    results = verdict.results.items()
    parts = {name: result.certificate.parts() for name, result in results if result.certificate is not None}
    if not parts:
        raise UsageFailure(f"{path}: no checker has a certificate for this verdict")
    history = {**identity, "failures": identity.get("failures", "any")}
    return StoredCertificate(path, history, {name: verdict.results[name].validity for name in parts}, parts)


def write(path: Path, identity: Mapping[str, str], verdict: Verdict) -> None:
    """Write the certificate of a verdict, whole or not at all. See :func:`proof` for ``identity``.

    Raises UsageFailure where no checker has a certificate, OSError where the file cannot be written.
    """
    made = proof(path, identity, verdict)
    header = _Header(FORMAT, dict(made.history), dict(made.validities))
    with replaced(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_HEADER, msgspec.json.format(msgspec.json.encode(header), indent=2) + b"\n")
        for name, parts in made.parts.items():
            for part, content in parts.items():
                archive.writestr(f"{name}/{part}", content)


def read(path: Path) -> StoredCertificate:
    """Read a certificate back. Raises UsageFailure where it is missing or damaged."""
    refuse_device(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_more_than_there_is(archive, path.stat().st_size)
            header = msgspec.json.decode(archive.read(_HEADER), type=_Header)
            parts: dict[str, dict[str, bytes]] = {name: {} for name in header.checkers}
            for entry in archive.namelist():
                name, _, part = entry.partition("/")
                if name in parts and part:
                    parts[name][part] = archive.read(entry)
    except FileNotFoundError:
        raise UsageFailure(
            f"{path} does not exist; fencepost run writes one, and so does fencepost check --certificate FILE"
        ) from None
    except OSError as error:
        raise UsageFailure(f"{path}: cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise UsageFailure(f"{path} is no certificate, or a damaged one: {error}") from error
    if header.format != FORMAT:
        raise UsageFailure(
            f"{path} has the format {header.format}, and this version verifies {FORMAT}; "
            "fencepost check --certificate FILE writes a new one"
        )
    return StoredCertificate(path, header.history, header.checkers, parts)


def _refuse_more_than_there_is(archive: zipfile.ZipFile, size: int) -> None:
    """Raise BadZipFile where the members would take more memory than the file has bytes."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise zipfile.BadZipFile("a part is compressed; parts of certificates are not")
    if sum(member.file_size for member in members) > size:
        raise zipfile.BadZipFile("its parts are larger than the whole file")


def verify(history: History, identity: Mapping[str, str], stored: StoredCertificate) -> Verification:
    """Re-check a certificate against the history of this identity.

    Raises UsageFailure where it is of another history, is damaged, or nobody can verify it.
    """
    if stored.history.get("sha256") != identity["sha256"]:
        raise UsageFailure(
            f"{stored.path} is the certificate of another history: of {stored.history.get('file')} with the SHA-256 "
            f"{stored.history.get('sha256')}, and {identity['file']} has {identity['sha256']}"
        )
    lines: list[str] = []
    failures = [] if stored.parts else ["it holds no checker's proof"]
    for name, parts in stored.parts.items():
        try:
            found = VERIFIERS.make(name).verify(history, parts, stored.validities[name])
        except UsageFailure as failure:
            raise UsageFailure(f"{stored.path}: {failure}") from failure
        lines += [f"{name}: {line}" for line in found.lines]
        failures += [f"{name}: {failure}" for failure in found.failures]
    return Verification(tuple(lines), tuple(failures))
