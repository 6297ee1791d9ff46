"""Histories as Parquet files, for use with other tools: one row per operation.

``docs/exchange.md`` lists the columns. Converting a journal to Parquet and back gives the same history.
"""
