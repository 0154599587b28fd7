"""The tables of a review."""

from pathlib import Path

import pandas as pd

from livergrade.reading.export_readings import export_readings, manifest_tables
from livergrade.reading.readings import COLUMNS
from tests.reading.client import ask, options, reading, started, write_images

CELLS = {"sha256": "0" * 64, "patient": "P1", "grade": "well", "mpp": ""}


def rows(*answers: tuple[str, int, str | None], mode: str = "read") -> list[dict[str, object]]:
    return [
        {
            "reader": reader,
            "image": image,
            "grade": grade,
            "excluded": None if grade or mode == "confirm" else "ungradable",
            "mode": mode,
            "undone": 0,
        }
        for reader, image, grade in answers
    ]


def test_the_consensus_is_adjudicated_or_of_the_majority() -> None:
    images = [{"image": f"{number}.png"} | CELLS for number in range(7)]
    three = ("anna", "ben", "chen")
    given = [
        ["poor", "poor", "poor"],
        ["poor", "poor", "well"],
        ["poor", "well", "moderate"],
        ["poor", "well", "moderate"],
        [None, None, "poor"],
        ["poor", "well", "well"],
    ]
    read = rows(
        *((reader, at, grade) for at, of in enumerate(given) for reader, grade in zip(three, of, strict=True))
    )
    read += rows(("anna", 0, "well"))  # a repeat, which does not count
    read += rows(("panel", 3, "moderate"), ("panel", 5, "poor"), mode="adjudicate")
    facts = {"mode": "adjudicate", "readers": ["panel"], "first_readers": list(three)}
    kept, left_out = manifest_tables(facts, images, read)
    told = kept.set_index("image")[["grade", "consensus_by"]].to_records().tolist()
    assert told == [
        ("0.png", "poor", "all agree"),
        ("1.png", "poor", "more_than_half"),
        ("3.png", "moderate", "adjudicated"),
        ("5.png", "poor", "adjudicated"),
    ]
    assert kept.loc[1, ["grade_anna", "grade_ben", "grade_chen"]].tolist() == given[1]
    assert kept["grade_before"].tolist() == ["well"] * 4
    assert left_out["reason"].tolist() == ["readers differ", "excluded: ungradable", "not read"]


def test_what_was_not_confirmed_is_left_out() -> None:
    images = [{"image": f"{number}.png"} | CELLS for number in range(3)]
    read = rows(("anna", 0, None), ("anna", 1, None), mode="confirm")
    read[1]["excluded"] = "quality"
    kept, left_out = manifest_tables({"mode": "confirm", "readers": ["anna"]}, images, read)
    assert kept[["image", "grade", "consensus_by"]].to_numpy().tolist() == [["0.png", "well", "kept"]]
    assert left_out["reason"].tolist() == ["excluded: quality", "not read"]


def test_tables_are_written_whatever_a_comment_says(tmp_path: Path) -> None:
    store, app, cookies = started(tmp_path, options(write_images(tmp_path), ("anna",)))
    for place, comment in enumerate(('=HYPERLINK("x")', "<script>alert(1)</script>", 'a "b", c', "")):
        sent = reading(place, place, "well", comment=comment)
        assert ask(app, "/reading", sent, cookie=cookies["anna"]).status == 200
    export_readings(store, tmp_path / "review")
    table = pd.read_csv(tmp_path / "review" / "readings.csv", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert table["comment"].tolist() == [
        '\'=HYPERLINK("x")',
        "<script>alert(1)</script>",
        'a "b", c',
        "",
    ]
    manifest = pd.read_csv(tmp_path / "review" / "manifest.csv", dtype=str)
    assert manifest["consensus_by"].tolist() == ["one reader"] * 4
    assert manifest["mpp"].tolist() == ["0.5"] * 4
