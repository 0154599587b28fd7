"""Reporting checklists of a run: TRIPOD+AI and CLAIM 2024, filled in as far as the run's files tell.

The items are in ``checklist_items.json``, in our words; what no file of a run tells is left to the authors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from livergrade.io.files import atomic_write
from livergrade.reports.checklist_answers import claim_answers, facts_of, tripod_answers
from livergrade.reports.markdown import escape_markdown
from livergrade.runs.run import Run

FILE = "reporting_checklists.md"
BLANK = "*for the authors*"
_INTRODUCTION = (
    "Filled in by livergrade from the files of this run, as far as possible. Copy it into the supplement of "
    f"your paper, check each line, and fill in what is {BLANK}. The items are paraphrased; the "
    "publications have the full text.\n"
)
_ITEMS = Path(__file__).with_name("checklist_items.json")


class Item(TypedDict):
    """One item of a checklist.

    Attributes:
        number: as the publication numbers it, with the letter of a part.
        section: part of the article.
        topic: what it is about.
        asks: what is asked, in our words.
    """

    number: str
    section: str
    topic: str
    asks: str


class Checklist(TypedDict):
    """A published checklist.

    Attributes:
        citation: where it was published.
        items: in the order of the publication.
    """

    citation: str
    items: list[Item]


def checklist_items() -> dict[str, Checklist]:
    """The published checklists by their name."""
    items: dict[str, Checklist] = json.loads(_ITEMS.read_text("utf-8"))
    return items


def write_checklists(run_folder: Path) -> Path:
    """Write ``reporting_checklists.md`` into a run folder, atomically.

    Reads what the report reads; a file that is missing leaves its items to the authors.

    Args:
        run_folder: folder of a run with its metrics.

    Returns:
        Path of the file.
    """
    facts = facts_of(Run(run_folder))
    answers = {"TRIPOD+AI": tripod_answers(facts), "CLAIM 2024": claim_answers(facts)}
    parts = ["# Reporting checklists\n", _INTRODUCTION]
    if facts["synthetic"]:
        parts.append("Synthetic cohort: every image is computer-generated. Nothing here is about patients.\n")
    parts += [_table(name, items, answers[name]) for name, items in checklist_items().items()]
    target = run_folder / FILE
    with atomic_write(target) as part:
        part.write_text("\n".join(parts), encoding="utf-8")
    return target


def _table(name: str, checklist: Checklist, answers: dict[str, str]) -> str:
    filled = sum(item["number"] in answers for item in checklist["items"])
    lines = [
        f"## {name}\n",
        f"{checklist['citation']}. The run answers {filled} of {len(checklist['items'])} lines.\n",
        "| Item | Section | Topic | What is asked | This run |",
        "| --- | --- | --- | --- | --- |",
    ]
    for item in checklist["items"]:
        answer = answers.get(item["number"])
        cell = escape_markdown(answer) if answer else BLANK
        lines.append(f"| {item['number']} | {item['section']} | {item['topic']} | {item['asks']} | {cell} |")
    return "\n".join(lines) + "\n"
