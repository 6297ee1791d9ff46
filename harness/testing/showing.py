"""Operations as text for people to read, one line each."""

from __future__ import annotations

from collections.abc import Iterable

from fencepost.harness import s2

from .encoding import by_invocation
from .operations import Answer, Batch, Lost, Op, Rec


def show(ops: Iterable[Op], tail: int = 0, token: str | None = "") -> str:
    """Return the operations as text, one line each, with their ids."""
    lines = [f"stream begins with tail {tail} and token {token!r}"]
    for op, each in enumerate(by_invocation(ops)):
        ended = "…" if each.ended is None else each.ended
        of = "" if each.session is None else f" session {each.session}"
        came = "".join(f" at {one.time} {_answered(Batch(one.seen, one.tail))}," for one in each.parts)
        told = f"{_asked(each)}{of} ->{came} {_answered(each.answer)}"
        lines.append(f"  #{op} p{each.process} [{each.invoked}, {ended}] {told}")
    return "\n".join(lines)


def _asked(op: Op) -> str:
    if op.kind == "append":
        given = [f"{n}={v!r}" for n, v in (("match", op.match), ("token", op.token)) if v is not None]
        return " ".join(["append", "'" + " ".join(_word(rec) for rec in op.records) + "'", *given])
    if op.kind == "read":
        bounds = [(name, getattr(op.read, name)) for name in s2.Read.__struct_fields__]
        return " ".join(["read", *(f"{n}={v}" for n, v in bounds if v is not None and v is not False)])
    return "check-tail"


def _word(rec: Rec) -> str:
    return rec.name + (f"~{rec.size}" if rec.size else "") + (f"@{rec.timestamp}" if rec.timestamp is not None else "")


def _answered(answer: Answer) -> str:
    match answer:
        case Batch(seen, tail):
            text = " ".join(f"{one.seq_num}:{one.rec.name}@{one.timestamp}" for one in seen)
            return f"saw [{text}]" + (f" followed tail {tail}" if tail else "")
        case Lost():
            return "indefinite"
        case _:
            return str(answer)
