"""The seeded bugs: errors that can be switched on in the server, to show that a check can fail.

All bugs are off by default. A bug is a decorated class in the module of its theme:

    @bug("token-prefix-match", breaks=TOKEN, anomaly="stale-token-write", workload="fenced", clause="C2")
    class TokenPrefixMatch(StreamRules):
        \"\"\"A token passes when the current one begins with it.\"\"\"

        def token_matches(self, given: str, current: str) -> bool:
            return super().token_matches(given, current) or current.startswith(given)

It overrides one or more decisions of the correct server (:mod:`..rules`). Bugs combine by inheritance, so an override
calls ``super()`` even if it ignores the result, unless omitting the call is the bug. Private state begins with two
underscores, so name mangling separates it from the state of other bugs.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .registry import BUGS, Bug, compose

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["BUGS", "Bug", "compose"]
