"""TLS of the server: both versions of HTTP by ALPN, sessions, its own certificate, and files that cannot be used."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fencepost.harness.cli.tls import TlsOptions, certificate_of
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.s2 import Append, Batch, CheckTail, Read, Record, protobuf
from fencepost.harness.s2.frames import Message
from fencepost.harness.world.clock import ScriptedClock
from fencepost.harness.world.network import SystemNetwork
from fencepost.harness.world.randomness import SystemRandomness
from fencepost.harness.world.real_disk import RealDisk
from fencepost.harness.world.spawn import SystemSpawner
from fencepost.harness.world.world import World
from tests.cli.invoking import Inside, inside  # noqa: F401 (a fixture)

from .http2 import Http2, frame_of
from .processes import BASIN, Connection, ServerProcess, connected, wait_until

LOOPBACK = Path(__file__).parent.parent / "client" / "loopback.pem"
"""A certificate for 127.0.0.1 with its key."""
USAGE = 254


def trusting(certificate: Path, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


class Secure:
    """A server with a certificate of its own."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.certificate = folder / "data" / "tls-cert.pem"
        self.key = folder / "data" / "tls-key.pem"
        self.process = ServerProcess(self.log, "--tls-self", "--data", str(folder / "data"))
        self.port = self.process.port


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    server = Secure(tmp_path_factory.mktemp("tls"))
    with server.process:
        yield server
        assert "Traceback" not in server.log.read_text()


def test_alpn_decides_the_version_of_http(secure: Secure) -> None:
    for offered, chosen in (("h2", "h2"), ("http/1.1", "http/1.1")):
        with closing(connected(secure.port, 20, trusting(secure.certificate, offered))) as connection:
            assert isinstance(connection, ssl.SSLSocket)
            assert connection.selected_alpn_protocol() == chosen
            assert connection.version() in ("TLSv1.2", "TLSv1.3")
    with Connection(secure.port, tls=trusting(secure.certificate)) as http:
        assert http.request("GET", "/v1/basins", basin=None).json["basins"][0]["name"] == BASIN


def test_sessions_run_over_tls(secure: Secure) -> None:
    with Connection(secure.port, tls=trusting(secure.certificate)) as http:
        assert http.request("POST", "/v1/streams", {"stream": "session"}).status == 201
    with Http2(secure.port, tls=trusting(secure.certificate, "h2")) as client:
        session = client.append_session("session")
        client.send(session, frame_of(b"a"))
        client.until(lambda: len(session.frames) == 1)  # before the session has ended
        client.send(session, frame_of(b"b" * 100_000), end=True)
        assert len(client.until_end(session).frames) == 2
        reading = client.until_end(client.read_session("session", "seq_num=0&count=2"))
        batches = [protobuf.decode_batch(frame.body) for frame in reading.frames if isinstance(frame, Message)]
        assert [len(record.body) for batch in batches for record in batch.records] == [1, 100_000]


async def test_our_own_client_speaks_it_and_trusts_nobody_else(secure: Secure) -> None:
    url = f"https://localhost:{secure.port}"
    client = HttpStreamClient(url, BASIN, ca_bundle=secure.certificate)
    assert await client.create_stream("own") == Ok(None)
    session = client.append_session("own")
    ticket = session.submit(Append((Record(b"x"),)))
    await session.aclose()
    assert isinstance(ticket.outcome, Ok)
    frames: list[Batch] = []
    assert await client.read_session("own", Read(seq_num=0, count=1), frames.append) == Ok(None)
    assert [record.body for frame in frames for record in frame.records] == [b"x"]
    tail = await client.perform("own", CheckTail())
    assert isinstance(tail, Ok)
    assert tail.value.tail.seq_num == 1
    await client.aclose()
    stranger = HttpStreamClient(url, BASIN, ca_bundle=LOOPBACK)
    refused = await stranger.perform("own", CheckTail())
    assert isinstance(refused, Definite)
    assert refused.code == "not_sent"
    await stranger.aclose()


def test_who_speaks_no_tls_gets_no_answer_and_harms_nobody(secure: Secure) -> None:
    with Connection(secure.port) as plain:
        plain.socket.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not plain.all().startswith(b"HTTP/")
    with Connection(secure.port, tls=trusting(secure.certificate)) as http:
        assert http.request("GET", "/health").status == 200


def test_the_certificate_is_for_this_machine_and_outlives_a_restart(tmp_path: Path) -> None:
    server = Secure(tmp_path)
    with server.process:
        assert str(server.certificate) in server.log.read_text()
    found = x509.load_pem_x509_certificate(server.certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.b.localhost"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["127.0.0.1", "::1"]
    assert server.key.stat().st_mode & 0o777 == 0o600
    before = server.certificate.read_bytes()
    server = Secure(tmp_path)
    with server.process, Connection(server.port, tls=trusting(server.certificate)) as http:
        assert http.request("GET", "/health").status == 200
        assert server.certificate.read_bytes() == before
        assert server.process.terminate() == 0


def test_a_server_in_memory_takes_its_certificate_along(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "log", "--memory", "--tls-self") as server:
        wait_until(lambda: "can trust" in server.log.read_text(), "it says where the certificate is")
        found = re.search(r"the certificate in (\S+), for", server.log.read_text())
        assert found is not None
        certificate = Path(found[1])
        with Connection(server.port, tls=trusting(certificate)) as http:
            assert http.request("GET", "/health").status == 200
        assert server.terminate() == 0
        assert not certificate.parent.exists()


def test_a_given_certificate_is_used(tmp_path: Path) -> None:
    files = "--tls-cert", str(LOOPBACK), "--tls-key", str(LOOPBACK)
    with (
        ServerProcess(tmp_path / "log", "--memory", *files) as server,
        Connection(server.port, tls=trusting(LOOPBACK)) as http,
    ):
        assert http.request("GET", "/health").status == 200


def test_a_certificate_that_ends_or_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    clock = ScriptedClock(round(datetime.now(UTC).timestamp() * 1000))
    world = World(clock, SystemRandomness(0), RealDisk(), SystemNetwork(), SystemSpawner())

    def made() -> bytes:
        with certificate_of(TlsOptions(own=True), tmp_path, world) as certificate:
            assert certificate is not None
            return certificate.chain.read_bytes()

    first = made()
    clock.advance(timedelta(days=395).total_seconds())
    assert made() == first
    clock.advance(timedelta(days=2).total_seconds())
    second = made()
    assert second != first
    (tmp_path / "tls-key.pem").write_bytes(b"not a key")
    assert made() != second


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("--tls-cert", LOOPBACK), "give both"),
        (("--tls-key", LOOPBACK), "give both"),
        (("--tls-self", "--tls-cert", LOOPBACK, "--tls-key", LOOPBACK), "cannot be combined"),
        (("--tls-cert", "missing.pem", "--tls-key", LOOPBACK), "No such file"),
        (("--tls-cert", LOOPBACK, "--tls-key", "missing.pem"), "No such file"),
        (("--tls-cert", "garbage.pem", "--tls-key", LOOPBACK), "cannot be used"),
        (("--tls-cert", LOOPBACK, "--tls-key", "garbage.pem"), "cannot be used"),
        (("--tls-cert", LOOPBACK, "--tls-key", "other.pem"), "key values mismatch"),
        (("--tls-cert", LOOPBACK, "--tls-key", "encrypted.pem"), "must not be encrypted"),
        (("--tls-self", "--data", "garbage.pem"), "cannot be kept there"),
    ],
)
def test_files_that_cannot_be_used_are_a_clear_error(
    inside: Inside,  # noqa: F811
    files: tuple[object, ...],
    said: str,
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    Path("garbage.pem").write_text("garbage")
    Path("other.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    Path("encrypted.pem").write_bytes(key.private_bytes(pem, form, serialization.BestAvailableEncryption(b"secret")))
    ended = inside("serve", "--port", "0", *files)
    assert ended.code == USAGE
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert not ended.out
