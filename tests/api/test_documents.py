"""The pages on Python: their examples run one after the other, and no public name is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from docs.generate import page, public_names

import fencepost
from fencepost.testing import append, jsonl, read

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["python.md", "testing.md"])
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("history.jsonl").write_bytes(jsonl(append(0, 1, 2, "a", ack=0), read(1, 3, 4, 0, saw="a")))
    text = (ROOT / "docs" / name).read_text()
    blocks = [(match.start(), match[1]) for match in re.finditer(r"```python\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) >= 3
    known: dict[str, Any] = {}
    for start, block in blocks:
        line = text.count("\n", 0, start) + 1
        exec(compile("\n" * line + block, name, "exec"), known)


def test_every_public_name_is_in_the_reference_with_what_it_is() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page().partition("## Python\n")[2], re.MULTILINE))
    assert rows.keys() == set(public_names())
    assert not [name for name, text in rows.items() if len(text) < 10]


def test_the_page_tells_everything_that_a_result_can_do() -> None:
    text = (ROOT / "docs" / "python.md").read_text()
    told = set(re.findall(r"`result\.(\w+)", text))
    offered = {name for name in vars(fencepost.CheckedHistory) if not name.startswith("_")}
    assert offered - told == {"source", "failures", "exit_code", "lines", "explanation"}
    calls = (fencepost.RecordedAppend, fencepost.RecordedRead, fencepost.RecordedCheckTail, fencepost.RecordedCall)
    ways = {name for call in calls for name, value in vars(call).items() if name[0] != "_" and callable(value)}
    assert not [way for way in ways if f"`{way}(" not in text]
