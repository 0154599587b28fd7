"""The grade of each image of a review, and how it came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from livergrade.reading.consensus import consensus
from livergrade.reading.ratings import NONE

Answers = Mapping[str, Mapping[str, Any]]
"""Of one image: reader → reading."""
OWN_RULE = "more_than_half"
"""What more than half of the adjudicators say, or without adjudication of the readers; else no grade."""


def review_consensus(
    facts: Mapping[str, Any],
    images: Sequence[Mapping[str, str]],
    readers: Sequence[str],
    first: Mapping[int, Answers],
    decided: Mapping[int, Answers],
    rule: str,
) -> list[tuple[str | None, str]]:
    """Of each image the grade and how it came about; None and why there is none.

    Args:
        facts: of the review.
        images: as `Store.images` has them.
        readers: who read the images first.
        first: image → answers of the readers, the first of each.
        decided: image → answers of the adjudicators, in the same way.
        rule: `OWN_RULE`, or one of `livergrade.reading.consensus.RULES`.
    """
    numbers = range(len(images))
    if facts["mode"] == "confirm":
        return [_confirmed(images[number]["grade"], first.get(number, {})) for number in numbers]
    if rule == OWN_RULE:
        return [_more_than_half(first.get(number, {}), decided.get(number, {})) for number in numbers]
    classes = facts["classes"]
    index = {grade: at for at, grade in enumerate(classes)} | {None: NONE}
    grades = np.full((len(images), max(1, len(readers))), NONE, np.int64)
    settled = np.full(len(images), NONE, np.int64)
    for number, given in first.items():
        for reader, row in given.items():
            grades[number, readers.index(reader)] = index[row["grade"]]
    for number, given in decided.items():
        settled[number] = index[list(given.values())[-1]["grade"]]  # the last one holds, as in agreement
    agreed = consensus(grades, len(classes), rule, settled)
    told = list[tuple[str | None, str]]()
    for number, grade in enumerate(agreed):
        by_panel = rule == "adjudicated" and number in decided
        answers = (decided if by_panel else first).get(number, {})
        if why := _no_grade(answers):
            told.append((None, why))
        elif grade == NONE:
            told.append((None, "readers differ"))
        else:
            told.append((classes[grade], rule if by_panel or rule == "dawid_skene" else _how(answers, rule)))
    return told


def _no_grade(answers: Answers) -> str:
    """Why answers give no grade whatever the rule; blank if they may."""
    if not answers:
        return "not read"
    reasons = sorted({row["excluded"] for row in answers.values() if row["excluded"]})
    lacking = sum(row["grade"] is None for row in answers.values())
    return f"excluded: {', '.join(reasons)}" if 2 * lacking > len(answers) else ""


def _how(answers: Answers, rule: str) -> str:
    """How readers came to a grade: as one, all alike, or by the rule."""
    graded = [row["grade"] for row in answers.values()]
    if len(graded) == 1:
        return "one reader"
    return "all agree" if len({*graded}) == 1 else rule


def _confirmed(before: str, answers: Answers) -> tuple[str | None, str]:
    """The recorded grade of an image that everybody who saw it keeps."""
    if not answers:
        return None, "not read"
    if reasons := sorted({row["excluded"] for row in answers.values() if row["excluded"]}):
        return None, f"excluded: {', '.join(reasons)}"
    return before, "kept"


def _more_than_half(first: Answers, decided: Answers) -> tuple[str | None, str]:
    """What more than half of the adjudicators say, or of the readers without adjudication."""
    answers, rule = (decided, "adjudicated") if decided else (first, OWN_RULE)
    if why := _no_grade(answers):
        return None, why
    grade, votes = Counter(row["grade"] for row in answers.values()).most_common(1)[0]
    if 2 * votes <= len(answers):
        return None, "adjudicators differ" if decided else "readers differ"
    return str(grade), rule if decided else _how(answers, rule)
