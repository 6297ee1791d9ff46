"""Appends that may fill holes, sorted out by what singles them out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fencepost.harness.history.history import NONE


@dataclass(slots=True)
class Candidates:
    """Appends (moments) that may fill holes. Each list is as they were put in.

    ``by_match`` are those with a match_seq_num. Of the others, those that gave a token, by it and by whether they trim;
    then those that set one, also all together (``fencing``); those that trim, by size; and the rest by size. All are in
    ``by_digest``, once for each of their contents.
    """

    by_match: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_token: dict[tuple[int, bool], list[int]] = field(default_factory=lambda: defaultdict(list))
    by_fence: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    fencing: list[int] = field(default_factory=list)
    trimming: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_size: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_digest: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def put(
        self, m: int, *, match: int, token: int, fence: int, size: int, trims: bool, digests: Iterable[int]
    ) -> None:
        """One more append. What it did not give, or set, is NONE."""
        for digest in digests:
            self.by_digest[digest].append(m)
        if match != NONE:
            self.by_match[match].append(m)
        elif token != NONE:
            self.by_token[token, trims].append(m)
        elif fence != NONE:
            self.by_fence[fence].append(m)
            self.fencing.append(m)
        else:
            (self.trimming if trims else self.by_size)[size].append(m)
