"""The error for a column of a Parquet file."""

from __future__ import annotations


class Wrong(Exception):
    """A column is wrong, in the row given if it is about one."""

    def __init__(self, column: str, text: str, row: int | None = None) -> None:
        super().__init__(text)
        self.column = column
        self.row = row
