"""Each history judged by both sides, in every form, and why they differ where they do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History, Outcome
from fencepost.harness.history.reader import parse_history
from fencepost.harness.verdict import Validity
from tests.checkers.stories import Story
from tests.differential.conversion import as_collected, beginning_with, exported, lost
from tests.differential.opinion import Opinion
from tests.differential.rules import INITIAL_TOKEN, OTHERS, RULES, UNKNOWN_FIRST_TOKEN, rules_behind

NOTHING_OBSERVED: Final = "nothing-observed"
WHY_NOTHING_OBSERVED: Final = (
    "nothing succeeded: fencepost does not call that valid, since it says nothing of the stream, but unknown"
)


class Form(StrEnum):
    """What fencepost was given, and what s2-porcupine was."""

    RECORDED = "as recorded / exported"
    EXPORTED = "exported / exported"
    COLLECTED = "as collected / as collected"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two verdicts on one history in one form. ``because`` names the rules behind a difference, None if none is."""

    form: Form
    ours: Validity
    theirs: Validity
    because: tuple[str, ...] | None

    @property
    def agree(self) -> bool:
        """Whether they are equal."""
        return self.ours is self.theirs

    @property
    def explained(self) -> bool:
        """Whether there is nothing to wonder about."""
        return self.agree or self.because is not None


@dataclass(frozen=True, slots=True)
class Judged:
    """A history, what became of it in the format, and all that was said of it."""

    story: Story
    document: bytes
    compared: tuple[Compared, ...]

    def __str__(self) -> str:
        said = "\n".join(f"  {each.form}: {each.ours} / {each.theirs}" for each in self.compared if not each.explained)
        return f"{self.story}\nfencepost / s2-porcupine:\n{said}\nexported:\n{self.document.decode()}"


def judged(stories: Iterable[Story], opinion: Opinion, at_once: int = 1000) -> Iterable[Judged]:
    """Everything that is said of these histories."""
    rest = iter(stories)
    while some := list(islice(rest, at_once)):
        originals = [story.history for story in some]
        documents = [exported(original) for original in originals]
        collected = [as_collected(document) for document in documents]
        said = zip(opinion.on(documents), opinion.on(collected), strict=True)
        for story, original, document, plain, theirs in zip(some, originals, documents, collected, said, strict=True):
            compared = (
                _recorded(story, original, theirs[0]),
                _in_the_format(Form.EXPORTED, document, theirs[0], opinion),
                _in_the_format(Form.COLLECTED, plain, theirs[1], opinion),
            )
            yield Judged(story, document, compared)


def _recorded(story: Story, original: History, theirs: Validity) -> Compared:
    ours = Linearizability().check(original).validity
    because: tuple[str, ...] | None = ()
    if ours is not theirs:
        because = rules_behind(story, ours, theirs, OTHERS)
        if because is not None and not _are_told(because, lost(original)):
            because = None
        if ours is Validity.UNKNOWN and because is not None:
            because = (NOTHING_OBSERVED, *because) if _nothing_succeeded(original) else None
    return Compared(Form.RECORDED, ours, theirs, because)


def _are_told(names: tuple[str, ...], listed: list[str]) -> bool:
    """Whether the export says that it takes away what these rules are about."""
    needed = [rule.losses for rule in RULES if rule.name in names and rule.losses]
    return all(any(each.startswith(losses) for each in listed) for losses in needed)


def _in_the_format(form: Form, document: bytes, theirs: Validity, opinion: Opinion) -> Compared:
    """Both were given the same, so that only their models can differ: in how the stream begins."""
    read = parse_history(document, form)
    ours = Linearizability().check(read).validity
    because: tuple[str, ...] | None = None
    if ours is theirs:
        because = ()
    elif (ours, theirs) == (Validity.UNKNOWN, Validity.VALID) and _nothing_succeeded(read):
        because = (NOTHING_OBSERVED,)
    elif (ours, theirs) == (Validity.VALID, Validity.INVALID):
        first = read.header.streams[0].fencing_token
        rule = INITIAL_TOKEN if first is not None else UNKNOWN_FIRST_TOKEN
        tokens = read.tokens if first is None else [first]
        if Validity.VALID in opinion.on([beginning_with(token, document) for token in tokens]):
            because = (rule.name,)
    return Compared(form, ours, theirs, because)


def _nothing_succeeded(read: History) -> bool:
    return not (read.outcome == Outcome.OK).any()
