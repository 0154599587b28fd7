"""The reporting checklists: every published item in its order, filled in or left to the authors."""

import re
import shutil
from pathlib import Path

import pytest

from livergrade.reports.checklists import BLANK, FILE, checklist_items, write_checklists
from tests.conftest import as_own

TRIPOD = (
    "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 "
    "18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"
)
"""The numbers of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378): 27 items in 52 parts."""
CLAIM = " ".join(map(str, range(1, 45)))
"""The numbers of CLAIM 2024 (Tejani et al., Radiology: AI 2024;6:e240300)."""


def rows(text: str) -> dict[str, list[list[str]]]:
    """Heading → the cells of each row."""
    found: dict[str, list[list[str]]] = {}
    for part in text.split("\n## ")[1:]:
        name, _, rest = part.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("| ")][2:]
        found[name] = [re.split(r" \| ", line.strip("| ")) for line in lines]
    return found


@pytest.mark.parametrize(("name", "numbers"), [("TRIPOD+AI", TRIPOD), ("CLAIM 2024", CLAIM)])
def test_the_inventory_is_the_published_one(name: str, numbers: str) -> None:
    items = checklist_items()[name]["items"]
    assert " ".join(item["number"] for item in items) == numbers
    assert all(item["section"] and item["topic"] and item["asks"] for item in items)
    assert len({item["asks"] for item in items if len(item["asks"]) > 40}) == sum(
        len(item["asks"]) > 40 for item in items
    )


def test_topics_are_where_the_publications_have_them() -> None:
    tripod = {item["number"]: item["topic"] for item in checklist_items()["TRIPOD+AI"]["items"]}
    claim = {item["number"]: item for item in checklist_items()["CLAIM 2024"]["items"]}
    assert (tripod["10"], tripod["14"], tripod["17"]) == ("Sample size", "Fairness", "Ethical approval")
    assert (tripod["18f"], tripod["24"], tripod["26"]) == ("Code sharing", "Model updating", "Limitations")
    assert len({number.rstrip("abcdefg") for number in tripod}) == 27
    assert claim["20"]["topic"] == "Level"
    assert [claim[number]["section"] for number in ("14", "21", "27", "33", "39")] == [
        "Methods: reference standard",
        "Methods: testing data",
        "Methods: training",
        "Methods: evaluation",
        "Results: model performance",
    ]


def test_a_run_fills_in_what_it_knows(tiny_run: Path) -> None:
    text = (tiny_run / FILE).read_text("utf-8")
    found = rows(text)
    assert " ".join(row[0] for row in found["TRIPOD+AI"]) == TRIPOD
    assert " ".join(row[0] for row in found["CLAIM 2024"]) == CLAIM
    tripod, claim = ({row[0]: row[-1] for row in found[name]} for name in found)
    for number in ("3b", "5a", "6b", "8a", "17", "18a", "19", "25", "27c"):
        assert tripod[number] == BLANK
    for number in ("3", "7", "16", "18", "34", "41", "44"):
        assert claim[number] == BLANK
    assert "3 test patients (1 poor, 1 moderate, 1 well) with 6 images" in tripod["20a"].replace("\\", "")
    assert "none were found" in claim["20"]
    assert "accuracy 33.3 %" in claim["37"]
    assert "resnet" in claim["22"]
    assert f"The run answers {sum(cell != BLANK for cell in claim.values())} of 44 lines" in text
    assert FILE in (tiny_run / "report.html").read_text("utf-8")


def test_what_a_run_does_not_record_is_left_out(tiny_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder, ignore=shutil.ignore_patterns("checkpoints", "tensorboard", "figures"))
    for name in ("environment.json", "near_duplicates.csv", FILE):
        (folder / name).unlink()
    as_own(folder)
    claim = {row[0]: row[-1] for row in rows(write_checklists(folder).read_text("utf-8"))["CLAIM 2024"]}
    assert claim["23"] == claim["24"] == BLANK  # software, initial weights
    assert "Near duplicates" not in claim["20"]
