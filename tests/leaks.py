"""What code that simulation is to run may not do: take time, chance, files, connections or processes past the world.

:func:`leaks` reads the source of one module and names each place. Names are followed through imports and simple
assignments; it is no proof, and ``tests/server/test_wake_order.py`` and its like show the rest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

CLOCK = "ask world.clock"
CHANCE = "draw from a stream of world.random"
NETWORK = "use world.network"
PROCESS = "use world.spawn"
DISK = "use world.disk"
SORT = "the order of a set differs between processes: go through sorted(…), or keep a dict"
ORDER = "the order is that of memory addresses: use a dict or a list"

MODULES = {
    "time": CLOCK,
    "secrets": CHANCE,
    "uuid": CHANCE,
    "select": NETWORK,
    "selectors": NETWORK,
    "socket": NETWORK,
    "socketserver": NETWORK,
    "subprocess": PROCESS,
    "multiprocessing": PROCESS,
}
"""Modules that may not be used at all."""

FILES = {"tempfile": DISK, "shutil": DISK, "fcntl": DISK, "mmap": DISK, "io.open": DISK} | {
    f"os.{name}": DISK
    for name in (
        *("open", "read", "write", "pread", "pwrite", "fsync", "fdatasync", "ftruncate", "truncate", "lseek", "fdopen"),
        *("rename", "replace", "remove", "unlink", "mkdir", "makedirs", "rmdir", "listdir", "scandir", "stat", "link"),
    )
}
"""What may not be used besides, where all files go through the disk."""

NAMES = {
    "datetime.datetime.now": CLOCK,
    "datetime.datetime.utcnow": CLOCK,
    "datetime.datetime.today": CLOCK,
    "datetime.date.today": CLOCK,
    "os.urandom": CHANCE,
    "os.getrandom": CHANCE,
    "os.times": CLOCK,
    "random.SystemRandom": CHANCE,
    "os.fork": PROCESS,
    "os.system": PROCESS,
    "os.popen": PROCESS,
    "asyncio.create_subprocess_exec": PROCESS,
    "asyncio.create_subprocess_shell": PROCESS,
    "asyncio.open_connection": NETWORK,
    "asyncio.start_server": NETWORK,
    "asyncio.open_unix_connection": NETWORK,
    "asyncio.start_unix_server": NETWORK,
    "asyncio.TaskGroup": ORDER,  # it cancels its tasks in the order of a set
    "weakref.WeakSet": ORDER,
}
"""Functions and classes that may not be used."""

METHODS = {
    "create_connection": NETWORK,
    "create_server": NETWORK,
    "create_unix_connection": NETWORK,
    "create_unix_server": NETWORK,
    "create_datagram_endpoint": NETWORK,
    "subprocess_exec": PROCESS,
    "subprocess_shell": PROCESS,
}
"""Methods that may not be called on anything: an event loop's."""

FILE_METHODS = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "touch", "unlink", "mkdir", "rmdir"),
    *("iterdir", "glob", "rglob", "exists", "is_file", "is_dir", "stat", "symlink_to", "hardlink_to"),
}
"""Methods of a path that may not be called where all files go through the disk."""

_SET_OF_TASKS = re.compile(r"\b(?:[Ss]et|frozenset|MutableSet|AbstractSet)\[.*\b(?:Task|Future)\b")
_A_SET = re.compile(r"(?:[Ss]et|frozenset|FrozenSet|MutableSet|AbstractSet)\b")
_BUILTINS = ("hash", "id", "open", "set", "frozenset", "list", "tuple", "iter", "enumerate")
_PATH = re.compile(r"(?i)path|file|folder|directory|log$")
_MAKES_A_TASK = ("create_task", "create_future", "ensure_future", "run_coroutine_threadsafe")


@dataclass(frozen=True)
class Leak:
    """One place. ``what`` is used there; ``instead`` says what to do."""

    line: int
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.line}: {self.what}: {self.instead}"


def leaks(source: str, *, files: bool) -> list[Leak]:
    """Return the places in a module, in order. ``files`` says whether it may use ordinary files."""
    return sorted(set(_Survey(ast.parse(source), files).all()), key=lambda leak: (leak.line, leak.what))


class _Survey:
    def __init__(self, tree: ast.Module, files: bool) -> None:
        self._tree = tree
        self._files = files
        self._imported: dict[str, str] = {}
        self._tasks: set[str] = set()
        self._waited: set[str] = set()
        self._sets: set[str] = set()
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        """Remember what names stand for."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self._imported[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                self._imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.AnnAssign) and _A_SET.match(ast.unparse(node.annotation)):
            self._sets.add(ast.unparse(node.target))
        elif isinstance(node, ast.arg) and node.annotation and _A_SET.match(ast.unparse(node.annotation)):
            self._sets.add(node.arg)
        elif isinstance(node, ast.Assign):
            if self._is_set(node.value):
                self._sets.update(map(ast.unparse, node.targets))
            value = node.value.value if isinstance(node.value, ast.Await) else node.value
            if not isinstance(value, ast.Call):
                return
            for target in node.targets:
                if _last(value.func) in _MAKES_A_TASK:
                    self._tasks.add(ast.unparse(target))
                elif isinstance(target, ast.Tuple) and _last(value.func) == "wait":
                    self._waited.update(ast.unparse(element) for element in target.elts)

    def all(self) -> Iterator[Leak]:
        for node in ast.walk(self._tree):
            for what, instead in self._at(node):
                yield Leak(getattr(node, "lineno", 0), what, instead)

    def _at(self, node: ast.AST) -> Iterator[tuple[str, str]]:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from self._in_import(node)
            case ast.Attribute() | ast.Name():
                name = self._full(node)
                if name in NAMES:
                    yield name, NAMES[name]
                if not self._files and name in FILES:
                    yield name, FILES[name]
                if name.startswith("random.") and name not in ("random.Random", "random.SystemRandom"):
                    yield name, CHANCE
                if isinstance(node, ast.Attribute) and node.attr in METHODS:
                    yield f".{node.attr}", METHODS[node.attr]
            case ast.Call():
                yield from self._in_call(node)
            case ast.AnnAssign() | ast.arg() if node.annotation and _SET_OF_TASKS.search(ast.unparse(node.annotation)):
                yield ast.unparse(node.annotation), ORDER
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.returns and _SET_OF_TASKS.search(
                ast.unparse(node.returns)
            ):
                yield ast.unparse(node.returns), ORDER
            case ast.For() | ast.comprehension() if self._is_set(node.iter):
                yield f"for … in {ast.unparse(node.iter)}", SORT
            case ast.Starred() if self._is_set(node.value):
                yield f"*{ast.unparse(node.value)}", SORT
            case ast.For() | ast.AsyncFor() | ast.comprehension() if ast.unparse(node.iter) in self._waited:
                yield f"for … in {ast.unparse(node.iter)}, which asyncio.wait returned", ORDER
            case ast.Starred() if ast.unparse(node.value) in self._waited:
                yield f"*{ast.unparse(node.value)}, which asyncio.wait returned", ORDER

    def _in_import(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "random"):
            return
        for alias in node.names:
            module = alias.name if isinstance(node, ast.Import) else node.module or ""
            known = MODULES if self._files else MODULES | FILES
            top = module.partition(".")[0]
            if top in known:
                yield module, known[top]

    def _in_call(self, node: ast.Call) -> Iterator[tuple[str, str]]:
        name = self._full(node.func)
        if name == "random.Random" and not node.args and not node.keywords:
            yield "random.Random()", CHANCE
        if name in ("list", "tuple", "iter", "enumerate") and node.args and self._is_set(node.args[0]):
            yield f"{name}({ast.unparse(node.args[0])})", SORT
        if name in ("hash", "id"):
            yield f"{name}()", ORDER if name == "id" else "a hash differs from process to process: use hashlib"
        for keyword in node.keywords:
            if keyword.arg == "key" and self._full(keyword.value) in ("hash", "id"):
                yield f"key={ast.unparse(keyword.value)}", ORDER
        if name in ("asyncio.wait", "asyncio.gather") and any(isinstance(a, ast.Set | ast.SetComp) for a in node.args):
            yield f"{name} of a set", ORDER
        if name == "set" and node.args and _makes_tasks(node.args[0]):
            yield "a set of tasks", ORDER
        if _last(node.func) in ("add", "discard") and node.args:
            given = node.args[0]
            if _makes_tasks(given) or ast.unparse(given) in self._tasks:
                yield f"{ast.unparse(node.func)} of a task or future", ORDER
        if not self._files:
            if name == "open":
                yield "open()", DISK
            if isinstance(node.func, ast.Attribute):
                of = ast.unparse(node.func.value)
                if node.func.attr in FILE_METHODS and "disk" not in of:
                    yield f".{node.func.attr}()", DISK
                if node.func.attr == "open" and name not in FILES and _PATH.search(of):
                    yield f"{of}.open()", DISK

    def _is_set(self, node: ast.AST) -> bool:
        """Whether it is a set, as far as one line tells."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call():
                return self._full(node.func) in ("set", "frozenset") or (
                    isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("union", "intersection", "difference", "symmetric_difference")
                )
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.BitXor() | ast.Sub()):
                return self._is_set(node.left) or self._is_set(node.right)
        return ast.unparse(node) in self._sets

    def _full(self, node: ast.AST) -> str:
        """The dotted name, as imported; empty where it is none."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id, node.id if node.id in _BUILTINS else "")
        if isinstance(node, ast.Attribute):
            base = self._full(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _makes_tasks(node: ast.AST) -> bool:
    element = node.elt if isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp) else node
    return isinstance(element, ast.Call) and _last(element.func) in _MAKES_A_TASK
