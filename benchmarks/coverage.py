"""Coverage of every printed interval, simulated: how often it holds the true value, and how wide it is.

    python benchmarks/coverage.py [--quick] [--write] [--repeats 2000] [--out FILE]

A cohort has patients of three grades. An image's grade is read from a latent value: the true grade, plus an
error that its patient shares (the intra-class correlation is that share), plus one of its own. The error is
as large as makes the accuracy of the level what the cell asks. Each cohort is measured as a run is; the truth
is that of one cohort of 30,000 patients. The mix of grades is fixed (a run's own test patients) or drawn (an
external cohort).

Each cell (patients, images, correlation, accuracy, mix) is a line of the file of results, and a later call
goes on after the last of them; --write puts the tables into docs/intervals.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import Estimate, paired_difference
from livergrade.evaluation.intervals import GradeMix, Jackknife, draw_patients, percentiles, wilson
from livergrade.evaluation.levels import Level, ReportedLevel
from livergrade.evaluation.metric_catalog import METRICS, Metric, weighted_metrics
from livergrade.evaluation.metrics import patient_counts
from livergrade.evaluation.summary import estimate_metric

CLASSES = ["poor", "moderate", "well"]
MIX = (0.32, 0.38, 0.30)
DOCUMENT = Path(__file__).parent.parent / "docs" / "intervals.md"
LEVELS: tuple[ReportedLevel, ...] = ("image", "patient")


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation.

    Attributes:
        patients: number of test patients.
        equal: whether each has six images; else 1 to 12.
        correlation: share of the latent error's variance that a patient's images have in common.
        accuracy: accuracy of the level in truth.
        mix: whether the patients of each grade are fixed or drawn.
    """

    patients: int
    equal: bool
    correlation: float
    accuracy: float
    mix: GradeMix


MIXES: tuple[GradeMix, ...] = ("fixed", "random")
GRID = [
    Cell(patients, equal, correlation, accuracy, mix)
    for patients, equal, correlation, accuracy, mix in itertools.product(
        (15, 30, 74, 10, 60, 150),
        (False, True),
        (0.0, 0.4, 0.8),
        (0.5, 0.6, 0.8, 0.95, 0.98),
        MIXES,
    )
]
QUICK = [
    Cell(15, False, 0.4, 0.8, "fixed"),
    Cell(15, False, 0.8, 0.95, "fixed"),
    Cell(15, False, 0.4, 0.8, "random"),
    Cell(30, False, 0.4, 0.8, "fixed"),
    Cell(74, False, 0.8, 0.8, "fixed"),
    Cell(74, False, 0.4, 0.95, "random"),
]


def grades_of(patients: int) -> Ints:
    """Grade of each patient at the fixed mix, int64 [P]."""
    counts = np.floor(np.array(MIX) * patients + 0.5).astype(int)
    counts[1] += patients - counts.sum()
    return np.repeat(np.arange(3), counts)


def draw_images(rng: np.random.Generator, grades: Ints, cell: Cell) -> tuple[Ints, Floats]:
    """Patient of each image, int64 [N], and its latent error, float64 [N], of variance 1."""
    sizes = np.full(len(grades), 6) if cell.equal else rng.integers(1, 13, len(grades))
    owner = np.repeat(np.arange(len(grades)), sizes)
    shared = math.sqrt(cell.correlation) * rng.standard_normal(len(grades))[owner]
    return owner, shared + math.sqrt(1 - cell.correlation) * rng.standard_normal(len(owner))


def to_level(grades: Ints, owner: Ints, latent: Floats, sd: float, name: ReportedLevel) -> Level:
    """Predictions of a network that reads the grade from the latent value, at one level."""
    distance = -(((grades[owner] + sd * latent)[:, None] - np.arange(3)) ** 2) / (2 * sd * sd)
    scores = np.exp(distance - distance.max(1, keepdims=True))
    scores /= scores.sum(1, keepdims=True)
    if name == "image":
        return Level([""] * len(owner), grades[owner], scores, owner)
    sums = np.zeros((len(grades), 3))
    np.add.at(sums, owner, scores)
    return Level([""] * len(grades), grades, sums / np.bincount(owner)[:, None], np.arange(len(grades)))


def solve_sd(cell: Cell, name: ReportedLevel) -> float:
    """Standard deviation of the latent error at which the level has the accuracy of the cell."""
    rng = np.random.default_rng(0)
    grades = np.tile(grades_of(cell.patients), 6000 // cell.patients)
    owner, latent = draw_images(rng, grades, cell)
    low, high = 0.03, 9.0
    for _ in range(16):
        middle = math.sqrt(low * high)
        level = to_level(grades, owner, latent, middle, name)
        above = (level.predicted == level.truth).mean() > cell.accuracy
        low, high = (middle, high) if above else (low, middle)
    return math.sqrt(low * high)


def true_values(cell: Cell, sd: float, name: ReportedLevel) -> dict[str, Floats]:
    """Each metric of a large cohort."""
    grades = np.tile(grades_of(cell.patients), 30_000 // cell.patients)
    level = to_level(grades, *draw_images(np.random.default_rng(9), grades, cell), sd, name)
    whole = Level(level.names, level.truth, level.scores, np.zeros(len(level.truth), np.int64))
    return {key: values[0] for key, values in weighted_metrics(whole, np.ones((1, 1))).items()}


def drawn_cohorts(
    cell: Cell, sd: float, name: ReportedLevel, repeats: int
) -> Iterator[tuple[Level, Level, Ints]]:
    """Two networks of one skill and correlated errors on each cohort, and the patients' grades."""
    rng = np.random.default_rng([cell.patients, int(100 * cell.accuracy), int(10 * cell.correlation)])
    fixed = grades_of(cell.patients)
    for _ in range(repeats):
        grades = np.sort(rng.choice(3, cell.patients, p=MIX)) if cell.mix == "random" else fixed
        owner, latent = draw_images(rng, grades, cell)
        own = math.sqrt(cell.correlation) * rng.standard_normal(len(grades))[owner]
        own = own + math.sqrt(1 - cell.correlation) * rng.standard_normal(len(owner))
        second = math.sqrt(0.6) * latent + math.sqrt(0.4) * own
        yield to_level(grades, owner, latent, sd, name), to_level(grades, owner, second, sd, name), grades


class Count:
    """How many intervals of a metric there were, held the truth, and how wide they were."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.drawn, self.printed, self.covered, self.width = 0, 0, 0, 0.0

    def add(self, low: float | None, high: float | None, truth: float) -> None:
        """Count one cohort."""
        self.drawn += 1
        if low is not None and high is not None:
            self.printed += 1
            self.covered += low - 1e-9 <= truth <= high + 1e-9
            self.width += high - low


def before(metric: Metric, values: Floats, level: Level, name: str) -> tuple[float | None, float | None]:
    """The interval of earlier versions: Wilson's for shares of patients, else the percentile bootstrap."""
    if np.ptp(values[1:]) < 1e-12 or (metric.of_rows and name == "patient"):
        if metric.of_rows:
            return wilson(float(values[0]), level.patient.max() + 1)
        return None, None
    return percentiles(values[1:])


BEFORE = ("accuracy", "quadratic_kappa", "macro_f1", "macro_auroc")


def simulate(cell: Cell, repeats: int) -> dict[str, list[float]]:
    """Coverage of each metric of a cell.

    Returns:
        ``level metric`` (``… k`` of grade k, ``difference …`` of two networks, ``before …``) → truth,
        cohorts, intervals printed, coverage, mean width.
    """
    counts: dict[str, tuple[float, Count]] = {}
    for name in LEVELS:
        sd = solve_sd(cell, name)
        truth = true_values(cell, sd, name)
        rng = np.random.default_rng(1)
        for index, (level, other, grades) in enumerate(drawn_cohorts(cell, sd, name, repeats)):
            jackknife = Jackknife(grades, cell.mix)
            values = weighted_metrics(level, jackknife.multiplicities)
            others = weighted_metrics(other, jackknife.multiplicities)
            confusion = patient_counts(level)
            few = np.bincount(grades, minlength=3).min() < 4
            boot = weighted_metrics(level, draw_patients(grades, 400, rng)) if index < repeats // 5 else None
            for metric in METRICS:
                for k in range(3) if metric.per_class else (None,):
                    found = estimate_metric(metric, k, name, confusion, CLASSES, jackknife, values)
                    true = float(truth[metric.name] if k is None else truth[metric.name][k])
                    key = f"{name} {metric.name}" + ("" if k is None else f" {k}")
                    counts.setdefault(key, (true, Count()))[1].add(found["low"], found["high"], true)
                if metric.paired and not metric.per_class:
                    reason = "few" if few and metric.name != "accuracy" else ""
                    gains = values[metric.name] - others[metric.name]
                    gap: Estimate = paired_difference(
                        gains,
                        len(grades),
                        jackknife,
                        reason,
                        pseudo=metric.pseudo_difference(name == "patient"),
                    )
                    key = f"{name} difference {metric.name}"
                    counts.setdefault(key, (0.0, Count()))[1].add(gap["low"], gap["high"], 0.0)
                if boot and metric.name in BEFORE:
                    drawn = np.append(values[metric.name][0], boot[metric.name])
                    bounds = before(metric, drawn, level, name)
                    key = f"{name} before {metric.name}"
                    counts.setdefault(key, (float(truth[metric.name]), Count()))[1].add(
                        *bounds, float(truth[metric.name])
                    )
    return {
        key: [
            true,
            count.drawn,
            count.printed,
            count.covered / max(count.printed, 1),
            count.width / max(count.printed, 1),
        ]
        for key, (true, count) in counts.items()
    }


def table(results: list[tuple[Cell, dict[str, list[float]]]], patients: tuple[int, ...]) -> list[str]:
    """Coverage over all cells of so many patients, and mean width, by metric."""
    keys = [key for key in results[0][1] if " before " not in key]
    heads = "".join(f" {number}: mean | lowest–highest | width | before | width |" for number in patients)
    lines = [f"| Metric |{heads}", "|---|" + "---|" * (5 * len(patients))]
    for key in keys:
        level, metric = key.split(" ", 1)
        row = f"| {metric.replace('_', ' ')}, by {level} |"
        for number in patients:
            found = [values[key] for cell, values in results if cell.patients == number and key in values]
            shown = [one for one in found if one[2] >= 0.5 * one[1] and judged(key, one[0])]
            old = [
                values[b]
                for cell, values in results
                if cell.patients == number and (b := f"{level} before {metric}") in values
            ]
            if shown:
                coverages, widths = [100 * one[3] for one in shown], [one[4] for one in shown]
                row += f" {np.mean(coverages):.1f} | {min(coverages):.1f}–{max(coverages):.1f} |"
                row += f" {np.mean(widths):.2f} |"
            else:
                row += " none | | |"
            old = [one for one in old if one[2]]
            row += (
                f" {100 * np.mean([o[3] for o in old]):.1f} | {np.mean([o[4] for o in old]):.2f} |"
                if old
                else " | |"
            )
        lines.append(row)
    return lines


def judged(key: str, truth: float) -> bool:
    """Whether the truth is one that a few patients can tell from 0 and 1."""
    return "difference" in key or "calibration" in key or "brier" in key or 0.02 <= truth <= 0.98


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="six cells of 300 cohorts")
    parser.add_argument("--table", action="store_true", help="only the tables of the cells in the file")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/intervals.md")
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("outputs/coverage.jsonl"))
    chosen = parser.parse_args()
    cells, repeats = (QUICK, 300) if chosen.quick else (GRID, chosen.repeats)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    lines = chosen.out.read_text("utf-8").splitlines() if chosen.out.exists() else []
    done = {Cell(**one["cell"]): one["found"] for one in map(json.loads, lines) if one["repeats"] == repeats}
    for number, cell in enumerate(cells, 1):
        if cell in done or chosen.table:
            continue
        print(f"{number} of {len(cells)}: {cell}", flush=True)
        done[cell] = simulate(cell, repeats)
        line = json.dumps({"cell": asdict(cell), "repeats": repeats, "found": done[cell]})
        with chosen.out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    results = [(cell, done[cell]) for cell in cells if cell in done]
    error = 100 * math.sqrt(0.95 * 0.05 / repeats)
    note = f"{repeats:,} cohorts a cell, {len(results)} cells; Monte Carlo error ± {error:.1f} points.\n"
    text = "\n".join([note, *table(results, (15, 30, 74))])
    print(text)
    if chosen.write:
        head, _, rest = DOCUMENT.read_text("utf-8").partition("<!-- tables -->")
        tail = rest.partition("<!-- end -->")[2]
        DOCUMENT.write_text(f"{head}<!-- tables -->\n{text}\n<!-- end -->{tail}", "utf-8")


if __name__ == "__main__":
    main()
