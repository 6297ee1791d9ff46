"""Encrypted streams over real HTTP, in every codec and kind of session; and that nobody else ever sees key or text."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest

from fencepost.harness.s2 import Append, Record, json_codec, protobuf
from fencepost.harness.s2.events import BatchEvent, EventDecoder, Failure
from fencepost.harness.s2.frames import Message, Terminal
from fencepost.harness.s2.json_codec import Format
from fencepost.harness.server.values import Cipher

from .http2 import SESSION, Http2, Stream, frame_of
from .processes import Answer, Connection, ServerProcess, records_of

KEY, OTHER = (b64encode(sha256(seed).digest()).decode() for seed in (b"key", b"other key"))
TEXT, NAME, VALUE = b"the body that nobody may read", b"telling-name", b"telling-value"
RECORD = Record(TEXT, ((NAME, VALUE),))
BASINS = {cipher: f"basin-{cipher.value}" for cipher in Cipher}
CIPHERS = pytest.mark.parametrize("cipher", Cipher, ids=lambda cipher: cipher.value)
KEYED = {"s2-encryption-key": KEY}


class Encrypting:
    """A server with a basin for each cipher, which may be killed. ``answers`` are all that it sent to a test."""

    def __init__(self, folder: Path) -> None:
        self.data, self.log = folder / "data", folder / "log"
        self.answers: list[bytes] = []
        self.start()
        for cipher, basin in BASINS.items():
            config = {"stream_cipher": cipher.value, "create_stream_on_append": True}
            assert self.ask("POST", "/v1/basins", {"basin": basin, "config": config}).status == 201

    def start(self) -> None:
        self.process = ServerProcess(self.log, "--data", str(self.data))

    def ask(self, method: str, path: str, *arguments: object, **more: object) -> Answer:
        with Connection(self.process.port) as http:
            answer = http.request(method, path, *arguments, **more)  # type: ignore[arg-type]
        if "s2-encryption-key" in str(arguments):
            self.answers.append(str(answer.headers).encode() + answer.body)
        return answer

    def append(self, cipher: Cipher, stream: str, headers: dict[str, str], *records: Record) -> Answer:
        """Append in JSON."""
        body = json_codec.encode_append(Append(records or (RECORD,)))
        form = {"s2-format": "base64"}
        return self.ask("POST", records_of(stream), body, headers | form, basin=BASINS[cipher])

    def read(self, cipher: Cipher, stream: str, headers: dict[str, str], query: str = "seq_num=0") -> Answer:
        return self.ask("GET", f"{records_of(stream)}?{query}", None, headers, basin=BASINS[cipher])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypting]:
    server = Encrypting(tmp_path_factory.mktemp("encryption"))
    yield server
    metrics = server.ask("GET", "/metrics").body
    server.process.close()
    # A part of a key gives it away as well, and the malformed keys are parts.
    secrets = [
        secret
        for key in (KEY, OTHER)
        for secret in (key[8:24].encode(), b64decode(key)[8:24], b64decode(key).hex()[8:24].encode())
    ]
    # The texts of the records are in the answers to those who had the key, and so are not looked for there.
    assert not [secret for secret in secrets if any(secret in answer for answer in server.answers)]
    journal = [path.read_bytes() for path in server.data.rglob("*") if path.is_file()]
    assert sum(map(len, journal)) > 1000
    for content in (*journal, server.log.read_bytes(), metrics):
        assert not [secret for secret in (*secrets, TEXT, NAME, VALUE) if secret in content]
    assert "Traceback" not in server.log.read_text()


def session(server: Encrypting, stream: Stream, connection: Http2) -> Stream:
    connection.until_end(stream)
    server.answers.append(stream.content)
    return stream


@CIPHERS
@pytest.mark.parametrize(("sent", "accepted"), list(product(("json", "protobuf"), repeat=2)))
def test_every_codec_gives_back_what_it_was_given(server: Encrypting, cipher: Cipher, sent: str, accepted: str) -> None:
    stream = f"codecs-{sent}-{accepted}"
    batch = Append((RECORD, Record(bytes(range(256))), Record(b"")), match_seq_num=0)
    body = json_codec.encode_append(batch) if sent == "json" else protobuf.encode_append(batch)
    headers = {"content-type": f"application/{sent}", "s2-format": "base64", **KEYED}
    answer = server.ask("POST", records_of(stream), body, headers, basin=BASINS[cipher])
    assert answer.status == 200, answer
    answer = server.read(cipher, stream, {"accept": f"application/{accepted}", "s2-format": "base64"} | KEYED)
    decode = json_codec.decode_batch if accepted == "json" else protobuf.decode_batch
    assert [(record.headers, record.body) for record in decode(answer.body).records] == [
        (record.headers, record.body) for record in batch.records
    ]
    raw = server.read(cipher, stream, KEYED, "seq_num=0&count=1").json["records"][0]
    assert (raw["body"], raw["headers"]) == (TEXT.decode(), [[NAME.decode(), VALUE.decode()]])


@CIPHERS
def test_sessions_encrypt_and_decrypt(server: Encrypting, cipher: Cipher) -> None:
    at = {"basin": BASINS[cipher]}
    path = records_of("sessions")
    with Http2(server.process.port) as connection:
        writing = connection.open("POST", path, SESSION | KEYED, **at)
        connection.send(writing, frame_of(TEXT) + frame_of(b"second", match_seq_num=1), end=True)
        assert [isinstance(frame, Message) for frame in session(server, writing, connection).frames] == [True, True]
        reading = connection.open("GET", f"{path}?seq_num=0&count=2", SESSION | KEYED, end=True, **at)
        frames = session(server, reading, connection).frames
        found = [record.body for frame in frames for record in protobuf.decode_batch(frame.body).records]
        assert found == [TEXT, b"second"]
        events = {"accept": "text/event-stream", "s2-format": "base64"}
        listening = connection.open("GET", f"{path}?seq_num=0&count=2", events | KEYED, end=True, **at)
        decoder = EventDecoder(Format.BASE64)
        heard = list(decoder.feed(session(server, listening, connection).content))
        assert isinstance(heard[0], BatchEvent)
        assert [record.body for record in heard[0].batch.records] == [TEXT, b"second"]


@CIPHERS
def test_the_wrong_key_reads_nothing(server: Encrypting, cipher: Cipher) -> None:
    wrong, at = {"s2-encryption-key": OTHER}, {"basin": BASINS[cipher]}
    path = f"{records_of('wrong')}?seq_num=0&count=1"
    assert server.append(cipher, "wrong", KEYED).status == 200
    answer = server.read(cipher, "wrong", wrong)
    assert (answer.status, answer.code) == (400, "decryption_failed")
    with Http2(server.process.port) as connection:
        reading = session(server, connection.open("GET", path, SESSION | wrong, end=True, **at), connection)
        (last,) = reading.frames
        assert isinstance(last, Terminal)
        assert (reading.status, last.status, json.loads(last.body)["code"]) == (200, 400, "decryption_failed")
        events = {"accept": "text/event-stream"}
        listening = session(server, connection.open("GET", path, events | wrong, end=True, **at), connection)
        (event,) = EventDecoder(Format.RAW).feed(listening.content)
        assert isinstance(event, Failure)
        assert "decryption_failed" in event.data


@CIPHERS
def test_without_a_key_nothing_is_made_or_shown(server: Encrypting, cipher: Cipher) -> None:
    answer = server.append(cipher, "never", {})
    assert (answer.status, answer.code) == (400, "bad_header")
    assert server.append(cipher, "keyed", KEYED).status == 200
    for path in (records_of("keyed"), records_of("never")):
        with Http2(server.process.port) as connection:
            writing = connection.open("POST", path, basin=BASINS[cipher])
            connection.send(writing, frame_of(TEXT))
            assert connection.until_end(writing).status == 400
    answer = server.read(cipher, "keyed", {})
    assert (answer.status, answer.code) == (400, "bad_header")
    streams = server.ask("GET", "/v1/streams", basin=BASINS[cipher]).json["streams"]
    assert "never" not in [row["name"] for row in streams]
    assert [row["cipher"] for row in streams if row["name"] == "keyed"] == [cipher.value]


@pytest.mark.parametrize("given", [[""], [KEY + "A"], [KEY, OTHER], ["\xff" * 8], [KEY[:-1]], [KEY[4:]], ["!" * 44]])
def test_a_malformed_key_is_refused(server: Encrypting, given: list[str]) -> None:
    headers = [("s2-encryption-key", key) for key in given]
    for method, path in (("GET", f"{records_of('malformed')}?seq_num=0"), ("POST", records_of("malformed"))):
        body = {"records": [{"body": "x"}]} if method == "POST" else None
        server.append(Cipher.AES_256_GCM, "malformed", KEYED)
        answer = server.ask(method, path, body, headers, basin=BASINS[Cipher.AES_256_GCM])
        assert (answer.status, answer.code) == (400, "bad_header")


@CIPHERS
def test_what_was_acknowledged_survives_kill_9(server: Encrypting, cipher: Cipher) -> None:
    for number in range(20):
        key = {"s2-encryption-key": (KEY, OTHER)[number % 2]}
        assert server.append(cipher, "killed", key, Record(TEXT + b"%d" % number)).status == 200
    server.process.kill()
    server.process.close()
    server.start()
    for number in range(20):
        key = {"s2-encryption-key": (KEY, OTHER)[number % 2]}
        (record,) = server.read(cipher, "killed", key, f"seq_num={number}&count=1").json["records"]
        assert record["body"] == (TEXT + b"%d" % number).decode()
