"""fencepost: a Jepsen-style correctness test harness for durable streams with conditional appends.

This module is the public API: what you import to check a history, and to write a workload, checker, plot, target or
fault of your own. ``__init__.pyi`` lists its names with the modules that define them. A name is imported when it is
first used, so that importing the package costs next to nothing.
"""

from importlib import import_module as _import_module

_homes: dict[str, str] = {}


def __getattr__(name: str) -> object:
    """Return a public name's value (PEP 562)."""
    value: object
    if name == "__all__":
        value = __dir__()
    elif name == "__version__":
        from importlib.metadata import version

        value = version("fencepost")
    elif name not in _listed():
        raise AttributeError(f"module 'fencepost' has no attribute {name!r}")
    elif _homes[name] in (".", ".harness"):  # the name is that of a module
        value = _import_module(f"{_homes[name].rstrip('.')}.{name}", __name__)
    else:
        value = getattr(_import_module(_homes[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_listed(), "__version__"]


def _listed() -> dict[str, str]:
    """Return the module that defines each public name, as the stub has it: ``from MODULE import NAME as NAME``."""
    if not _homes:
        stub = __spec__.loader.get_data(__file__.rpartition(".")[0] + ".pyi").decode()
        for words in map(str.split, stub.splitlines()):
            if len(words) == 6 and words[::2] == ["from", "import", "as"]:
                _homes[words[5]] = words[1]
    return _homes
