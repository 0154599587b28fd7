"""The embedded cohort: its files, and what its images tell of grades and patients."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.data.synthetic import cohort as synthetic
from livergrade.data.synthetic.cohort import GRADES, synthetic_cohort
from livergrade.errors import UserError

TINY = {"scale": 0.06, "patients": (2, 2, 2), "images_per_patient": 3}
COLUMNS = ["image", "patient", "grade", "slide", "grid_row", "grid_column", "age", "sex"]


def rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def optical_density(path: Path) -> np.ndarray:
    return np.clip(-np.log10((np.asarray(Image.open(path), float) + 1) / 245), 0, None)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return synthetic_cohort(tmp_path_factory.mktemp("cache"), **TINY)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Enough patients for statements about grades and patients."""
    return synthetic_cohort(
        tmp_path_factory.mktemp("cache"), scale=0.12, patients=(8, 8, 8), images_per_patient=2
    )


def test_the_manifest_describes_every_image(tiny):
    table = rows(tiny)
    assert list(table[0]) == COLUMNS
    assert Counter(row["grade"] for row in table) == dict.fromkeys(GRADES, 6)
    assert {row["patient"] for row in table} == {f"P{n:03d}" for n in range(1, 7)}
    assert all(len({row["grade"] for row in table if row["patient"] == p}) == 1 for p in ("P001", "P006"))
    assert len({(r["patient"], r["grid_row"], r["grid_column"]) for r in table}) == len(table)
    images = {str(path.relative_to(tiny.parent)) for path in tiny.parent.glob("images/*")}
    assert images == {row["image"] for row in table}
    assert {Image.open(tiny.parent / row["image"]).size for row in table} == {(100, 84)}
    assert "SYNTHETIC" in (tiny.parent / "README.txt").read_text()


def test_the_default_patients_are_the_papers(tmp_path):
    table = rows(synthetic_cohort(tmp_path, scale=0.05, images_per_patient=1))
    in_order = [row["grade"] for row in table]
    assert Counter(in_order) == {"poor": 24, "moderate": 28, "well": 22}
    assert in_order != sorted(in_order, key=GRADES.index), "a patient's number tells the grade"
    assert {row["age"] for row in table} == set(synthetic.AGE_BANDS)
    assert 0.7 < np.mean([row["sex"] == "M" for row in table]) < 0.95


def test_six_images_fill_a_grid_of_two_rows_and_three_columns(tmp_path):
    table = rows(synthetic_cohort(tmp_path, scale=0.05, patients=(1, 0, 1)))
    for patient in ("P001", "P002"):
        grid = [(row["grid_row"], row["grid_column"]) for row in table if row["patient"] == patient]
        assert grid == [(r, c) for r in "12" for c in "123"]


def test_the_same_bytes_from_any_number_of_workers(tiny, tmp_path):
    cohort = synthetic._Cohort(0, TINY["scale"], TINY["patients"], TINY["images_per_patient"])
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        folder.mkdir()
        synthetic._draw(folder, cohort, workers)
        assert digests(folder) == digests(tiny.parent)


def test_another_seed_is_another_cohort(tiny, tmp_path):
    other = synthetic_cohort(tmp_path, seed=1, **TINY)
    assert other.parent.name != tiny.parent.name
    ours, theirs = digests(tiny.parent), digests(other.parent)
    assert not {ours[name] for name in ours if "images" in name} & set(theirs.values())


def test_a_second_call_draws_nothing(tiny):
    before = digests(tiny.parent), tiny.stat().st_mtime_ns
    assert synthetic_cohort(tiny.parents[1], **TINY) == tiny
    assert (digests(tiny.parent), tiny.stat().st_mtime_ns) == before


def test_two_scales_show_the_same_patients_and_tissue(tmp_path):
    small, large = (
        synthetic_cohort(tmp_path, scale=s, patients=(1, 1, 1), images_per_patient=2) for s in (0.1, 0.3)
    )
    assert rows(small) == rows(large)
    for row in rows(small):
        a = Image.open(small.parent / row["image"])
        b = Image.open(large.parent / row["image"]).resize(a.size, Image.Resampling.BOX)
        coarse = [np.asarray(x.resize((42, 35), Image.Resampling.BOX), float).ravel() for x in (a, b)]
        assert np.corrcoef(coarse)[0, 1] > 0.85
        assert abs(coarse[0].mean() - coarse[1].mean()) < 6


@pytest.mark.slow
@pytest.mark.slow
def test_concurrent_processes_share_one_cohort(tiny, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from livergrade.data.synthetic.cohort import synthetic_cohort as s\n"
        f"print(s(Path(sys.argv[1]), **{TINY!r}))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1]
    assert [path.name for path in tmp_path.iterdir()] == [tiny.parent.name], "half-drawn folders stay behind"
    assert digests(Path(answers[0]).parent) == digests(tiny.parent)


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_interrupted_drawing_is_not_taken_for_a_cohort(tiny, tmp_path, how):
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs may ignore it
        "from pathlib import Path; from livergrade.data.synthetic.cohort import synthetic_cohort as s\n"
        "s(Path(sys.argv[1]), scale=0.06, patients=(40, 40, 40), images_per_patient=3)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*/images/*.jpg")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, how)
    assert process.wait(timeout=60) != 0
    assert not list(tmp_path.glob("synthetic*"))
    if how == signal.SIGINT:
        assert not list(tmp_path.iterdir())
    assert digests(synthetic_cohort(tmp_path, **TINY).parent) == digests(tiny.parent)


@pytest.mark.slow
def test_density_rises_with_loss_of_differentiation(many):
    """Red light is absorbed by haematoxylin and hardly by eosin."""
    table = rows(many)
    density = {
        grade: np.mean(
            [
                optical_density(many.parent / row["image"])[..., 0].mean()
                for row in table
                if row["grade"] == grade
            ]
        )
        for grade in GRADES
    }
    assert density["poor"] > density["moderate"] > density["well"]


def test_patients_differ_more_in_stain_than_their_images_do(many):
    hue: dict[str, list[float]] = {}
    for row in rows(many):
        od = optical_density(many.parent / row["image"])
        hue.setdefault(row["patient"], []).append(od[..., 2].sum() / od[..., 1].sum())
    values = np.array(list(hue.values()))
    assert values.mean(axis=1).var(ddof=1) > 4 * values.var(axis=1, ddof=1).mean()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"patients": (2, 2)}, "three counts"),
        ({"patients": (0, 0, 0)}, "three counts"),
        ({"scale": 2.0}, "scale"),
        ({"images_per_patient": 0}, "images_per_patient"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, fault):
    with pytest.raises(UserError, match=fault):
        synthetic_cohort(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way_is_told(tmp_path, tiny):
    (tmp_path / tiny.parent.name).mkdir()
    (tmp_path / tiny.parent.name / "something").touch()
    with pytest.raises(UserError, match="already exists and is not a cohort"):
        synthetic_cohort(tmp_path, **TINY)
