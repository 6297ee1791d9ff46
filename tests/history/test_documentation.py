"""docs/history.md says what the code does: every event and field, the example, the recorder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history import events
from fencepost.harness.history.history import Outcome
from fencepost.harness.history.reader import read_history
from fencepost.harness.verdict import Validity

PAGE = Path(__file__).parents[2] / "docs" / "history.md"
TEXT = PAGE.read_text()
STRUCTS = [events.Header, events.StreamState, events.Content, *get_args(events.Event)]


def section(name: str) -> str:
    """The text from a heading to the next."""
    found = re.search(rf"^#+ {name}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{PAGE.name} has no heading {name}"
    return found.group(1)


def rows(name: str) -> list[list[str]]:
    """The cells of the table in a section."""
    lines = [line for line in section(name).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_field_is_documented_in_its_order(struct: type[msgspec.Struct]) -> None:
    documented = [cells[0].strip("`") for cells in rows(struct.__name__)]
    assert documented == [field.encode_name for field in msgspec.structs.fields(struct)]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_the_defaults_are_the_documented_ones(struct: type[msgspec.Struct]) -> None:
    for field, cells in zip(msgspec.structs.fields(struct), rows(struct.__name__), strict=True):
        if field.required:
            assert cells[2] == "", field.name
            continue
        default: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        assert msgspec.json.decode(cells[2].strip("`")) == default, field.name


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_the_tag_is_documented(struct: type[msgspec.Struct]) -> None:
    tag = struct.__struct_config__.tag
    if tag is not None:
        assert f'`"type": "{tag}"`' in section(struct.__name__)


def test_the_version_is_the_documented_one() -> None:
    assert f"now **{events.SCHEMA}**" in section("Version")


def test_the_example_is_a_valid_history(tmp_path: Path) -> None:
    (example,) = blocks("json")
    path = tmp_path / "history.jsonl"
    path.write_text(example)
    history = read_history(path)
    assert history.whole
    assert not history.warnings
    assert [Outcome(outcome) for outcome in history.outcome] == [
        Outcome.OK,
        Outcome.FAILED,
        Outcome.INDEFINITE,
        Outcome.OK,
    ]
    assert history.operation(2).last_fence == "writer-2"
    assert Linearizability().check(history).validity is Validity.VALID


def test_the_recorder_on_the_page_records(tmp_path: Path) -> None:
    (program,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    path = tmp_path / "history.jsonl"
    recorder, log = names["Recorder"](path, "s"), []

    def append(*bodies: bytes) -> dict[str, Any]:
        start = len(log)
        log.extend(bodies)
        return {"type": "ack", "start": [start, 5], "end": [len(log), 5], "tail": [len(log), 5]}

    def lose(*bodies: bytes) -> None:
        log.extend(bodies)
        raise TimeoutError

    def sent(*bodies: bytes) -> dict[str, Any]:
        return {"digests": names["digests"](bodies), "sizes": [8 + len(body) for body in bodies]}

    def read() -> dict[str, Any]:
        seen = {"seq_nums": list(range(len(log))), "timestamps": [5] * len(log)}
        return {"type": "batch", **seen, **sent(*log)}

    recorder.record(0, "append", sent(b"a", b"b"), lambda: append(b"a", b"b"))
    recorder.record(1, "append", sent(b"c"), lambda: lose(b"c"))
    recorder.record(2, "append", sent(b"d"), lose)
    recorder.record(3, "read", {"seq_num": 0}, read)
    recorder.close()
    history = read_history(path)
    assert len(history) == 4
    assert history.whole
    result = Linearizability().check(history)
    assert result.validity is Validity.VALID, result
