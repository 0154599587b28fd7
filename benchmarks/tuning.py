"""What a search chooses, and how much too good its best trial looks, by the patients and the objective.

    python benchmarks/tuning.py [--repeats 400]

Twenty recipes of a mean accuracy of 80 % by patient differ in skill: the sd of their log error is 0.18. Each
grades validation patients of 1 to 12 images; half of an image's error is shared by its patient, four fifths
of it by all recipes. The best of them is chosen by the balanced accuracy of 7 patients, as earlier versions
did, by that of 59, or by the log-loss of 7 or of 59, as a search with folds does. A recipe's truth is that of
2,500 further patients.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.comparisons import ACCURACY, MIX, SHARED, Cohort, by_skill, mean_skill, skill_of
from livergrade.evaluation.arrays import Floats

RECIPES, SPREAD = 20, 0.18


def graded(cohort: Cohort, skill: Floats, rng: np.random.Generator) -> Floats:
    """Probabilities of each patient by each recipe, float64 [R, P, 3]; ``skill`` is the error's sd, [R]."""
    common, own = cohort.errors((1,), rng), cohort.errors((len(skill),), rng)
    errors = math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * own
    latent = np.repeat(cohort.grades, cohort.sizes) + skill[:, None] * errors
    distance = -((latent[..., None] - np.arange(3)) ** 2) / (2 * mean_skill(ACCURACY) ** 2)
    scores = np.exp(distance - distance.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    first = np.cumsum(cohort.sizes) - cohort.sizes
    return np.asarray(np.add.reduceat(scores, first, axis=-2) / cohort.sizes[:, None])


def objectives(cohort: Cohort, scores: Floats) -> dict[str, Floats]:
    """Balanced accuracy, and the log-loss with its sign turned, of each recipe, [R]; the highest is best."""
    right = scores.argmax(-1) == cohort.grades
    by_grade = [right[:, cohort.grades == grade].mean(1) for grade in np.unique(cohort.grades)]
    true = np.take_along_axis(scores, cohort.grades[None, :, None], -1)[..., 0]
    return {
        "balanced accuracy": np.mean(by_grade, 0),
        "log-loss": np.log(np.maximum(true, 2**-52)).mean(1),
    }


def simulate(patients: int, repeats: int, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """By objective: true accuracy of the chosen recipe, that of the best, and how much too good it looks."""
    rng = np.random.default_rng([seed, patients])
    skills, accuracies = by_skill("patient")
    centre = math.exp(skill_of("patient", ACCURACY)[0])
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(repeats):
        skill = centre * np.exp(SPREAD * rng.standard_normal(RECIPES))
        truth = np.interp(skill, skills, accuracies)
        cohort = Cohort.draw(patients, rng)
        measured = objectives(cohort, graded(cohort, skill, rng))
        for name, values in measured.items():
            chosen = int(values.argmax())
            shown = measured["balanced accuracy"][chosen]
            found.setdefault(name, []).append((truth[chosen], truth.max(), shown - truth[chosen]))
    means = {name: np.mean(rows, 0) for name, rows in found.items()}
    return {name: (float(row[0]), float(row[1]), float(row[2])) for name, row in means.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=400)
    repeats = parser.parse_args().repeats
    print(f"{RECIPES} recipes, {repeats} searches, grades {MIX}")
    print(
        "| Patients | Chosen by | its true accuracy | that of the best recipe | looks too good by, points |"
    )
    print("|---|---|---|---|---|")
    for patients in (7, 59):
        for name, (chosen, best, optimism) in simulate(patients, repeats).items():
            cells = f"{100 * chosen:.1f} % | {100 * best:.1f} % | {100 * optimism:.1f}"
            print(f"| {patients} | {name} | {cells} |")


if __name__ == "__main__":
    main()
