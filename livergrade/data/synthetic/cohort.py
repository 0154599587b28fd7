"""The synthetic cohort: images that look like liver H&E, generated from a seed. Not data about patients.

Every patient has a latent differentiation around the centre of its grade, and random effects: tissue
architecture, cutting, staining and imaging. The images of a patient are neighbouring fields of one region, so
they share both. Grades overlap, and images of a patient resemble each other more than images of a grade: a
split that puts images of a patient into both training and test scores higher than a split by patient.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from livergrade.data.synthetic.anatomy import Patient
from livergrade.data.synthetic.tissue import draw_region
from livergrade.errors import UserError
from livergrade.io.bars import bar as progress_bar

GENERATOR_VERSION = 1
"""Increase it with every change of the images: it is part of the key in the cohort's folder name."""

GRADES = ("poor", "moderate", "well")
DIFFERENTIATION = {"poor": -1.0, "moderate": 0.0, "well": 1.0}
DIFFERENTIATION_SPREAD = 0.27
"""Standard deviation of patients around the centre of their grade; grades meet at a distance of one half."""

FULL_SIZE_PX = (1393, 1665)
"""Rows and columns of an image at scale 1, as in the paper."""
FULL_UM_PER_PX = 0.275
MARGIN_UM = 20.0
"""Additional tissue beyond the last image, because sizes are rounded up to whole pixels."""
GRID_COLUMNS = 3
JPEG_QUALITY = 95

AGE_BANDS = ("35-50", "51-66", "67-82")
SEXES = ("M", "F")
AGE_AND_SEX = {"poor": (7, 3, 6, 1, 4, 3), "moderate": (8, 0, 12, 2, 5, 1), "well": (2, 0, 12, 1, 4, 1)}
"""Patients in Table 1 of the paper by age band and, within a band, sex. The images do not depend on them."""

README = """\
SYNTHETIC COHORT

A program (livergrade.data.synthetic) generated these images from a seed. They show no person's tissue; ages
and sexes are random. The cohort exists so that livergrade can be run and tested without data.
No result on it says anything about liver cancer.

{arguments}
"""


@dataclass(frozen=True)
class _Cohort:
    """Arguments that, with the version, determine every byte of the cohort."""

    seed: int
    scale: float
    patients: tuple[int, ...]
    images_per_patient: int
    version: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        faults = {
            f"patients must be three counts ({', '.join(GRADES)}), got {list(self.patients)}": (
                len(self.patients) != len(GRADES) or min(self.patients) < 0 or not any(self.patients)
            ),
            f"scale must be between 0.05 and 1, got {self.scale}": not 0.05 <= self.scale <= 1,
            f"images_per_patient must be 1 or more, got {self.images_per_patient}": self.images_per_patient
            < 1,
            f"seed must be 0 or more, got {self.seed}": self.seed < 0,
        }
        if any(faults.values()):
            raise UserError(
                "synthetic cohort: " + "; ".join(message for message, is_wrong in faults.items() if is_wrong)
            )

    @property
    def folder(self) -> str:
        key = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
        return f"synthetic-liver-{sum(self.patients)}-patients-{key}"


def synthetic_cohort(
    cache_dir: Path,
    *,
    seed: int = 0,
    scale: float = 0.2,
    patients: Sequence[int] = (24, 28, 22),
    images_per_patient: int = 6,
) -> Path:
    """Return the manifest of the synthetic cohort; the cohort is generated at first use.

    The folder gets its final name only when it is complete. Processes that start at the same time each
    generate the cohort; the first to finish provides it for all.

    Args:
        cache_dir: Folder of generated cohorts; created if missing.
        seed: Determines every byte, together with the other arguments.
        scale: Fraction of the full size of 1665 × 1393 px at 0.275 µm per pixel, 0.05 to 1. Another scale
            shows the same tissue.
        patients: Number of poorly, moderately and well differentiated patients; default as in the paper.
        images_per_patient: Fields cut from each patient's region, three per row.

    Returns:
        Path of `manifest.csv`: image, patient, grade, slide, grid_row, grid_column (from 1), age, sex.

    Raises:
        UserError: An argument is out of range, or another folder or file has the cohort's name.
    """
    cohort = _Cohort(int(seed), float(scale), tuple(int(n) for n in patients), int(images_per_patient))
    folder = Path(cache_dir) / cohort.folder
    manifest = folder / "manifest.csv"
    if manifest.is_file():
        return manifest
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        building.chmod(0o755)  # mkdtemp makes it private
        _draw(building, cohort, workers=min(os.cpu_count() or 1, 8))
        try:
            building.rename(folder)
        except OSError as error:
            if not manifest.is_file():
                raise UserError(f"{folder} already exists and is not a cohort: {error}; remove it") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return manifest


def _draw(folder: Path, cohort: _Cohort, workers: int) -> None:
    """Write the images, the manifest and the README into a folder."""
    (folder / "images").mkdir()
    grades = np.repeat(GRADES, cohort.patients)
    # Shuffled, otherwise a patient's number would reveal the grade.
    np.random.default_rng([cohort.seed, 0]).shuffle(grades)
    numbers = range(1, len(grades) + 1)
    with (
        ThreadPoolExecutor(workers) as pool,  # OpenCV and numpy release the GIL
        progress_bar(total=len(grades), text="generating the synthetic cohort", unit="patient") as bar,
    ):
        rows: list[dict[str, str | int]] = []
        for patient_rows in pool.map(lambda n: _draw_patient(folder, cohort, n, str(grades[n - 1])), numbers):
            rows += patient_rows
            bar.update()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    readme = README.format(arguments=json.dumps(asdict(cohort)))
    (folder / "README.txt").write_text(readme, encoding="utf-8")


def _draw_patient(folder: Path, cohort: _Cohort, number: int, grade: str) -> list[dict[str, str | int]]:
    """Draw one patient's region, cut it into images, and return their manifest rows."""
    rng = np.random.default_rng([cohort.seed, 1, number])
    name = f"P{number:03d}"
    weights = np.array(AGE_AND_SEX[grade]) / sum(AGE_AND_SEX[grade])
    age, sex = divmod(int(rng.choice(len(weights), p=weights)), len(SEXES))
    columns = min(GRID_COLUMNS, cohort.images_per_patient)
    rows = math.ceil(cohort.images_per_patient / columns)
    height, width = (round(n * cohort.scale) for n in FULL_SIZE_PX)
    height_um, width_um = (n * FULL_UM_PER_PX for n in FULL_SIZE_PX)
    region = draw_region(
        _patient(rng, (cohort.seed, 2, number), grade),
        size_um=(rows * height_um + MARGIN_UM, columns * width_um + MARGIN_UM),
        shape=(rows * height, columns * width),
        um_per_px=FULL_UM_PER_PX / cohort.scale,
    )
    manifest: list[dict[str, str | int]] = []
    for i in range(cohort.images_per_patient):
        row, column = divmod(i, columns)
        image = f"images/{name}_r{row + 1}c{column + 1}.jpg"
        field = region[row * height :, column * width :][:height, :width]
        _, jpeg = cv2.imencode(".jpg", field[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / image).write_bytes(jpeg.tobytes())
        manifest.append(
            {
                "image": image,
                "patient": name,
                "grade": grade,
                "slide": f"{name}-1",
                "grid_row": row + 1,
                "grid_column": column + 1,
                "age": AGE_BANDS[age],
                "sex": SEXES[sex],
            }
        )
    return manifest


def _patient(rng: np.random.Generator, seed: tuple[int, ...], grade: str) -> Patient:
    """Sample a patient's random effects. Multipliers and amounts are log-normal around those of `Patient`."""

    def vary(spread: float) -> float:
        return math.exp(spread * rng.standard_normal())

    def tint(vector: tuple[float, float, float], spread: float) -> tuple[float, float, float]:
        red, green, blue = np.asarray(vector) + spread * rng.standard_normal(3)
        return max(red, 0.02), max(green, 0.02), max(blue, 0.02)

    return Patient(
        seed=seed,
        differentiation=DIFFERENTIATION[grade] + DIFFERENTIATION_SPREAD * rng.standard_normal(),
        haematoxylin_vector=tint(Patient.haematoxylin_vector, 0.03),
        eosin_vector=tint(Patient.eosin_vector, 0.032),
        haematoxylin=vary(0.14),
        eosin=vary(0.20),
        thickness=vary(0.11),
        focus_um=Patient.focus_um * vary(0.4),
        lamp=tint(Patient.lamp, 2.5),
        cell_size=vary(0.05),
        nucleus_size=vary(0.05),
        plate_width=vary(0.15),
        sinusoid_width=vary(0.20),
        stretch=1 + rng.gamma(2, 0.3),
        direction_rad=rng.uniform(0, math.pi),
        fat=min(0.35, Patient.fat * vary(1.0)),
        vacuole_um=Patient.vacuole_um * vary(0.3),
        fibrosis=min(0.3, Patient.fibrosis * vary(0.7)),
        lymphocytes=min(0.8, Patient.lymphocytes * vary(0.6)),
        congestion=min(0.8, Patient.congestion * vary(0.5)),
        clearing=min(0.6, Patient.clearing * vary(0.8)),
    )
