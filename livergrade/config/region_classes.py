"""Classes of marked regions: how they are compared, and what the option ``region_class`` says of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from livergrade.io.similar import similar
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

_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")

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


def region_rules(text: str | None) -> dict[Key, str]:
    """The rules of ``region_class``, as ``{Necrosis: skip, 'Tumor: G3': poor}``: what each class means.

    A meaning alone, as ``last``, is that of :data:`ELSE`.
    """
    return {class_key(kind): meaning for kind, meaning in _pairs(text or "{}") or ()}


def rule_problems(text: str | None, grades: Sequence[str]) -> list[str]:
    """Problems of ``region_class``, one line each."""
    pairs = _pairs(text or "{}")
    if pairs is None or not all(class_key(kind) for kind, _ in pairs):
        form = "\"region_class={Necrosis: skip, 'Tumor: G3': poor}\""
        return [f"region_class={shown(text, 80)}: must be classes and what they mean, as {form}"]
    problems = [
        f"region_class: {shown(repr(kind), 60)} means {shown(repr(meaning), 60)}: "
        f"{similar(meaning, (*grades, *MEANINGS))}"
        for kind, meaning in pairs
        if meaning not in grades and meaning not in MEANINGS
    ]
    keys = [class_key(kind) for kind, _ in pairs]
    twice = {key: kind for key, (kind, _) in zip(keys, pairs, strict=True) if keys.count(key) > 1}
    return problems + [
        f"region_class: says twice what {shown(repr(kind), 60)} means; leave one out"
        for kind in twice.values()
    ]


def typed_rule(kind: str, meaning: str) -> str:
    """A rule as it can be typed."""
    plain = re.fullmatch(r"[\w.*() -]+", kind) and kind == kind.strip()
    quote = '"' if "'" in kind else "'"
    return f"{kind if plain else quote + kind + quote}: {meaning}"


def _pairs(text: str) -> list[tuple[str, str]] | None:
    """Classes and meanings in the order of the text; None if it can't be read."""
    text = text.strip()
    if not text.startswith("{"):
        return [(ELSE, _unquoted(text))]
    inner = text[1:-1]
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), inner)
    if not text.endswith("}") or len(text) == 1 or re.search(r"""['"{}]""", masked):
        return None
    pairs, start = [], 0
    for item in masked.split(","):
        colon = item.rfind(":")  # the last one, since a class may have some
        written = inner[start : start + len(item)]
        start += len(item) + 1
        if not item.strip():
            continue
        if colon < 0:
            return None
        pairs.append((_unquoted(written[:colon]), _unquoted(written[colon + 1 :])))
    return pairs


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if _QUOTED.fullmatch(text) else text
