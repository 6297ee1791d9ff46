"""fencepost: a Jepsen-style correctness test harness for durable streams with conditional appends."""

__version__ = "0.1.0"
