"""The grade of each marked region: from its class, from the table, or as ``region_class`` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from livergrade.config.region_classes import (
    ELSE,
    FIRST,
    LAST,
    SKIP,
    TABLE,
    Key,
    class_key,
    region_rules,
    same_class,
    typed_rule,
)
from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.grade_map import NO_MAP, GradeMap, grade_map
from livergrade.slides.regions import Region

PROPOSED = "proposed"
"""Class of the regions that are proposed: none of the pathologist's."""
FROM_TABLE, FROM_REGION, FROM_OPTION = "table", "region", "region_class"
"""Where a grade is from: the table, the region's class, or the option ``region_class``."""


@dataclass(frozen=True)
class GradedRegion:
    """A region with its grade.

    Attributes:
        region: the region.
        grade: its grade; None: it is not cut.
        source: where that is from, ``table``, ``region`` or ``region_class``.
    """

    region: Region
    grade: str | None
    source: str


def grade_regions(
    regions: Sequence[Region], of_table: str, config: PrepareConfig, file: Path
) -> list[GradedRegion]:
    """Give each region of a slide its grade.

    Args:
        regions: the regions.
        of_table: the slide's grade in the table, empty without one.
        config: the options ``classes``, ``grades``, ``region_class`` and ``grade_conflict``.
        file: where the regions are from, for messages.

    Raises:
        UserError: a class is no grade and no option says what it means, a class is another grade than the
            table's, or nothing says a grade; all are listed.
    """
    rules, words = region_rules(config.region_class), grade_map(config.grades, "grades")
    graded, problems, unknown = list[GradedRegion](), list[str](), dict[str, list[str]]()
    for region in regions:
        meaning, source = class_meaning(region.kind, config.classes, rules, words)
        if meaning is None:
            unknown.setdefault(region.kind, []).append(region.name)
        elif meaning == SKIP:
            graded.append(GradedRegion(region, None, source))
        elif meaning == TABLE and (named := _named_otherwise(region, of_table, config.classes, words)):
            problems.append(named)
        elif meaning == TABLE and not of_table:
            has = f"class {region.kind!r}, which says none," if region.kind else "no class"
            problems.append(f"{region.title} has no grade: it has {has} and the table has none for the slide")
        elif meaning == TABLE:
            graded.append(GradedRegion(region, of_table, FROM_TABLE))
        elif of_table not in ("", meaning) and config.grade_conflict == "refuse":
            problems.append(
                f"{region.title} has class {region.kind!r}, so {meaning}, but the table says {of_table}; "
                "correct one, or set grade_conflict=region if the class counts"
            )
        else:
            graded.append(GradedRegion(region, meaning, source))
    problems += [said for one in graded if (said := _said_otherwise(one, config.classes, words))]
    problems += _unknown(unknown, config.classes)
    if problems:
        listed = "\n".join(f"    {problem}" for problem in problems)
        raise UserError(f"{file}: the grade of its regions is unclear:\n{listed}")
    return graded


def _named_otherwise(region: Region, of_table: str, grades: Sequence[str], words: GradeMap) -> str | None:
    """Say that a region without class is named as a grade that is not the table's; None if it is not."""
    named = None if region.kind else _grade(region.label, grades, words)
    if named in (None, SKIP) or named == of_table:
        return None
    return (
        f"{region.title} has no class, but the name of the grade {named}, and the table says "
        f"{of_table or 'none'}; give it that class in QuPath, or another name"
    )


def _said_otherwise(graded: GradedRegion, grades: Sequence[str], words: GradeMap) -> str | None:
    """Say that a property of a region is another grade than the region's; None if none is.

    What ``region_class`` says of a class counts more than the other properties.
    """
    if graded.grade is None or graded.source == FROM_OPTION:
        return None
    for name, text in graded.region.notes:
        said = _grade(text, grades, words)
        if said not in (None, SKIP, graded.grade):
            source = "table" if graded.source == FROM_TABLE else "class"
            return (
                f"{graded.region.title} has the grade {graded.grade} of the {source}, but its property "
                f"{name!r} says {text!r}; write the grade as its classification, or remove that property"
            )
    return None


def class_meaning(
    kind: str, grades: Sequence[str], rules: dict[Key, str], words: GradeMap = NO_MAP
) -> tuple[str | None, str]:
    """What a region's class means, and where that is from.

    Args:
        kind: the class, empty without one.
        grades: the grades.
        rules: those of the option ``region_class``.
        words: other words for the grades, of the option ``grades``.

    Returns:
        A grade, ``skip`` or ``table``, and its source; None if the class is no grade and no rule is for it.
    """
    key = class_key(kind)
    rule = rules.get(key)
    if rule is None:
        if not key or key == (PROPOSED,):
            return TABLE, FROM_TABLE
        if key[0].startswith("ignore"):
            return SKIP, FROM_REGION
        if grade := _grade(kind, grades, words):
            return grade, FROM_REGION
        rule = rules.get((ELSE,))
    if rule in (FIRST, LAST) and rule not in grades:
        return _grade(key[0 if rule == FIRST else -1], grades, words), FROM_OPTION
    return rule, FROM_OPTION


def _grade(text: str, grades: Sequence[str], words: GradeMap) -> str | None:
    """The grade that a text says, regardless of case and blanks, or ``skip``; None if it says none."""
    word = same_class(text, list(words.grades))
    return same_class(text, grades) if word is None else words.grades[word] or SKIP


def class_rows(graded: Iterable[GradedRegion]) -> list[dict[str, object]]:
    """Regions counted by class and grade, for the report: ``kind``, ``regions``, ``grade``, ``source``."""
    counts = Counter((one.region.kind, one.grade or "", one.source if one.grade else "") for one in graded)
    return [
        {"kind": kind, "regions": count, "grade": grade, "source": source}
        for (kind, grade, source), count in sorted(counts.items())
    ]


def _unknown(unknown: dict[str, list[str]], grades: Sequence[str]) -> list[str]:
    """One line for each class that means nothing, and one that says what to do."""
    if not unknown:
        return []
    lines = [
        f"class {kind!r} is not a grade ({len(names)} region{'s' * (len(names) > 1)}: {', '.join(names[:10])}"
        f"{', …' * (len(names) > 10)})"
        for kind, names in sorted(unknown.items())
    ]
    alike = {kind: same_class(kind.rpartition(":")[2], grades) for kind in sorted(unknown)[:10]}
    rules = ", ".join(typed_rule(kind, grade or SKIP) for kind, grade in alike.items())
    fix = (
        f'say what each class means, as in "region_class={{{rules}}}": a grade ({", ".join(grades)}), skip, '
        "table (the table's grade), or first or last (that part of the class); else is all others"
    )
    return [*lines, fix]
