"""Other people's words for grades, each with the grade that is meant, or none: then its rows are left out."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livergrade.io.visible import one_line, shown


@dataclass(frozen=True)
class GradeMap:
    """Words and their grades.

    Attributes:
        grades: each word with its grade; None: what has this word is left out.
        option: the option that says so: ``data.grades``.
    """

    grades: Mapping[str, str | None]
    option: str = "data.grades"

    def of(self, word: str) -> str | None:
        """The grade of a word, which is the word itself where nothing else was said; None: left out."""
        return self.grades.get(word, word)

    def unused(self, words: Counter[str]) -> list[str]:
        """Words of the map that are not among these."""
        return [word for word in self.grades if word not in words]

    def left_out(self, words: Counter[str]) -> str:
        """Say how many are left out, and of which words; empty if none are."""
        counts = {word: words[word] for word, grade in self.grades.items() if grade is None and words[word]}
        listed = ", ".join(
            f"{number} of {one_line(word)}" if word else f"{number} blank" for word, number in counts.items()
        )
        return f"{sum(counts.values())} of {sum(words.values())} are left out ({listed})" if counts else ""

    def advice(self, words: Sequence[str], classes: Sequence[str]) -> str:
        """The option that takes words which are no grades; for those that differ only in case, ready to type.

        Args:
            words: what is no grade, as it is in the table; empty for blank cells.
            classes: the grades.
        """
        keys = {_key(grade): grade for grade in classes}
        pairs = {word: grade or "null" for word, grade in self.grades.items()}
        open_ = "<grade, or null to leave it out>"
        pairs |= {word: keys.get(_key(word), open_) if word else "null" for word in words[:10]}
        listed = ", ".join(f"{_typed(word)}: {grade}" for word, grade in pairs.items())
        whole = f"{self.option}={{{listed}}}"
        more = f" and {len(words) - 10} more words" if len(words) > 10 else ""
        return f"correct these words{more}, or take them as grades: {shlex.quote(whole)}"


NO_MAP = GradeMap({})


_TEXT = r"""'((?:[^']|'')*)'|"([^"]*)"|([^\s:,{}'"](?:[^:,{}'"]*[^\s:,{}'"])?)"""
_PAIR = re.compile(rf"\s*(?:{_TEXT})\s*:\s*(?:{_TEXT})\s*(,|$)")


def typed_grades(given: object) -> object:
    """What is typed as ``{G1: well, 'G 2': moderate, GX: null}`` as a dictionary; anything else as it is."""
    text = given.strip() if isinstance(given, str) else ""
    if not (text.startswith("{") and text.endswith("}")):
        return given
    grades: dict[str, str | None] = {}
    at, inner = 0, text[1:-1]
    while at < len(inner):
        if not (pair := _PAIR.match(inner, at)):
            return given
        grades[_typed_text(*pair.groups()[:3])] = (
            None if pair[6] == "null" else _typed_text(*pair.groups()[3:6])
        )
        at = pair.end()
    return grades


def _typed_text(single: str | None, double: str | None, bare: str | None) -> str:
    return single.replace("''", "'") if single is not None else double if double is not None else bare or ""


def grade_map(given: object, option: str = "data.grades") -> GradeMap:
    """The map that an option gives; keys and grades that were read as numbers become text again."""
    assert given is None or isinstance(given, Mapping)
    return GradeMap(
        {_text(word): grade if grade is None else _text(grade) for word, grade in (given or {}).items()},
        option,
    )


def grade_map_problems(given: object, option: str, classes: Sequence[str] | None) -> list[str]:
    """Why an option can't be such a map, one line each.

    Args:
        given: its value.
        option: its name.
        classes: the grades; None: not yet known.
    """
    if given is None:
        return []
    if not isinstance(given, Mapping) or any(isinstance(grade, Mapping | list) for grade in given.values()):
        example = f'"{option}={{G1: well, G2: null}}"'
        return [f"{option}={shown(given, 60)}: must be words and their grades, all in quotes, as {example}"]
    unknown = [
        _text(grade)
        for grade in given.values()
        if grade is not None and classes and _text(grade) not in classes
    ]
    return [
        f"{option}: {shown(grade, 60)} is not a grade; the grades are {', '.join(classes or ())}"
        for grade in dict.fromkeys(unknown)
    ]


def unknown_grades(
    words: Sequence[str], classes: Sequence[str], option: str, grades: GradeMap
) -> tuple[list[tuple[int, str]], str]:
    """Find the words that are no grades.

    Args:
        words: the word of each row, blank ones among them.
        classes: the grades.
        option: the option that names the grades, for messages.
        grades: the map that was applied to them.

    Returns:
        Rows, from 0, each with what is wrong there; and a line with what to do, empty if there are none.
    """
    reason = f"is not in {option} ({', '.join(classes)})"
    found = [
        (row, f"grade {word!r} {reason}") for row, word in enumerate(words) if word and word not in classes
    ]
    alien = list(dict.fromkeys(words[row] for row, _ in found))
    return found, grades.advice(alien, classes) if alien else ""


def _text(value: Any) -> str:  # noqa: ANN401 - what YAML has for a word
    return (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def _key(word: str) -> str:
    return " ".join(word.split()).casefold()


def _typed(word: str) -> str:
    """A word as it can be typed before a colon."""
    return (
        word
        if re.fullmatch(r"[\w.+-]+( [\w.+-]+)*", word)
        else f'"{word}"'
        if '"' not in word
        else "'" + word.replace("'", "''") + "'"
    )
