"""No name of a client's making becomes a path: nothing but the journal is in the data folder, and nothing beside it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from .processes import Connection, ServerProcess, records_of
from .victim import relentless

PARTS = st.sampled_from(
    ["..", ".", "/", "\\", "\0", "~", "$HOME", "%2e", "journal.new", "journal.00000001", "é", "a" * 200, "C:"]
)
NAMES = (
    st.lists(PARTS, min_size=1, max_size=8)
    .map("".join)
    .filter(lambda name: name not in (".", "..") and len(name.encode()) <= 512)
)


def test_no_name_escapes_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "data"
    folder.parent.mkdir()
    made: set[str] = set()
    with ServerProcess(tmp_path / "log", "--data", str(folder)) as server, Connection(server.port) as http:

        @relentless(60)
        @example("../../escaped")
        @example("/" + str(tmp_path).strip("/") + "/escaped")
        @example("../escaped\0")
        @given(NAMES)
        def use(name: str) -> None:
            assert http.request("PUT", f"/v1/streams/{quote(name, safe='')}").status in (200, 201)
            assert http.append(name, "x").status == 200
            # As a basin, too, which cannot have such a name.
            assert http.request("PUT", f"/v1/basins/{quote(name, safe='')}").status == 400
            made.add(name)

        use()
        assert server.terminate() == 0
    assert [path.name for path in folder.parent.iterdir()] == ["data"]
    assert {path.name for path in tmp_path.iterdir()} == {"above", "log"}
    found = [path.name for path in folder.iterdir()]
    assert all(re.fullmatch(r"journal\.[0-9]{8}|lock", name) for name in found), found
    with ServerProcess(tmp_path / "log", "--data", str(folder)) as server, Connection(server.port) as http:
        listed = {row["name"] for row in http.request("GET", "/v1/streams").json["streams"]}
        assert listed == made
        assert all(http.request("GET", f"{records_of(name)}?seq_num=0").json["records"] for name in made)
    assert "Traceback" not in (tmp_path / "log").read_text()
