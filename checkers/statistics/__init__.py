"""What a run did and how much of it: counts, latencies, rates, contention, and whether it exercised its purpose."""

from .checker import Statistics
from .counters import COUNTERS, Counter

__all__ = ["COUNTERS", "Counter", "Statistics"]
