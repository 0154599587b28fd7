"""Classes of marked regions: how they are compared, and what the option ``region_class`` says of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from livergrade.io.visible import shown

SKIP, TABLE, FIRST, LAST = "skip", "table", "first", "last"
MEANINGS = {
    SKIP: "cut no image of it",
    TABLE: "it has the table's grade",
    FIRST: "the first part of a class such as 'poor: tumor' is the grade",
    LAST: "the last part of a class such as 'Tumor: poor' is the grade",
}
"""What a class may mean, but for a grade."""
ELSE = "else"
"""In place of a class: all that are no grade and are not named."""

Key = tuple[str, ...]


def class_key(kind: str) -> Key:
    """The parts of a class, ``Tumor: poor`` has two; equal if only case, blanks or accents' form differ."""
    parts = [_plain(part) for part in kind.split(":")]
    return tuple(part for part in parts if part)


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text.replace("\ufeff", ""))
    seen = "".join(letter for letter in composed if unicodedata.category(letter) != "Cf")
    return " ".join(seen.casefold().split())


def same_class(kind: str, grades: Sequence[str]) -> str | None:
    """The grade that a class is, regardless of case and blanks; None if it is none, or might be two."""
    if kind in grades:
        return kind
    alike = [grade for grade in grades if class_key(grade) == class_key(kind)]
    return alike[0] if len(alike) == 1 else None


def region_rules(words: Iterable[str]) -> dict[Key, str]:
    """The rules of ``region_class``, as ``Necrosis=skip``: what each class means."""
    parts = [word.rpartition("=") for word in words]
    return {class_key(kind): meaning.strip() for kind, _, meaning in parts}


def rule_problems(words: Sequence[str], grades: Sequence[str]) -> list[str]:
    """Problems of ``region_class``, one line each."""
    problems, seen = [], dict[Key, str]()
    for word in words:
        kind, sign, meaning = (part.strip() for part in word.rpartition("="))
        rule = f"region_class: {shown(repr(word), 80)}"
        if not sign or not class_key(kind):
            problems.append(f"{rule} names no class and what it means; write it as 'Necrosis=skip'")
        elif meaning not in grades and meaning not in MEANINGS:
            allowed = ", ".join((*grades, *MEANINGS))
            problems.append(f"{rule}: {shown(meaning, 60)} is none of {allowed}")
        elif (before := seen.setdefault(class_key(kind), word)) is not word:
            problems.append(f"{rule} is of the same class as {shown(repr(before), 80)}; leave one out")
    return problems
