"""The seeded bugs: what the server can be told to do wrongly, so that a check can be shown to fail.

Each is off by default. A bug is a class with a row on it, in the module of its theme here:

    @bug("token-prefix-match", breaks=TOKEN, anomaly="stale-token-write", workload="fenced")
    class TokenPrefixMatch(StreamRules):
        \"\"\"A token passes when the current one begins with it.\"\"\"

        def token_matches(self, given: str, current: str) -> bool:
            return super().token_matches(given, current) or current.startswith(given)

It overrides one or more decisions of the correct server (:mod:`..rules`). Bugs combine by inheritance, so an override
calls ``super()``, whatever it makes of the answer, unless not asking is the bug. Private state has two underscores: the
class's name keeps it apart from that of other bugs.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .registry import BUGS, Bug, compose

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["BUGS", "Bug", "compose"]
