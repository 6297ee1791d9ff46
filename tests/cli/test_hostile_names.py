"""Other people's characters reach no terminal: what commands print is printable, whatever a history or path holds."""

from __future__ import annotations

import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from fencepost import check
from fencepost.harness import printable
from fencepost.harness.cli import watching
from fencepost.harness.store import finish_run, point_latest
from fencepost.harness.targets import streams as target_streams
from fencepost.testing import append, check_tail, jsonl, read
from tests.run.listening import Answer, Endpoint, Heard, endpoint

from .invoking import Inside, Said, fencepost

ESC = "\x1b[2J\x1b]0;title\x07"
HOSTILE = f"{ESC}\r\nVALID: forged\x9b31m\x7f\u202egnp.exe\u2066\u2028\x00[/bold]$x$"
"""ESC sequences, line breaks, a forged verdict, C1 controls, overrides of the writing direction, markup, formulas."""

HISTORY = jsonl(
    append(0, 1, 2, f"a fence={HOSTILE.replace(' ', '_')[:30]}", ack=0, stream=HOSTILE),
    append(1, 3, 4, "b", token="x" + ESC, ack=1, stream=HOSTILE),
    check_tail(1, 5, 6, 0, stream=HOSTILE),
    read(1, 7, 8, 0, saw="a", stream=HOSTILE),
    append(2, 9, None, "c", stream=HOSTILE),
)


@pytest.fixture
def here(inside: Inside) -> Path:
    """The empty folder that commands run in, with a hostile history in it."""
    Path("h.jsonl").write_bytes(HISTORY)
    return Path.cwd()


def unprintable(text: str) -> list[str]:
    return [character for character in text if character != "\n" and not character.isprintable()]


def assert_harmless(said: Said) -> None:
    assert said.out or said.err, "it said nothing at all"
    assert not unprintable(said.out), ascii(said.out)
    assert not unprintable(said.err), ascii(said.err)
    assert not re.search("^VALID: forged", said.out + said.err, re.MULTILINE), "a name forged a line"


COMMANDS = {
    "check": ("check", "h.jsonl"),
    "check, several": ("check", "h.jsonl", "h.jsonl"),
    "check --json": ("check", "h.jsonl", "--json"),
    "explain": ("explain", "h.jsonl"),
    "validate": ("validate", "h.jsonl"),
    "convert": ("convert", "h.jsonl", "h.parquet", "--to", "s2-porcupine", "--stream", "none"),
    "plot --only": ("plot", "h.jsonl", "--only", HOSTILE.replace("\x00", "")),
    "an option": ("check", "h.jsonl", f"--{HOSTILE}"),
    "a command": (HOSTILE,),
    "a workload": ("run", HOSTILE),
    "an anomaly": ("run", "regular", "--expect", HOSTILE),
    "a bug": ("run", "regular", "--bug", HOSTILE),
    "a story": ("repro", HOSTILE),
    "a prefix": ("clean", "--target", "http://127.0.0.1:1", "--basin", "basin", "--prefix", HOSTILE),
    "a basin": ("run", "regular", "--target", "http://127.0.0.1:1", "--basin", HOSTILE),
    "an endpoint": ("run", "regular", "--target", f"http://{HOSTILE}", "--basin", "basin"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_printable_lines(inside: Inside, here: Path, name: str) -> None:
    """Fault 15: tokens were escaped, names of streams were not."""
    assert_harmless(inside(*COMMANDS[name]))


def test_the_server_prints_likewise(tmp_path: Path) -> None:
    name = HOSTILE.replace("\x00", "")
    done = fencepost("serve", "--memory", "--port", "0", "--basin", name, cwd=tmp_path)
    assert done.returncode == 254
    assert_harmless(Said(done.returncode, done.stdout, done.stderr))


def test_what_an_endpoint_answers_is_printed_likewise(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that it lists, and the words of its errors."""
    monkeypatch.setattr(target_streams, "_PAUSES", (0.0, 0.0))

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "GET" and "prefix=" in heard.target:
            return 200, {"streams": [{"name": f"fencepost-{HOSTILE}"}], "has_more": False}
        return 403, {"code": "permission_denied", "message": HOSTILE}

    with endpoint(answer) as listening:
        options = ("--target", f"http://127.0.0.1:{listening.port}", "--basin", "basin")
        for arguments in ("clean --yes", "run regular --no-plots", "run regular --no-plots --json"):
            said = inside(*arguments.split(), *options)
            assert said.code == 255
            assert "forged" in said.err
            assert_harmless(said)


def test_scripts_still_get_the_name_itself(inside: Inside, here: Path) -> None:
    said = inside("check", "h.jsonl", "--json")
    (line,) = said.out.splitlines()
    found = [v["stream"] for r in json.loads(line)["checkers"].values() for v in r["violations"]]
    assert set(found) == {HOSTILE}


PATH = f"{ESC}\nVALID: forged[bold]\udcff\u202e.jsonl"
"""A file name may hold anything but a slash and NUL; what is no UTF-8 reaches Python as a lone surrogate."""


FILES = {
    "check": ("check", PATH),
    "check --json": ("check", PATH, "--json"),
    "check --certificate": ("check", PATH, "--certificate", "proof.zip"),
    "explain": ("explain", PATH),
    "validate": ("validate", PATH),
    "verify": ("verify", PATH, "--certificate", "h.jsonl"),
    "plot": ("plot", PATH, "--output", "pictures", "--only", "witness"),
    "missing": ("check", f"{PATH}.missing"),
    "malformed": ("check", f"{PATH}.bad"),
}


@pytest.mark.parametrize("name", FILES)
def test_names_of_files_are_printed_likewise(inside: Inside, here: Path, name: str) -> None:
    shutil.copy("h.jsonl", PATH)
    Path(f"{PATH}.bad").write_bytes(HISTORY.replace(b'"ack"', b'"\x1bck"'))
    assert_harmless(inside(*FILES[name]))


def test_stored_runs_are_a_printable_table(inside: Inside, here: Path) -> None:
    folder = here / "results" / ESC / f"20260101T000000-{ESC}\n7.partial"
    folder.mkdir(parents=True)
    (folder / "options.json").write_text("{}")
    point_latest(finish_run(folder), here / "results")
    for said in (inside("runs"), inside("runs", "--json")):
        assert_harmless(said)


@pytest.mark.parametrize("ending", ["svg", "dot", "graphml", "json"])
def test_graphs_are_printable_and_well_formed(inside: Inside, here: Path, ending: str) -> None:
    said = inside("explain", "h.jsonl", "--graph", f"graph.{ending}")
    assert_harmless(said)
    assert said.code == 1
    text = Path(f"graph.{ending}").read_text(encoding="utf-8")
    assert not unprintable(text.replace("\t", "")), ascii(text)
    if ending in ("svg", "graphml"):
        ET.fromstring(text)
    elif ending == "json":
        assert json.loads(text)["stream"] == HOSTILE
    else:
        assert text.count('"', text.index("label=")) % 2 == 0


def test_pictures_are_printable(inside: Inside, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.text import Text

    drawn: list[str] = []
    original: Any = Text.draw

    def draw(self: Text, *arguments: Any, **more: Any) -> Any:
        drawn.append(self.get_text())
        return original(self, *arguments, **more)

    monkeypatch.setattr(Text, "draw", draw)
    said = inside("plot", "h.jsonl", "--only", "witness,staircase,dependencies")
    assert said.code == 0, said
    assert any("forged" in text or "\\x1b" in text for text in drawn)
    assert not [text for text in drawn if unprintable(text)]


@pytest.mark.parametrize("live", [False, True])
def test_progress_is_printable(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: live)
    with watching.reporter(HOSTILE, stream) as watcher:
        watcher.phase(f"interrupted {HOSTILE}")
        watcher.phase(HOSTILE)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "")
    assert "forged" in shown
    assert not unprintable(shown), ascii(shown)


def test_what_python_prints_is_printable_too(here: Path) -> None:
    result = check("h.jsonl")
    for text in (str(result), result.explain(), result._repr_html_(), repr(check(HISTORY))):
        assert not unprintable(text), ascii(text)
        assert "\\x1b" in text or text.startswith("<CheckedHistory")


def test_what_is_printable_stays_as_it_is_and_escaping_twice_is_escaping_once() -> None:
    for text in ("plain", "日本語 ÄÖ → ∞ 🦀", r"C:\new", ""):
        assert printable.printable(text) == text
    once = printable.printable(HOSTILE + "\ud800")
    assert not unprintable(once)
    assert printable.printable(once) == once
    assert "\\ud800" in once
    assert printable.quoted('a"b\\c\n') == '"a\\"b\\\\c\\n"'


def test_json_means_the_same() -> None:
    value = {"name": HOSTILE, "astral": "\U000e0001 🦀"}
    content = json.dumps(value, ensure_ascii=False).encode()
    escaped = printable.printable_json(content)
    assert json.loads(escaped) == value
    assert not unprintable(escaped.decode())
    assert "🦀" in escaped.decode()


def test_commands_print_in_no_other_way() -> None:
    """One place escapes: whoever prints around it would have to escape by himself."""
    folder = Path(watching.__file__).parent
    allowed = {"output.py": 3, "watching.py": 3, "serve.py": 1, "table.py": 1}
    for path in folder.glob("*.py"):
        found = re.findall(r"\b(?:click\.echo|print|sys\.stdout\.write|sys\.stderr\.write)\(", path.read_text())
        assert len(found) <= allowed.get(path.name, 0), path.name


@pytest.mark.parametrize("half", [r"\ud800", r"\uDC00 and more", r"a\ud800\u0041"])
@pytest.mark.parametrize("last", [False, True])
def test_half_of_a_surrogate_pair_is_told_with_its_field(inside: Inside, half: str, last: bool) -> None:
    """The answer was "Input data was truncated", and of the last line that it was cut."""
    lines = jsonl(append(0, 1, 2, "a", token="token", ack=0), check_tail(1, 3, 4, 1)).splitlines(keepends=True)
    (at,) = [number for number, line in enumerate(lines) if b'"token"' in line]
    lines[at] = lines[at].replace(b'"token"', f'"{half}"'.encode())
    Path("half.jsonl").write_bytes(b"".join(lines[: at + 1] if last else lines).rstrip(b"\n" if last else b""))
    said = inside("check", "half.jsonl")
    assert said.code == 254, said
    (escape,) = re.findall(r"\\u[dD]\w{3}", half)
    assert re.search(rf"half\.jsonl:{at + 1}:\d+: fencing_token: {re.escape(escape.lower())} is half of a", said.err)
