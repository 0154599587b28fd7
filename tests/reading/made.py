"""Ratings from a matrix of grades, for tests."""

from collections.abc import Sequence

import numpy as np

from livergrade.reading.ratings import Ratings


def made(
    grades: np.ndarray, images: int = 1, adjudicated: Sequence[int] | None = None, classes: int = 3
) -> Ratings:
    """Ratings of readers A, B, …, of patients with so many images each."""
    patient = np.arange(len(grades)) // images
    settled = np.full(len(grades), -1) if adjudicated is None else np.array(adjudicated)
    return Ratings(
        ["poor", "moderate", "well", "normal"][:classes],
        [chr(65 + number) for number in range(grades.shape[1])],
        [f"{number:03d}.png" for number in range(len(grades))],
        [f"P{number}" for number in range(patient[-1] + 1)],
        patient,
        grades,
        np.zeros((0, 4), np.int64),
        settled,
        {},
    )


def simulated(patients: int = 20, images: int = 3, readers: int = 3, skill: float = 0.8) -> np.ndarray:
    """Grades of so many readers, int64 [patients × images, readers]."""
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(0, 3, patients), images)[:, None]
    other = rng.integers(0, 3, (len(truth), readers))
    return np.where(rng.random(other.shape) < skill, truth, other)
