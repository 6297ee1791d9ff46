"""Guessed orders: the kernel accepts them where a history is valid by construction, whatever its size."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.realistic import Recipe, realistic
from fencepost.checkers.kernel import accept as acceptance
from fencepost.checkers.kernel.accept import Order, accept
from fencepost.checkers.kernel.columns import Requirements, requirements, rows_of
from fencepost.checkers.kernel.refuted import Refuted
from fencepost.checkers.propose import propose as proposing
from fencepost.checkers.propose.propose import propose
from fencepost.harness.history.history import History, Int64s
from fencepost.testing import history
from fencepost.testing.operations import Ack, Batch, Lost, Op, Rec, Seen, Tail, TokenMismatch
from fencepost import s2 as _  # noqa: F401  (placeholder)
from tests.checkers.damage import story_of
from tests.checkers.stories import ALL
