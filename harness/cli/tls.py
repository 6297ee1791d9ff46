"""The certificate with which ``fencepost serve`` speaks TLS: the user's, or one that it makes for this machine."""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ..failure import UsageFailure
from ..server.serving import Certificate
from ..world.disk import make_directories
from ..world.world import World

log: Final = logging.getLogger("fencepost.serve")

NAMES: Final = ("localhost", "*.b.localhost")
ADDRESSES: Final = ("127.0.0.1", "::1")
_LIFE: Final = timedelta(days=397)  # the longest that every client accepts
_REST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The files with the user's certificate chain and key, or ``own`` for a certificate of the server's making.

    Without either the server speaks no TLS. Raise UsageFailure for a contradiction.
    """

    chain: Path | None = None
    key: Path | None = None
    own: bool = False

    def __post_init__(self) -> None:
        if self.own and (self.chain or self.key):
            raise UsageFailure("--tls-self makes a certificate and cannot be combined with --tls-cert and --tls-key")
        if bool(self.chain) != bool(self.key):
            raise UsageFailure("--tls-cert and --tls-key belong together: give both")


@contextmanager
def certificate_of(options: TlsOptions, data: Path | None, world: World) -> Iterator[Certificate | None]:
    """Yield the certificate to serve with, or None.

    One of the server's own is kept in ``data``, or else only until the context ends. Raise UsageFailure for files that
    cannot be used.
    """
    if options.chain is not None and options.key is not None:
        given = Certificate(options.chain, options.key)
        try:
            _check(given)
        except OSError as error:  # includes ssl.SSLError
            raise UsageFailure(
                f"--tls-cert {given.chain} and --tls-key {given.key} cannot be used: {_reason(error)}; give the PEM "
                "files of a certificate chain and of its key, which must not be encrypted"
            ) from error
        yield given
    elif not options.own:
        yield None
    elif data is None:
        with tempfile.TemporaryDirectory(prefix="fencepost-tls-") as directory:
            yield _own(Path(directory), world)
    else:
        try:
            make_directories(world.disk, data.absolute())
            kept = _own(data, world)
        except OSError as error:
            raise UsageFailure(f"{data}: the certificate of --tls-self cannot be kept there: {error}") from error
        yield kept


def _check(certificate: Certificate) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without a password, OpenSSL would ask for one on the terminal.
    context.load_cert_chain(certificate.chain, certificate.key, password="")


def _reason(error: OSError) -> str:
    return error.reason.replace("_", " ").lower() if isinstance(error, ssl.SSLError) and error.reason else str(error)


def _own(directory: Path, world: World) -> Certificate:
    """Return the server's own certificate from a directory. Make it if there is none, or none that lasts."""
    certificate = Certificate(directory / "tls-cert.pem", directory / "tls-key.pem")
    now = datetime.fromtimestamp(world.clock.wall_ms() / 1000, UTC)
    if not _lasts(certificate, now):
        chain, key = _made(now)
        certificate.key.unlink(missing_ok=True)
        with os.fdopen(os.open(certificate.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        certificate.chain.write_bytes(chain)
    log.info("clients can trust the certificate in %s, for %s", certificate.chain, ", ".join((*NAMES, *ADDRESSES)))
    return certificate


def _lasts(certificate: Certificate, now: datetime) -> bool:
    from cryptography import x509

    try:
        _check(certificate)
        found = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
    except (OSError, ValueError):
        return False
    return found.not_valid_before_utc <= now <= found.not_valid_after_utc - _REST


def _made(now: datetime) -> tuple[bytes, bytes]:
    """Return a new certificate, signed by itself, and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fencepost reference server")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    alternatives = [*map(x509.DNSName, NAMES), *(x509.IPAddress(ip_address(address)) for address in ADDRESSES)]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - _REST, now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        # It is no authority: some clients refuse a server that shows the certificate of one.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
