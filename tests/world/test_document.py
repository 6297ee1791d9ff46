"""docs/world.md says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import fencepost.testing.processes
from fencepost.harness.world.control import ControlClient
from fencepost.harness.world.control_messages import Ask, Done, line

PAGE = Path(__file__).parents[2] / "docs" / "world.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_first_example_runs_in_both_worlds_and_asks_the_same() -> None:
    ran = subprocess.run([sys.executable, "-c", EXAMPLES[0]], check=True, capture_output=True, text=True).stdout
    real, scripted = ran.splitlines()
    assert re.fullmatch(r"b'are you there, number \d+\?' took \d+ ms", real)
    assert scripted == re.sub(r"\d+ ms", "0 ms", real), "nothing takes time where the clock stands still"


def test_the_second_example_uses_what_there_is() -> None:
    namespace: dict[str, object] = {}
    exec(EXAMPLES[1], namespace)
    assert callable(namespace["mistreat"])
    for name in re.findall(r"control\.(\w+)\(", EXAMPLES[1]):
        assert hasattr(ControlClient, name), name


def test_messages_stand_there_as_they_are_sent() -> None:
    sent, answered = re.findall(r"^[→←] (.*)$", PAGE.read_text(), re.MULTILINE)
    import msgspec

    assert msgspec.json.decode(sent, type=Ask).id == 1
    assert line(Done(1)) == answered.encode() + b"\n"


def test_every_suite_that_it_names_is_there() -> None:
    folder = Path(fencepost.testing.processes.__file__ or "").parent
    for name in ("world", "disk", "network", "processes", "control"):
        assert (folder / f"{name}.py").exists()
