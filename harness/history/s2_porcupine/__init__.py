"""The format of s2-porcupine: what the collector of s2-verification writes, one Start or Finish of an operation a line.

What it can express and what it cannot is in ``docs/exchange.md``.
"""
