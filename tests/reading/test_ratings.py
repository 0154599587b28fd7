"""Which reading is the grade, which a repeat, and which does not count."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.reading.ratings import MOST, ratings_of
from livergrade.reading.readings import read_readings

CLASSES = ["poor", "moderate", "well"]
HEAD = "reader,image,grade,patient,time,order,mode,excluded,undone"


def readings(path: Path, *rows: str) -> pd.DataFrame:
    path = path / "readings.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return read_readings(path, CLASSES)


def test_the_first_counts_and_later_ones_are_repeats(tmp_path: Path) -> None:
    found = ratings_of(
        readings(
            tmp_path,
            "A,a.png,well,P2,2026-01-02T09:00:00Z,,,,",
            "A,a.png,poor,P2,2026-01-01T23:00:00-05:00,,,,",  # 2 January, 4 o'clock UTC: earlier
            "B,a.png,moderate,P2,,2,,,",
            "B,a.png,poor,P2,,1,,,true",
            "B,b.png,well,P1,,3,,,",
            "B,a.png,well,P2,,9,adjudicate,,",
            "B,a.png,poor,P2,,10,audit,,",
            "A,b.png,,P1,2026-01-02T09:00:00Z,,,blurred,",
        ),
        CLASSES,
    )
    assert (found.readers, found.images, found.patients) == (["A", "B"], ["a.png", "b.png"], ["P1", "P2"])
    assert found.grades.tolist() == [[0, 1], [-1, 2]]
    assert found.repeats.tolist() == [[0, 0, 0, 2]]
    assert found.adjudicated.tolist() == [2, -1]
    assert found.patient.tolist() == [1, 0]
    assert found.left_out == {
        "taken back": 1,
        "excluded by the reader": 1,
        "beside a network's answer (audit, confirm)": 1,
    }


def test_some_of_the_images_keep_their_patients_and_repeats(tmp_path: Path) -> None:
    found = ratings_of(readings(tmp_path, *(f"A,{name}.png,poor,P{name},,,,," for name in "abcbc")), CLASSES)
    part = found.among(np.array([False, False, True]))
    assert (part.images, part.patients, part.patient.tolist()) == (["c.png"], ["Pc"], [0])
    assert part.repeats.tolist() == [[0, 0, 0, 0]]
    assert found.by_patient(np.array([1.0, 2, 3])).tolist() == [1, 2, 3]


def test_no_reading_or_too_many_readers_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no reading is left"):
        ratings_of(readings(tmp_path, "A,a.png,poor,P,,,,,true"), CLASSES)
    many = [f"R{number},a.png,poor,P,,,,," for number in range(MOST + 1)]
    with pytest.raises(UserError, match=r"51 readers .*columns\.reader="):
        ratings_of(readings(tmp_path, *many), CLASSES)
