"""The tables of a review."""

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livergrade.config.schema import AgreementConfig, DataConfig
from livergrade.reading.export_readings import export_readings, manifest_tables, train_command
from livergrade.reading.readings import COLUMNS, read_readings
from livergrade.reading.results import write_agreement
from livergrade.reading.store import Reading
from tests.conftest import TINY, command, train
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
    assert tuple(table.columns) == (*COLUMNS, "patient")
    assert table["comment"].tolist() == [
        '\'=HYPERLINK("x")',
        "<script>alert(1)</script>",
        'a "b", c',
        "",
    ]
    manifest = pd.read_csv(tmp_path / "review" / "manifest.csv", dtype=str)
    assert manifest["consensus_by"].tolist() == ["one reader"] * 4
    assert manifest["mpp"].tolist() == ["0.5"] * 4


ODD = ["G3", 'G2 "x"', "007"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "classes", "more"),
    [("images", ["poor", "moderate", "well"], {}), ("a, b=c 'ü'", ODD, {"bits": 12, "icc": "apply"})],
)
def test_the_command_that_is_printed_trains_on_the_consensus(
    tmp_path: Path,
    small: list[str],
    capfd: pytest.CaptureFixture[str],
    folder: str,
    classes: list[str],
    more: dict[str, Any],
) -> None:
    """One patient has images of two grades, and the second cohort needs other options, too."""
    images = tmp_path / folder
    table = write_images(images, 24)
    config = options(table, ("anna",))
    config.data = DataConfig(name="manifest", manifest=str(table), classes=classes, **more)
    store, _, _ = started(tmp_path, config)
    order = store.tasks("anna")
    store.add(
        "anna",
        *(
            Reading(f"{place:032x}", place, classes[1 if image == 1 else image // 2 % 3], None, None, 1.0, "")
            for place, image in enumerate(order)
        ),
    )
    store.close()
    command("review", f"out={tmp_path / 'review'}", "export=true", outputs=tmp_path)
    (line,) = [line for line in capfd.readouterr().out.splitlines() if "train on it: " in line]
    _, _, *typed = shlex.split(line.partition("train on it: ")[2])
    assert typed[0] == "data=manifest"
    assert "data.mixed_grades=true" in typed
    own = {word.partition("=")[0] for word in typed}
    start = [word for word in small if word.partition("=")[0] not in own | {"data"}]
    train(*TINY, *typed, *start, f"hydra.run.dir={tmp_path / 'run'}", outputs=tmp_path)
    split = pd.read_csv(tmp_path / "run" / "split.csv", dtype=str)
    assert len(split) == 24
    assert set(split["grade"]) == set(classes)


def test_images_outside_of_their_folder_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    kept = pd.DataFrame({"image": ["../x.png"], "patient": ["P"], "grade": ["well"]})
    facts = {
        "root": str(tmp_path / "a"),
        "reading": {"bits": None, "icc": "ignore"},
        "classes": DataConfig().classes,
    }
    told = train_command(facts, kept, tmp_path / "m.csv")
    assert told.endswith("data.outside=true")
    assert "mixed_grades" not in told


@pytest.mark.parametrize("known", [True, False])
def test_readings_have_the_patients_that_agreement_needs(tmp_path: Path, known: bool) -> None:
    table = write_images(tmp_path)
    if not known:
        pd.read_csv(table, dtype=str).drop(columns="patient").to_csv(table, index=False)
    store, app, cookies = started(tmp_path, options(table))
    for number, (reader, place) in enumerate((reader, place) for reader in cookies for place in range(4)):
        sent = reading(number, place, "well" if place else "poor")
        assert ask(app, "/reading", sent, cookie=cookies[reader]).status == 200
    export_readings(store, tmp_path / "review")
    readings = read_readings(tmp_path / "review" / "readings.csv", store.facts["classes"])
    if known:
        assert readings["patient"].tolist() == [f"P{int(name[1]) // 2}" for name in readings["image"]]
        config = AgreementConfig(readings=str(tmp_path / "review" / "readings.csv"))
        write_agreement(config, tmp_path / "agreement", "livergrade agreement")
        assert (tmp_path / "agreement" / "agreement.html").is_file()
    else:
        assert set(readings["patient"]) == {""}
