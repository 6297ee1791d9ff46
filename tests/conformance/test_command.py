"""``fencepost conform`` as its user meets it: exit codes, what it prints and writes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import xml.etree.ElementTree as ET
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from tests.server.processes import wait_until

from .processes import conform, serving, verdicts

TOKEN = "a-token-that-nobody-may-see"
OWN = '''
from fencepost import conformance


@conformance.clause("X1", "a clause of one's own")
async def test_violated(stream: conformance.Stream) -> None:
    """A case that fails."""
    await stream.appended("sent")
    assert (await stream.tail()).seq_num == 7, "TOKEN"


@conformance.clause("X2", "metrics")
async def test_not_offered(service: conformance.Service) -> None:
    """A case that needs what the bundled server does not offer."""
    await service.request("GET", "/metrics?set=active-basins&start=0&end=1")
'''


def names(url: str, what: str, **headers: str) -> list[str]:
    authorization = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{url}/v1/{what}", headers={**authorization, **headers}).json()
    return [row["name"] for row in answer[what] if row["deleted_at"] is None]


def test_a_case_of_ones_own_is_shown_with_what_was_sent_and_no_token(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(OWN.replace("TOKEN", TOKEN))
    environment = {"CONFORM_TOKEN": TOKEN}
    written = {name: tmp_path / name for name in ("json", "junit")}
    with serving(tmp_path / "server", "--token-env", "CONFORM_TOKEN", environment=environment) as url:
        ran = conform(
            tmp_path / "run",
            *("--target", url, "--token-env", "CONFORM_TOKEN", "--clause", "X1", "--clause", "X2", str(mine)),
            *(f"--{name}={path}" for name, path in written.items()),
            environment=environment,
        )
        assert names(url, "basins") == []
    assert ran.code == 1, ran.errors
    assert verdicts(written["json"]) == {"X1": "violated", "X2": "not offered"}
    for expected in ("X1   violated", "“a clause of one's own”", '→ {"records":[{"body":"c2VudA=="}]}', "← 200"):
        assert expected in ran.output
    case, absent = ET.parse(written["junit"]).getroot().iter("testcase")
    assert [child.tag for child in case] == ["properties", "failure", "system-out"]
    assert absent.find("skipped") is not None
    (case,) = json.loads(written["json"].read_text())["clauses"][0]["cases"]
    assert len(case["exchanges"]) == 3
    shown = ran.output + ran.errors + "".join(path.read_text() for path in written.values())
    assert TOKEN not in shown
    assert "Bearer" not in shown


def test_in_a_given_basin_it_leaves_other_streams_alone_and_none_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path / "server", "--basin", "given-basin") as url:
        answer = httpx.post(f"{url}/v1/streams", headers={"s2-basin": "given-basin"}, json={"stream": "theirs"})
        assert answer.status_code == 201
        ran = conform(
            tmp_path / "run",
            *("--target", url, "--basin", "given-basin", "--rate", "0", "--json", str(tmp_path / "json")),
            *("--clause", "O3", "--clause", "P8", "--clause", "P9", "--clause", "A3"),
        )
        assert names(url, "streams", **{"s2-basin": "given-basin"}) == ["theirs"]
        assert names(url, "basins") == ["given-basin"]
    assert ran.code == 0, ran.output
    assert "not tried" in ran.output
    assert "A3   not tested" in ran.output


def test_ctrl_c_ends_it_and_what_it_made_is_removed(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as url:

        def interrupt(process: ForkServerProcess) -> None:
            wait_until(lambda: names(url, "basins"), "it has made its basin")
            assert process.pid is not None
            os.kill(process.pid, signal.SIGINT)

        ran = conform(tmp_path / "run", "--target", url, "--rate", "20", meanwhile=interrupt)
        assert names(url, "basins") == []
    assert ran.code == 2, ran.output
    assert "interrupted" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--target", "http://127.0.0.1:1"), 255, "/v1: no answer: ConnectError"),
        (("--target", "http://127.0.0.1:1", "--basin", "given-basin"), 255, "/v1: no answer: ConnectError"),
        (("--target", "nonsense"), 254, "must be a URL"),
        (("--target", "http://127.0.0.1:1", "--token-env", "NOT_SET_ANYWHERE"), 254, "NOT_SET_ANYWHERE"),
    ],
    ids=["unreachable", "unreachable-basin", "no-url", "no-token"],
)
def test_what_is_not_a_verdict_has_a_code_of_its_own(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    ran = conform(tmp_path / "run", *arguments)
    assert (ran.code, said in ran.errors) == (code, True), ran.errors
    assert "Traceback" not in ran.errors
    assert "may be left" not in ran.errors


def test_a_basin_that_cannot_be_made_or_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path / "server", "--token-env", "CONFORM_TOKEN", environment={"CONFORM_TOKEN": TOKEN}) as url:
        refused = conform(tmp_path / "refused", "--target", url)
        environment = {"CONFORM_TOKEN": TOKEN}
        absent = conform(
            tmp_path / "absent",
            *("--target", url, "--basin", "absent-basin", "--token-env", "CONFORM_TOKEN"),
            environment=environment,
        )
    assert refused.code == absent.code == 255
    assert "permission_denied" in refused.errors
    assert "--basin" in refused.errors
    assert "basin_not_found" in absent.errors
