"""Histories as Parquet files, for those who look into them with other tools: a row an operation, in columns.

The columns are in ``docs/exchange.md``. A journal that becomes one and is read again is the same history.
"""
