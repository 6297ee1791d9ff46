"""Ways to break the checker on purpose: each takes one rule away, or bends it. A test has to notice every one.

What two rules hold is not here, since neither is missed while the other is there: a refusal without body or condition
(also a domain without members), a batch that is scattered (also torn), which of equal batches was read where and what
fits a hole (the search finds it as well), an append that tells the first token (also tried).

A mutation changes a function, a class or a constant of the checker at run time, or what the checker gets to see (which
is the same as if it did not look there).
"""

from __future__ import annotations

from typing import Final

from tests.checkers.mutations_of_domains import DOMAINS, TOKENS_AND_TRIMS
from tests.checkers.mutations_of_scan import SCAN
from tests.checkers.mutations_of_search import PLACEMENT, SEARCH
from tests.checkers.mutations_of_structure import STRUCTURE

MUTATIONS: Final = (*SCAN, *DOMAINS, *TOKENS_AND_TRIMS, *PLACEMENT, *SEARCH, *STRUCTURE)
