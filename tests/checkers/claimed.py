"""Whether sentences say what their claims say, and nothing else: each is put together again from raw events."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

from fencepost.checkers.anomalies import anomalies
from fencepost.checkers.explanation.claims import Claims
from fencepost.checkers.kernel.spec import REASONS, RULES
from fencepost.harness.printable import quoted
from fencepost.harness.verdict import Statement, Violation
from tests.checkers.raw_history import RawHistory, RawOp

CONJUNCTIONS: Final = (
    *(": a contradiction", "Also needed: ", ", by its answer", "; however ", ", because ", ", although ", ", but "),
    *(", yet ", ", and ", "; but ", " after ", ": so ", " and ", "; ", ": ", ", "),
)
"""All that a sentence may hold beside claims, the longest first."""

WORDS: Final = {claim.name.lower().replace("_", "-"): claim.value for claim in Claims}
LEADS: Final = {row.name: f"{row.lead}: " for row in anomalies()}


def unclaimed(raw: RawHistory, violation: Violation) -> str | None:
    """A sentence that is not made of the violation's claims, in their order; None if all are."""
    since = violation.since or 0
    units: tuple[Callable[[int], str], ...] = (
        lambda time: f"{(time - since) / 1e6:,.3f} ms",
        lambda time: f"{time - since:,} ns",
    )
    if raw.lines:
        units = (lambda time: f"line {time:,}",)
    faults = [_left_over(raw, violation, unit) for unit in units]
    return None if None in faults else faults[-1]


def _left_over(raw: RawHistory, violation: Violation, unit: Callable[[int], str]) -> str | None:
    waiting = [words(raw, claim, unit) for claim in violation.claims]
    for number, sentence in enumerate(violation.sentences):
        left = sentence
        if number == 0:
            if not left.startswith(LEADS[violation.anomaly]):
                return f"{sentence!r} does not begin with what happened"
            left = left.removeprefix(LEADS[violation.anomaly])
        begins = True
        while left not in ("", "."):
            text = waiting[0] if waiting else "nothing"
            if left.startswith(text[:1].upper() + text[1:] if begins and number else text):
                left = left[len(text) :]
                waiting.pop(0)
            else:
                word = next((one for one in CONJUNCTIONS if left.startswith(one)), None)
                if word is None:
                    return f"{left!r} in {sentence!r} is claimed by nothing; {text!r} comes next"
                left = left[len(word) :]
            begins = False
    return f"{waiting} are not told" if waiting else None


def words(raw: RawHistory, claim: Statement, unit: Callable[[int], str]) -> str:
    """A claim in its words."""
    told = [_Told(raw.ops[op], unit) for op in claim.operations]
    values = {name: _value(name, value) for name, value in claim.values.items()}
    return str(WORDS[claim.claim]).format(*told, **values)


def _value(name: str, value: Any) -> Any:
    match name:
        case "token":
            return "the unknown one from before the history" if value is None else quoted(value)
        case "digest":
            return f"{value:016x}"
        case "places" | "others":
            return f"position {value[0]}" if value[1] - value[0] == 1 else f"positions {value[0]} to {value[1] - 1}"
        case "times":
            return "once" if value == 1 else f"{value} times"
        case "states":
            return "1 state" if value == 1 else f"{value:,} states"
        case "tails":
            return f"the tail {value[0]}" if value[0] == value[1] else f"the tails {value[0]} to {value[1]}"
        case "rule":
            return dict(zip(RULES, REASONS, strict=True))[value]
        case "batches":
            return "1 acknowledged batch" if value == 1 else f"{value:,} acknowledged batches"
    return value


class _Told:
    """An operation in the words of a claim."""

    def __init__(self, op: RawOp, unit: Callable[[int], str]) -> None:
        self._op, self._unit = op, unit

    def __format__(self, what: str) -> str:
        op, asked = self._op, self._op.asked
        match what:
            case "":
                return f"{op.kind} #{op.id}"
            case "id":
                return f"#{op.id}"
            case "who":
                return f"{op.kind} #{op.id} of process {op.process}{_conditions(op)}"
            case "process" | "stream":
                return str(asked[what])
            case "request":
                return request(op)
            case "answer":
                return answer(op)
            case "invoked":
                return self._unit(op.invoked)
            case "ended":
                return "never" if op.ended == inf else self._unit(int(op.ended))
            case "match":
                return str(asked["match_seq_num"])
            case "given":
                return quoted(asked["fencing_token"])
            case "told":
                return quoted(op.body["fencing_token_mismatch"])
            case "tail":
                return str(op.tails[0][0])
            case "sent":
                return _number(len(op.sent))
            case "ack":
                return f"[{op.answer['start'][0]}, {op.answer['end'][0]})"
            case "since":
                return str(asked["timestamp"])
            case "until":
                return str(asked["until"])
            case "code":
                return str(op.answer["code"])
        raise AssertionError(f"a claim says {what!r} of an operation")


def _conditions(op: RawOp) -> str:
    asked = op.asked
    given = [f"token {quoted(asked['fencing_token'])}"] if "fencing_token" in asked else []
    given += [f"match_seq_num {asked['match_seq_num']}"] if "match_seq_num" in asked else []
    return f" ({', '.join(given)})" if given and op.kind == "append" else ""


def request(op: RawOp) -> str:
    """What an operation asked for."""
    asked = op.asked
    if asked["type"] == "check-tail":
        return "check-tail"
    if asked["type"] == "append":
        given = [f"append {_number(len(op.sent))}"]
        given += [f"match_seq_num {asked['match_seq_num']}"] if "match_seq_num" in asked else []
        given += [f"token {quoted(asked['fencing_token'])}"] if "fencing_token" in asked else []
        given += [f"fence {quoted(op.fences[max(op.fences)])}"] if op.fences else []
        return ", ".join(given)
    labels = {"seq_num": "from", "timestamp": "from timestamp", "tail_offset": "from tail −"}
    labels |= {name: name for name in ("count", "bytes", "until", "wait")}
    if "session" in asked and not {"count", "bytes", "until"} & {*asked}:
        del labels["wait"]  # without bounds a session follows the tail, whatever it gave
    told = [f"{label} {asked[name]}" for name, label in labels.items() if name in asked]
    return f"read {', '.join(told) or 'from the tail'}{' clamped' if asked.get('clamp') else ''}"


def answer(op: RawOp) -> str:
    """How an operation ended."""
    given, body = op.answer, op.body
    match given.get("type"):
        case None:
            return "never returned"
        case "indefinite":
            return f"indefinite: {given['reason']}"
        case "ack":
            start, end, tail = op.ack or (0, 0, 0)
            return f"at [{start}, {end})" + (f", tail {tail}" if tail != end else "")
        case "tail" | "whole":
            return f"the tail is {given['tail'][0]}"
        case "batch" | "frame":
            return f"{_number(len(op.seen))}, {op.seen[0][0]} to {op.seen[-1][0]}" if op.seen else "no records"
    if "seq_num_mismatch" in body:
        return f"412: the tail is {body['seq_num_mismatch']}"
    if "fencing_token_mismatch" in body:
        return f"412: the token is {quoted(body['fencing_token_mismatch'])}"
    where = f", the tail is {body['tail']['seq_num']}" if "tail" in body else ""
    return f"{given.get('status') or 'failed:'} {given['code']}{where}"


def _number(records: int) -> str:
    return "1 record" if records == 1 else f"{records:,} records"
