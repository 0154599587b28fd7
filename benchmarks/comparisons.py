"""Type-I error and power of comparisons, simulated, and what a mean over trainings is worth.

    python benchmarks/comparisons.py [--quick] [--write] [--repeats 2000] [--out FILE]

Two models grade the same patients, several trainings each. An image's grade is read from a latent value: the
true grade plus an error, half of it shared by the images of a patient, and four fifths of it by all networks.
Each training has errors and a skill of its own: the accuracies of trainings of one architecture have a
standard deviation of 3.8 points. Of equal architectures every difference that is found is an error; of those
that lie 10 points apart it is right; and it is wrong to call equivalent what lies 5 points apart, the margin.

*Before* is the test of earlier versions: the trainings of a model are averaged, and its answers swapped
patient by patient. Each cell is a line of the file of results, and a later call goes on after the last of
them; --write puts the tables into docs/comparisons.md.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_cells import simulated, write_between

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.averaged import averaged_metric
from livergrade.evaluation.decision import Compared, decide
from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.levels import ReportedLevel
from livergrade.evaluation.optimism import Measured, expected_optimism
from livergrade.evaluation.paired import METRIC, difference
from livergrade.evaluation.paired_tests import permutation_test, trainings_test
from livergrade.evaluation.sample import Sample
from livergrade.evaluation.trainings import of_seeds

DOCUMENT = Path(__file__).parent.parent / "docs" / "comparisons.md"
CLASSES = ["poor", "moderate", "well"]
MIX = (0.32, 0.38, 0.30)
ACCURACY = 0.8
SPREAD = 0.038
"""Standard deviation of the accuracies of trainings of one architecture."""
MARGIN = 0.05
WITHIN, SHARED = 0.5, 0.8
"""Shares of the error's variance: of a patient's images, and of all networks."""
LEVELS: tuple[ReportedLevel, ...] = ("patient", "image")
BATCH = 50


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation.

    Attributes:
        patients: number of test patients.
        seeds: trainings of each model, or of a cross-validation its seeds.
        folds: folds of a cross-validation; 0: all trainings test all patients.
        apart: true difference of the two architectures, a share.
    """

    patients: int
    seeds: int
    folds: int
    apart: float


DESIGNS = [(74, 3, 0), (74, 5, 0), (15, 3, 0), (15, 5, 0), (74, 1, 0), (74, 1, 5), (74, 3, 5)]
GRID = [Cell(*design, apart) for design, apart in itertools.product(DESIGNS, (0.0, 0.05, 0.10))]


@dataclass(frozen=True)
class Cohort:
    """Test patients with their images.

    Attributes:
        grades: grade of each patient, int64 [P].
        sizes: images of each patient, int64 [P].
    """

    grades: Ints
    sizes: Ints

    @classmethod
    def draw(cls, patients: int, rng: np.random.Generator) -> Cohort:
        """Patients of three grades with 1 to 12 images each."""
        counts = np.floor(np.array(MIX) * patients + 0.5).astype(int)
        counts[1] += patients - counts.sum()
        return cls(np.repeat(np.arange(3), counts), rng.integers(1, 13, patients))

    def errors(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Latent errors of the images, correlated within patients, float64 [..., N]."""
        owner = np.repeat(np.arange(len(self.sizes)), self.sizes)
        shared = rng.standard_normal((*shape, len(self.sizes)))[..., owner]
        return math.sqrt(WITHIN) * shared + math.sqrt(1 - WITHIN) * rng.standard_normal((*shape, len(owner)))

    def correct(self, errors: Floats, skill: Floats, level: ReportedLevel) -> Floats:
        """Correct rows of each patient at a level, float64 [..., P]; ``skill`` is the error's sd, [...]."""
        truth = np.repeat(self.grades, self.sizes)
        latent, first = truth + skill[..., None] * errors, np.cumsum(self.sizes) - self.sizes
        if level == "image":
            hits = np.clip(np.rint(latent), 0, 2) == truth
            return np.add.reduceat(hits.astype(float), first, axis=-1)
        distance = -((latent[..., None] - np.arange(3)) ** 2) / (2 * mean_skill(ACCURACY) ** 2)
        scores = np.exp(distance - distance.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return (np.add.reduceat(scores, first, axis=-2).argmax(-1) == self.grades).astype(float)


@functools.cache
def mean_skill(accuracy: float) -> float:
    """Sd of the latent error at which the images have this accuracy."""
    rng = np.random.default_rng(0)
    cohort = Cohort.draw(4000, rng)
    errors, truth = cohort.errors((), rng), np.repeat(cohort.grades, cohort.sizes)
    low, high = 0.05, 6.0
    for _ in range(20):
        middle = math.sqrt(low * high)
        above = (np.clip(np.rint(truth + middle * errors), 0, 2) == truth).mean() > accuracy
        low, high = (middle, high) if above else (low, middle)
    return math.sqrt(low * high)


@functools.cache
def by_skill(level: ReportedLevel) -> tuple[Floats, Floats]:
    """Skills, as sd of the latent error, and the accuracy of each in a large cohort, float64 [S] each."""
    rng = np.random.default_rng(1)
    cohort, skills = Cohort.draw(2500, rng), np.geomspace(0.1, 4, 60)
    errors, rows = cohort.errors((), rng), 2500 if level == "patient" else cohort.sizes.sum()
    found = [cohort.correct(errors, np.array(skill), level).sum() / rows for skill in skills]
    return skills, np.minimum.accumulate(found)


@functools.cache
def skill_of(level: ReportedLevel, accuracy: float) -> tuple[float, float]:
    """Mean and sd of the log skill of trainings with this mean accuracy, and the sd `SPREAD` between them."""
    skills, accuracies = by_skill(level)
    normal = np.random.default_rng(2).standard_normal(20_000)
    mean, sd = math.log(0.5), 0.1
    for _ in range(60):  # fixed point: both are nearly linear in the log skill
        found = np.interp(np.exp(mean + sd * normal), skills, accuracies)
        mean += 1.5 * (found.mean() - accuracy)
        sd *= SPREAD / max(found.std(), 1e-6)
    return mean, sd


def drawn(
    cell: Cell, level: ReportedLevel, repeats: int, accuracies: tuple[float, ...]
) -> Iterator[tuple[Cohort, Floats, Ints]]:
    """Correct rows of each patient by model and training, float64 [M, S, P], and the patients' folds."""
    rng = np.random.default_rng([cell.patients, cell.seeds, cell.folds, int(1000 * cell.apart)])
    folds, shape = max(cell.folds, 1), (len(accuracies), cell.seeds)
    for start in range(0, repeats, BATCH):
        cohort = Cohort.draw(cell.patients, rng)
        fold = rng.permutation(cell.patients) % folds
        for _ in range(min(BATCH, repeats - start)):
            common = cohort.errors((1, 1, 1), rng)
            own = cohort.errors((*shape, folds), rng)
            told = np.array([skill_of(level, accuracy) for accuracy in accuracies])  # [M, 2]
            normal = rng.standard_normal((*shape, folds))
            skill = np.exp(told[:, 0, None, None] + told[:, 1, None, None] * normal)
            errors = math.sqrt(SHARED) * common + math.sqrt(1 - SHARED) * own
            correct = cohort.correct(errors, skill, level)  # [M, S, F, P]
            yield cohort, np.take_along_axis(correct, fold[None, None, None], 2)[:, :, 0], fold


def accuracy_under(correct: Floats, rows: Ints, sample: Sample) -> Floats:
    """Accuracy under each weighting, float64 [..., 1 + P + F]."""
    return np.asarray((correct @ sample.multiplicities.T) / (sample.multiplicities @ rows))


def sample_of(cohort: Cohort, fold: Ints, folds: int) -> Sample:
    """The patients as `livergrade.compare` has them."""
    names = pd.Index([f"{number:04d}" for number in range(len(cohort.grades))])
    return Sample(names, Jackknife(cohort.grades), fold if folds else fold[:0], same=True, classes=CLASSES)


def simulate(cell: Cell, repeats: int) -> dict[str, dict[str, float]]:
    """Both tests of two architectures, at each level.

    Returns:
        Level → share of repeats in which the earlier test and ours find a difference, call the pair
        equivalent, the mean detectable difference and half the mean width of the interval; and of the mean
        accuracy of one model: how often its interval, and its mean ± sd, hold the truth.
    """
    found = {}
    for level in LEVELS:
        rng, counts = np.random.default_rng(3), np.zeros(7)
        centre = ACCURACY - cell.apart / 2
        for cohort, correct, fold in drawn(cell, level, repeats, (centre + cell.apart, centre)):
            sample = sample_of(cohort, fold, cell.folds)
            rows = np.ones_like(cohort.sizes) if level == "patient" else cohort.sizes
            values = accuracy_under(correct, rows, sample)
            gains = (correct[0].mean(0) - correct[1].mean(0)) / rows.sum()
            before = permutation_test(gains, 400, rng)["p"]
            estimate, inference = difference("accuracy", values[0], values[1], level, sample)
            p = before if cell.seeds == 1 and not cell.folds else trainings_test(inference)["p"]
            value, low, high = (estimate[key] or 0.0 for key in ("value", "low", "high"))
            (decision,) = decide([Compared("a", "b", value, p, inference)], MARGIN)
            alone = (0.0, 0.0)
            if cell.seeds > 1:
                alone = hold_truth(values[1], rows, level, sample, centre)
            counts += [
                (before or 0) < 0.05,
                (p or 0) < 0.05,
                decision["verdict"] == "equivalent",
                decision["detectable"] or 0,
                (high - low) / 2,
                *alone,
            ]
        names = ("before", "after", "equivalent", "detectable", "half", "interval_holds", "sd_holds")
        found[level] = dict(zip(names, (counts / repeats).tolist(), strict=True))
    return found


def hold_truth(
    values: Floats, rows: Ints, level: ReportedLevel, sample: Sample, truth: float
) -> tuple[bool, bool]:
    """Whether the interval of a mean accuracy holds the truth, and whether mean ± sd does."""
    counts = np.zeros((len(rows), 3, 3))
    counts[np.arange(len(rows)), sample.jackknife.grades, sample.jackknife.grades] = rows
    one = averaged_metric(METRIC["accuracy"], None, level, values, counts, sample)
    low, high, sd = one["low"] or 0.0, one["high"] or 0.0, float(values[:, 0].std(ddof=1))
    return low <= truth <= high, abs(values[:, 0].mean() - truth) <= sd


def optimism(patients: int, seeds: int, spread: float, repeats: int) -> tuple[float, float]:
    """True and expected optimism of the best of five architectures, means over repeats, shares."""
    rng, told = np.random.default_rng([patients, seeds]), []
    accuracies = tuple(round(ACCURACY + spread * place, 3) for place in (-1.3, -0.5, 0, 0.5, 1.3))
    for cohort, correct, fold in drawn(Cell(patients, seeds, 0, spread), "patient", repeats, accuracies):
        sample = sample_of(cohort, fold, 0)
        values = accuracy_under(correct, np.ones_like(cohort.sizes), sample)
        models = [Measured(one.mean(0), of_seeds(one, sample.jackknife)) for one in values]
        measured = values[:, :, 0].mean(1)
        best = measured > measured.max() - 1e-12
        told.append((measured.max() - np.array(accuracies)[best].mean(), expected_optimism(models, rng)))
    true, expected = np.mean(told, axis=0)
    return float(true), float(expected)


def design(cell: Cell) -> str:
    """The design of a cell in words."""
    trainings = f"{cell.seeds} seed{'s' * (cell.seeds > 1)}"
    return f"{cell.patients} patients, {trainings}" + f" × {cell.folds} folds" * bool(cell.folds)


def tables(results: dict[Cell, dict[str, dict[str, float]]]) -> list[str]:
    """The tables as Markdown."""
    heads = ["Design", "Level", "type-I error, before", "type-I error", "power at 10 points, before", "power"]
    heads += ["equivalent, though 5 points apart", "equivalent, if equal", "detectable, points"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    alone = [
        "| Trainings | Level | mean ± sd holds the truth | the interval holds it |",
        "|---|---|---|---|",
    ]
    for cell in [cell for cell in GRID if cell in results and not cell.apart]:
        other, ten = (Cell(cell.patients, cell.seeds, cell.folds, apart) for apart in (0.05, 0.10))
        if other not in results or ten not in results:
            continue
        two = cell.seeds == 1 and not cell.folds
        for level in LEVELS:
            null, near, far = (results[one][level] for one in (cell, other, ten))
            cells = [f"{100 * null['before']:.1f}", f"{100 * null['after']:.1f}"]
            cells += [f"{100 * far['before']:.0f}", f"{100 * far['after']:.0f}"]
            cells += [f"{100 * near['equivalent']:.1f}", f"{100 * null['equivalent']:.0f}"]
            cells += [f"{100 * far['detectable']:.1f}"]
            if two:  # nothing is said of the architectures
                cells[1:] = ["not claimed", cells[2], "not claimed", "", "", ""]
            lines.append(f"| {design(cell)} | {level} | {' | '.join(cells)} |")
            if cell.seeds > 1:
                holds = f"{100 * null['sd_holds']:.0f} % | {100 * null['interval_holds']:.1f} %"
                alone.append(f"| {design(cell)} | {level} | {holds} |")
    return [*lines, "", *alone]


def optimism_table(repeats: int) -> list[str]:
    """The optimism of the best of five as Markdown."""
    lines = [
        "| Test patients | Trainings of each | Architectures | true optimism, points | expected, points |",
        "|---|---|---|---|---|",
    ]
    for patients, seeds, spread in itertools.product((15, 74), (3, 5), (0.0, 0.05)):
        true, expected = (100 * one for one in optimism(patients, seeds, spread, repeats))
        kind = "13 points from worst to best" if spread else "equally good"
        lines.append(f"| {patients} | {seeds} | {kind} | {true:.1f} | {expected:.1f} |")
    return lines


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="200 repeats a cell")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/comparisons.md")
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("outputs/comparisons.jsonl"))
    chosen = parser.parse_args()
    repeats = 200 if chosen.quick else chosen.repeats
    done = simulated(GRID, lambda cell: simulate(cell, repeats), chosen.out, {"repeats": repeats})
    error = 100 * math.sqrt(0.05 * 0.95 / repeats)
    note = f"In per cent; {repeats:,} repeats a cell, Monte Carlo error of 5 % ± {error:.1f}.\n"
    text = "\n".join([note, *tables(done), "", *optimism_table(repeats // 4)])
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text)


if __name__ == "__main__":
    main()
