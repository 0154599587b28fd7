"""Predictions and levels drawn at random, for what is true of any."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.levels import Level
from livergrade.evaluation.metric_catalog import overall, per_class

CLASSES = ("poor", "moderate", "well")


def predict(
    patients,
    *,
    classes=CLASSES,
    images=4,
    angles=(0.0, 90.0),
    seed=0,
    patient_sd=1.0,
    image_sd=0.3,
    strength=1.5,
):
    """Views of patients of the given grades, who differ by `patient_sd`, images by `image_sd` logits."""
    rng = np.random.default_rng(seed)
    steps, rows = np.arange(len(classes)), []
    for i, grade in enumerate(patients):
        patient = rng.normal(0, patient_sd, len(classes))
        for j in range(images):
            logit = patient + rng.normal(0, image_sd, len(classes)) - strength * abs(steps - grade)
            for angle in angles:
                p = np.exp(logit + rng.normal(0, 0.1, len(classes)))
                p /= p.sum()
                rows.append(
                    (f"{i:02d}_{j}.png", f"{i:02d}", "test", angle, classes[grade], classes[p.argmax()], *p)
                )
    columns = ["image", "patient", "split", "angle", "grade", "predicted", *(f"p_{name}" for name in classes)]
    return pd.DataFrame(rows, columns=columns)


def level_of(truth, scores, patient):
    return Level([""] * len(truth), np.asarray(truth), np.asarray(scores, float), np.asarray(patient))


def jackknife_of(patients, grades=3):
    """A jackknife of patients whose grades take turns."""
    return Jackknife(np.arange(patients) % grades)


def figures(level):
    """Every figure of a level of metrics.json with its name."""
    yield from ((name, level[name]) for name in (one.name for one in overall()))
    for grade, found in level["per_class"].items():
        yield from ((f"{grade} {name}", found[name]) for name in (one.name for one in per_class()))


@st.composite
def scored(draw):
    k = draw(st.integers(2, 6))
    n = draw(st.integers(1, 40))
    grades = st.lists(st.integers(0, k - 1), min_size=n, max_size=n)
    # few distinct levels, so that ties are common; absent grades come by themselves
    level = st.lists(st.lists(st.integers(1, 4), min_size=k, max_size=k), min_size=n, max_size=n)
    scores = np.array(draw(level), float)
    weights = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return k, np.array(draw(grades)), scores / scores.sum(1, keepdims=True), np.array(weights)


def clustered(patients, rng, *, grades=3, most=6):
    """Images of exchangeable patients, who differ in how sure and how right the network is of them."""
    count = rng.integers(1, most + 1, patients)
    owner = np.repeat(np.arange(patients), count)
    truth = rng.integers(0, grades, patients)[owner]
    logits = rng.normal(0, 1.5, (patients, grades))[owner] + rng.normal(0, 0.7, (len(owner), grades))
    logits[np.arange(len(owner)), truth] += rng.normal(1, 1, patients)[owner]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    image = level_of(truth, shares, owner)
    means = np.stack([shares[owner == one].mean(0) for one in range(patients)])
    first = np.searchsorted(owner, np.arange(patients))
    return {"image": image, "patient": level_of(truth[first], means, np.arange(patients))}
