"""A newcomer finds every term of the documentation in the glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fencepost.harness.verdict import Validity

DOCS = Path(__file__).parent.parent / "docs"
GLOSSARY = DOCS / "glossary.md"
_ROW = re.compile(r"^\| \*([^*]+)\* \| (.+) \|$", re.MULTILINE)
_ITALIC = re.compile(r"(?<![*\w])\*([^*\n]+(?:\n[^*\n]+)?)\*(?![*\w])")


def terms() -> dict[str, str]:
    return dict(_ROW.findall(GLOSSARY.read_text()))


def italics(page: Path) -> set[str]:
    """The italic words of a page, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    return {" ".join(found.split()).rstrip(".:,").lower() for found in _ITALIC.findall(text)}


def pages() -> list[Path]:
    root = DOCS.parent
    return [page for page in (*DOCS.glob("*.md"), root / "README.md") if page != GLOSSARY]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_an_italic_word_is_in_the_glossary(page: Path) -> None:
    known = set(terms())
    unknown = {word for word in italics(page) if word not in known and word.removesuffix("s") not in known}
    assert not unknown, "define these in docs/glossary.md, or emphasise with bold"


def test_the_pages_use_italics_for_terms_at_all() -> None:
    assert "zombie" in {word.removesuffix("s") for page in pages() for word in italics(page)}


def test_every_term_is_used_somewhere() -> None:
    text = " ".join(page.read_text() for page in pages()).lower()
    assert not {term for term in terms() if term not in text}


def test_terms_stand_in_alphabetical_order_and_take_one_line() -> None:
    names = list(terms())
    assert names == sorted(names)
    assert len(names) > 40
    rows = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| *")]
    assert len(rows) == len(names), "a row that the pattern does not match is no row"


def test_the_words_that_every_verdict_and_outcome_uses_are_there() -> None:
    missing = {"definite", "indefinite", "verdict", "witness", Validity.UNKNOWN.value} - set(terms())
    assert not missing
