"""The rule that nothing goes past the world sees what it forbids, and nothing else."""

from __future__ import annotations

import pytest

from tests.leaks import FILE_METHODS, FILES, METHODS, MODULES, NAMES, leaks

PLANTED = {
    "import time": "time",
    "from time import perf_counter as clock": "time",
    "import datetime\ndatetime.datetime.now()": "datetime.datetime.now",
    "from datetime import datetime as d, UTC\nd.now(UTC)": "datetime.datetime.now",
    "import datetime as dt\ndt.datetime.utcnow()": "datetime.datetime.utcnow",
    "import os\nos.urandom(3)": "os.urandom",
    "from os import urandom\nurandom(3)": "os.urandom",
    "import secrets": "secrets",
    "import uuid": "uuid",
    "import random\nrandom.choice([1])": "random.choice",
    "from random import shuffle\nshuffle([])": "random.shuffle",
    "from random import Random\nRandom()": "random.Random()",
    "import random\nrandom.Random()": "random.Random()",
    "import random\nrandom.SystemRandom()": "random.SystemRandom",
    "import select": "select",
    "import socket": "socket",
    "def f():\n    from socket import socketpair": "socket",
    "import subprocess": "subprocess",
    "import asyncio\nasyncio.create_subprocess_exec('x')": "asyncio.create_subprocess_exec",
    "from asyncio import open_connection\nopen_connection('x', 1)": "asyncio.open_connection",
    "import asyncio\nasyncio.start_server(f)": "asyncio.start_server",
    "loop.create_connection(f, 'x', 1)": ".create_connection",
    "self._loop.create_server(f)": ".create_server",
    "import asyncio\nasyncio.TaskGroup()": "asyncio.TaskGroup",
    "hash('x')": "hash()",
    "id(x)": "id()",
    "sorted(xs, key=id)": "key=id",
    "def f(self):\n    self.x: set[asyncio.Task[None]] = set()": "set[asyncio.Task[None]]",
    "x: dict[str, set[Future]] = {}": "dict[str, set[Future]]",
    "def f(x: frozenset[asyncio.Future[int]]): ...": "frozenset[asyncio.Future[int]]",
    "def f() -> set[asyncio.Task[None]]: ...": "set[asyncio.Task[None]]",
    "flying.add(asyncio.create_task(f()))": "flying.add of a task or future",
    "async def f():\n    t = loop.create_future()\n    self.x.add(t)": "self.x.add of a task or future",
    "set(asyncio.create_task(f()) for f in fs)": "a set of tasks",
    "import asyncio\nasyncio.wait({a, b})": "asyncio.wait of a set",
    "import asyncio\nasyncio.gather({f(x) for x in xs})": "asyncio.gather of a set",
    "async def f():\n    _, late = await asyncio.wait(x)\n    for t in late: t.cancel()": (
        "for … in late, which asyncio.wait returned"
    ),
    "async def f():\n    done, _ = await asyncio.wait(x)\n    g(*done)": "*done, which asyncio.wait returned",
    "for x in {1, 2}: ...": "for … in {1, 2}",
    "[x for x in set(xs)]": "for … in set(xs)",
    "def f(self):\n    self.x: set[str] = set()\n    for x in self.x: ...": "for … in self.x",
    "def f(x: frozenset[str]):\n    list(x)": "list(x)",
    "x = a | set(b)\nf(*x)": "*x",
}

PLANTED_FILES = {
    "open('x')": "open()",
    "import os\nos.open('x', 0)": "os.open",
    "from os import fsync\nfsync(3)": "os.fsync",
    "import io\nio.open('x')": "io.open",
    "import mmap": "mmap",
    "import fcntl": "fcntl",
    "import shutil": "shutil",
    "import tempfile": "tempfile",
    "Path('x').read_text()": ".read_text()",
    "self.path.exists()": ".exists()",
    "self._path.open('ab')": "self._path.open()",
    "Path(name).open()": "Path(name).open()",
}

ALLOWED = (
    "x: set[str] = set()\nfor y in sorted(x): ...\nlen(x), 3 in x, list(xs)",
    "from random import Random\nRandom(7).choice([1])\ndef f(random: Random): random.random()",
    "import random\nrandom.Random(seed)",
    "import asyncio\nasyncio.get_running_loop().time()\nasyncio.timeout(3)",
    "from datetime import datetime, UTC\ndatetime.fromtimestamp(3, UTC)",
    "world.disk.open(path)\nself._disk.is_directory(path)\njournal.open()",
    "x: dict[asyncio.Task[None], None] = {}\nfree: set[int] = set()\nfree.add(number)",
    "async def f():\n    await asyncio.wait((a, b))",
    "from ..world.clock import Clock\nclock.monotonic_ns()",
    "network.connect(f, 'x', 1)\nself.id\nhash_of(x)",
)


@pytest.mark.parametrize(("source", "what"), [*PLANTED.items(), *PLANTED_FILES.items()])
def test_what_is_planted_is_found(source: str, what: str) -> None:
    assert what in {leak.what for leak in leaks(source, files=False)}


@pytest.mark.parametrize("source", PLANTED_FILES)
def test_ordinary_files_are_no_leak_where_they_may_be_used(source: str) -> None:
    assert not leaks(source, files=True)


@pytest.mark.parametrize("source", ALLOWED)
def test_what_is_allowed_is_not_found(source: str) -> None:
    assert not leaks(source, files=False)


def test_every_row_of_the_tables_is_seen() -> None:
    for module in MODULES:
        assert leaks(f"import {module}", files=True), module
    for name in NAMES:
        assert leaks(f"import {name.partition('.')[0]}\n{name}", files=True), name
    for name in FILES:
        assert leaks(f"import {name.partition('.')[0]}\n{name}", files=False), name
    for name in METHODS:
        assert leaks(f"x.{name}()", files=True), name
    for name in FILE_METHODS:
        assert leaks(f"x.{name}()", files=False), name


def test_a_leak_says_where_it_is_and_what_to_do() -> None:
    (leak,) = leaks("\nimport time\n", files=True)
    assert str(leak) == "2: time: ask world.clock"
