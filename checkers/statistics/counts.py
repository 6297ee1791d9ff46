"""How many operations there were, of which kind and stream, and how they ended."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome

from .activity import Activity

MOST_CODES: Final = 20
"""Error codes and reasons told apart for one kind and outcome; reasons are free text."""

MOST_STREAMS: Final = 100
"""Streams told apart."""

OTHERS: Final = "(others)"


def by_kind(activity: Activity) -> dict[str, dict[str, Any]]:
    """For each kind that occurs, the number of each outcome, and of each error code or reason."""
    history = activity.history
    counts: dict[str, dict[str, Any]] = {}
    for kind in Kind:
        rows = np.flatnonzero(activity.clients & (history.kind == kind))
        if not len(rows):
            continue
        outcomes = np.bincount(history.outcome[rows], minlength=len(Outcome))
        row: dict[str, Any] = {outcome.name.lower(): int(outcomes[outcome]) for outcome in Outcome}
        row["codes"] = _codes(history, rows[history.outcome[rows] == Outcome.FAILED])
        row["reasons"] = _codes(history, rows[history.outcome[rows] == Outcome.INDEFINITE])
        counts[kind.label] = {"total": int(outcomes.sum()), **row}
    return counts


def _codes(history: History, rows: Int64s) -> dict[str, int]:
    """The number of rows by code, most frequent first; those without one never returned."""
    codes = history.code[rows]
    numbers = np.bincount(codes + 1, minlength=len(history.codes) + 1)
    names = ["never returned", *history.codes]
    found = sorted(((int(number), names[index]) for index, number in enumerate(numbers) if number), reverse=True)
    counts = {name: number for number, name in found[:MOST_CODES]}
    if found[MOST_CODES:]:
        counts[OTHERS] = sum(number for number, _ in found[MOST_CODES:])
    return counts


def by_stream(activity: Activity) -> dict[str, dict[str, int]]:
    """A few numbers of each stream, in the header's order, of the first hundred."""
    history = activity.history
    streams = history.header.streams[:MOST_STREAMS]
    masks = {
        "operations": activity.clients,
        "acknowledged_appends": activity.acknowledged,
        "seq_num_mismatches": activity.appends & (history.seq_num_mismatch != NONE),
        "fencing_token_mismatches": activity.appends & (history.token_mismatch != NONE),
        "take_overs": activity.acknowledged & (history.appends.last_fence != NONE),
    }
    length = len(history.header.streams)
    columns = {name: np.bincount(history.stream[mask], minlength=length) for name, mask in masks.items()}
    columns["records_appended"] = np.bincount(
        history.stream[activity.acknowledged], weights=activity.appended[activity.acknowledged], minlength=length
    )
    return {
        stream.name: {name: int(column[index]) for name, column in columns.items()}
        for index, stream in enumerate(streams)
    }


def faults(history: History) -> dict[str, dict[str, float]]:
    """For each fault, how often it struck, was healed and failed, and for how many seconds it lasted in all.

    One that was not healed lasts until the end of the history.
    """
    found: dict[str, dict[str, float]] = {}
    since: dict[str, int] = {}
    for event in history.faults:
        row = found.setdefault(event.name, {"start": 0, "heal": 0, "failure": 0, "seconds": 0.0})
        row[event.phase] = row.get(event.phase, 0) + 1
        if event.phase == "start":
            since.setdefault(event.name, event.time)
        elif event.name in since:
            row["seconds"] += (event.time - since.pop(event.name)) / 1e9
    for name, start in since.items():
        found[name]["seconds"] += (history.duration - start) / 1e9
    return found
