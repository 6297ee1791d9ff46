"""The format of s2-porcupine, as the collector of s2-verification writes it: one Start or Finish per line.

``docs/exchange.md`` says what it can and cannot express.
"""
