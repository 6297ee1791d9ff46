"""Answers that say that the stream is not there, although it had been."""

from __future__ import annotations

import numpy as np

from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement
from ..kernel import spec


def check(judgement: Judgement) -> None:
    """lost-stream: a claim of absence after an answer that shows the stream, and nobody who may have deleted it."""
    asked = judgement.asked.asked
    absent = np.flatnonzero(asked.ask == spec.ABSENT)
    shows = np.flatnonzero((asked.ask != spec.ABSENT) & (asked.optional == 0))
    if not len(absent) or not len(shows):
        return
    first = int(shows[np.argmin(asked.returned[shows])])
    lost = absent[asked.invoked[absent] > asked.returned[first]]
    if not len(lost):
        return
    row, claim = int(asked.row[first]), int(asked.row[lost[0]])
    teller = judgement.teller(row, claim)
    edge = teller.real_time(row, claim)
    others = len(lost) - 1
    more = f", as {others:,} later {'answer says' if others == 1 else 'answers say'} too" if others else ""
    text = (
        f"the stream was there when {teller.name(row)} was answered, and {teller.name(claim)} was told that it is not"
        f"{more}; no operation deleted it"
    )
    witness = Witness(
        (row, claim),
        (sentence(text), teller.told(row), teller.told(claim), sentence(edge.because)),
        (edge,),
        culprit=claim,
        suspects=tuple(asked.row[lost].tolist()),
        accused=tuple(asked.row[lost].tolist()),
    )
    judgement.findings.add("lost-stream", witness)
