"""Coverage of every printed interval, simulated: how often it holds the true value, and how wide it is.

    python benchmarks/coverage.py [--quick | --all] [--write] [--repeats 2000] [--seed 1] [--out FILE]

tests/evaluation/cohorts.py tells how cohorts are drawn. Each is measured as a run is; the truth is that of
one cohort of 60,000 patients. The mix of grades is fixed (a run's own test patients) or drawn (an external
cohort). The second network of a difference has the accuracy of the first, or less by the gap.

Each cell is a line of the file of results, and a later call goes on after the last of them; --write puts the
tables into docs/intervals.md.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from simulated_cells import simulated, stored, write_between

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import calibration_metrics, calibration_slope, patient_sums
from livergrade.evaluation.calibration_effect import LEAST_FOR_LOSSES
from livergrade.evaluation.conformal import sets, threshold
from livergrade.evaluation.estimate import Estimate, estimate, paired_difference
from livergrade.evaluation.intervals import (
    Jackknife,
    draw_patients,
    percentiles,
    too_few_differ,
    too_few_of_a_grade,
    too_few_patients,
    wilson,
)
from livergrade.evaluation.levels import Level, ReportedLevel
from livergrade.evaluation.metric_catalog import METRICS
from livergrade.evaluation.metric_estimate import estimate_metric
from livergrade.evaluation.paired import ci_unavailable
from livergrade.evaluation.selective import risk_coverage
from livergrade.evaluation.set_estimates import COVERAGE, level_sets
from livergrade.evaluation.subgroups import from_others
from livergrade.evaluation.weighted import Weighted
from tests.evaluation import cohorts
from tests.evaluation.cohorts import Cell

CLASSES = ["poor", "moderate", "well"]
DOCUMENT = Path(__file__).parent.parent / "docs" / "intervals.md"
LEVELS: tuple[ReportedLevel, ...] = ("image", "patient")
CATALOG = {metric.name: metric for metric in METRICS}
BEFORE = ("accuracy", "quadratic_kappa", "macro_f1", "macro_auroc")
BAND = (0.93, 0.98)
RARE = 0.01
"""So rare an event has been seen once or never, and each interval that holds of no event is a wide one."""
STRATIFIED = 0.995
"""With a fixed mix shares of patients vary less than those of one binomial distribution if networks grade one
grade far better than another; few patients of each grade can't show it well enough to rely on."""
NORMAL_999 = 3.2905
CHUNK = 250
CALIBRATION = np.linspace(0, 1, 101)[1:] ** 3
"""Nonconformity scores of the validation patients whose threshold makes the prediction sets."""

ALL = [
    Cell(*setting)
    for setting in itertools.product(
        (15, 30, 74, 12, 60, 150),
        (False, True),
        (0.0, 0.4, 0.8),
        (0.5, 0.6, 0.8, 0.95, 0.98),
        ("fixed", "random"),
        ("normal", "t", "beta"),
        (0.0, 0.1),
    )
]
GRID = [
    replace(cell, patients=patients)
    for patients in (15, 30, 74)
    for cell in (
        Cell(15, False, 0.4, 0.8, "fixed"),
        Cell(15, False, 0.8, 0.95, "fixed", "t"),
        Cell(15, False, 0.0, 0.6, "fixed", "normal", 0.1),
        Cell(15, False, 0.4, 0.8, "random", "beta", 0.1),
        Cell(15, True, 0.8, 0.6, "random", "t", 0.1),
        Cell(15, False, 0.0, 0.95, "fixed", "normal", 0.1),
        Cell(15, True, 0.8, 0.8, "fixed", "beta"),
        Cell(15, False, 0.4, 0.98, "random"),
        Cell(15, False, 0.0, 0.5, "random", "t"),
    )
]
QUICK = GRID[::5]

Found = dict[str, list[float]]
"""``level metric`` (``… k`` of grade k, ``difference …`` of two networks, ``before …``) → truth, cohorts,
intervals printed, coverage, mean width, and whether some run of the estimate's values has a probability
within `BAND`."""


class Count:
    """How many intervals of a metric there were, held the truth, and how wide they were."""

    def __init__(self, truth: float) -> None:
        """Start at nothing."""
        self.truth, self.drawn, self.covered, self.width = truth, 0, 0, 0.0
        self.printed: list[float] = []

    def add(self, found: Estimate) -> None:
        """Count one cohort."""
        self.drawn += 1
        value, low, high = found["value"], found["low"], found["high"]
        if value is not None and low is not None and high is not None:
            self.printed.append(round(value, 9))
            self.covered += low - 1e-9 <= self.truth <= high + 1e-9
            self.width += high - low

    @property
    def row(self) -> list[float]:
        """What `Found` holds."""
        n = max(len(self.printed), 1)
        return [self.truth, self.drawn, len(self.printed), self.covered / n, self.width / n, self.attainable]

    @property
    def attainable(self) -> bool:
        """Whether some run of neighbouring values has a probability within the band.

        An interval that widens to one side as the estimate goes to the other covers the truth at a run of the
        estimate's values. Where there are few of them no such run may have a probability of 93 to 98 %.
        """
        if not self.printed:
            return True
        sums = np.append(0, np.cumsum(np.unique(self.printed, return_counts=True)[1])) / len(self.printed)
        after = np.searchsorted(sums, sums + BAND[0])
        reached = np.append(sums, math.inf)[after] - sums
        return bool((reached <= BAND[1]).any())


def outside(found: Found, mix: str = "random") -> list[str]:
    """Metrics whose coverage is surely not within the band, at 99.9 % by Monte Carlo.

    An interval may cover more where no run of the estimate's values has a probability within the band, of a
    share below `RARE` or above 1 − `RARE`, and, up to `STRATIFIED`, of patients whose mix of grades is fixed.
    """
    wrong = []
    for name, (truth, _, printed, coverage, _, attainable) in found.items():
        if " before " in name or not printed:
            continue
        z2 = NORMAL_999**2 / printed  # Wilson's interval of the coverage
        centre = (coverage + z2 / 2) / (1 + z2)
        half = math.sqrt(z2 * (coverage * (1 - coverage) + z2 / 4)) / (1 + z2)
        rare = " difference" not in name and not RARE <= truth <= 1 - RARE
        most = STRATIFIED if name.startswith("patient ") and mix == "fixed" else BAND[1]
        if centre + half < BAND[0] or (attainable and not rare and centre - half > most):
            wrong.append(f"{name} at {truth:.3f}: {100 * coverage:.1f} % of {int(printed)}")
    return wrong


def judged(cell: Cell, found: Found) -> str:
    """What a cell shows, a line for each interval that does not hold."""
    return "\n".join(f"  {text}" for text in outside(found, cell.mix)) or "  all within 93 to 98 %"


def simulate(cell: Cell, repeats: int, seed: int = 1) -> Found:
    """Coverage of each interval of a cell."""
    counts: dict[str, Count] = {}
    for name in LEVELS:
        sds = [cohorts.solve_sd(replace(cell, accuracy=cell.accuracy - gap), name) for gap in (0, cell.gap)]
        big = [cohorts.large(cell, sd, name) for sd in sds]
        truths = [cohorts.true_values(level) for level in big]
        beyond = _others_truth(big[0], name)
        rng = np.random.default_rng(
            [seed, cell.patients, int(100 * cell.accuracy), int(10 * cell.correlation)]
        )
        for start in range(0, repeats, CHUNK):
            grades, there, errors = cohorts.draw(rng, cell, min(CHUNK, repeats - start))
            first = cohorts.read(cell, grades, there, errors, sds[0], name)
            second = cohorts.read(cell, grades, there, cohorts.related(rng, cell, errors), sds[1], name)
            measured, other = cohorts.without_each(first), cohorts.without_each(second)
            confusion = first.confusion
            differ = (first.predicted != second.predicted).any(2).sum(1)
            for index in range(len(grades)):
                jackknife, level = Jackknife(grades[index], cell.mix), first.level(index)
                values = {key: array[index] for key, array in measured.items()}
                values |= _slow_metrics(level, jackknife)
                others = {key: array[index] for key, array in other.items()}
                for key, found in (
                    *_singles(values, confusion[index], name, jackknife),
                    *_differences(values, others, int(differ[index]), name, jackknife),
                ):
                    counts.setdefault(key, Count(_truth(key, truths))).add(found)
                for key, found in _others(level, name, jackknife):
                    counts.setdefault(key, Count(beyond[key])).add(found)
                if start + index < repeats // 5:
                    for key, found in _before(level, values, name, grades[index], rng):
                        counts.setdefault(key, Count(_truth(key, truths))).add(found)
    return {key: count.row for key, count in counts.items()}


def _truth(key: str, truths: list[dict[str, Floats]]) -> float:
    """True value of what a key of `Found` names."""
    words = [word for word in key.split(" ")[1:] if word != "before"]
    if words[0] == "difference":
        return float(truths[0][words[1]] - truths[1][words[1]])
    return float(truths[0][words[0]][int(words[1])] if len(words) > 1 else truths[0][words[0]])


def _slow_metrics(level: Level, jackknife: Jackknife) -> dict[str, Floats]:
    """Metrics that are computed for one cohort at a time, where their intervals are printed at all."""
    patients = len(jackknife.grades)
    none = np.full(1 + patients, np.nan)
    values = dict.fromkeys(("calibration_slope",), none)
    if patients >= 100:
        values["calibration_slope"] = calibration_slope(
            level.truth, level.scores, level.patient, jackknife.multiplicities
        )
    return values


def _singles(
    values: dict[str, Floats], counts: Floats, name: str, jackknife: Jackknife
) -> Iterator[tuple[str, Estimate]]:
    for metric in METRICS:
        if metric.name in values:
            for k in range(3) if metric.per_class else (None,):
                key = f"{name} {metric.name}" + ("" if k is None else f" {k}")
                yield key, estimate_metric(metric, k, name, counts, CLASSES, jackknife, values)


def _differences(
    values: dict[str, Floats],
    others: dict[str, Floats],
    differ: int,
    name: ReportedLevel,
    jackknife: Jackknife,
) -> Iterator[tuple[str, Estimate]]:
    patients = len(jackknife.grades)
    reasons = too_few_differ(differ, name), too_few_of_a_grade(jackknife.grades, CLASSES), patients
    for metric in METRICS:
        if metric.paired and not metric.per_class and metric.name in values:
            yield (
                f"{name} difference {metric.name}",
                paired_difference(
                    values[metric.name] - others[metric.name],
                    patients,
                    jackknife,
                    ci_unavailable(metric, *reasons),
                    pseudo=metric.pseudo_difference(name == "patient"),
                    spread=metric.spread(name == "patient"),
                ),
            )


def _hotter(level: Level) -> Floats:
    """Brier score at a temperature of 1.5, and the sums of patients that it is made of."""
    scores = level.scores ** (1 / 1.5)
    return np.asarray(scores / scores.sum(1, keepdims=True))


def _brier(level: Level, scores: Floats, weights: Floats) -> Floats:
    return calibration_metrics(patient_sums(level.truth, scores, level.patient), weights)["brier"]


def _others(level: Level, name: ReportedLevel, jackknife: Jackknife) -> Iterator[tuple[str, Estimate]]:
    """What is printed outside of the tables of metrics."""
    weights = jackknife.multiplicities
    limit = threshold(CALIBRATION.tolist(), COVERAGE)
    measured = level_sets(level, limit, jackknife, independent=name == "patient")
    yield f"{name} set coverage", measured["covered"]
    yield f"{name} set size", measured["size"]
    group = {row for row in level.names if level.patient[int(row)] % 2}
    yield f"{name} subgroup difference", from_others(level, group)[0]
    if name == "patient":
        risks = risk_coverage(level, jackknife)
        yield "patient aurc", risks["aurc"]
        yield "patient aurc gain", risks["aurc_gain"]
        return
    far = level.scores.max(1) < 0.5
    with np.errstate(invalid="ignore"):
        shares = (weights @ np.bincount(level.patient, far)) / (weights @ np.bincount(level.patient))
    yield "image OOD share", estimate(shares, len(far), jackknife, share=True)
    gain = _brier(level, _hotter(level), weights) - _brier(level, level.scores, weights)
    yield (
        "image brier by calibration",
        paired_difference(
            gain,
            len(far),
            jackknife,
            too_few_patients(len(jackknife.grades), least=LEAST_FOR_LOSSES),
            pseudo=0,
            spread="within",
        ),
    )


def _others_truth(big: Level, name: ReportedLevel) -> dict[str, float]:
    """True values of `_others`."""
    confidence, wrong = big.scores.max(1), big.predicted != big.truth
    included = sets(big.scores, threshold(CALIBRATION.tolist(), COVERAGE))
    risks = wrong[np.argsort(-confidence, kind="stable")].cumsum() / np.arange(1, len(wrong) + 1)
    one = np.ones((1, 1))
    gain = _brier(big, _hotter(big), one) - _brier(big, big.scores, one)
    return {
        f"{name} set coverage": float(included[np.arange(len(wrong)), big.truth].mean()),
        f"{name} set size": float(included.sum(1).mean()),
        f"{name} subgroup difference": 0.0,
        "patient aurc": float(risks.mean()),
        "patient aurc gain": float(wrong.mean() - risks.mean()),
        "image OOD share": float((confidence < 0.5).mean()),
        "image brier by calibration": float(gain[0]),
    }


def _before(
    level: Level, values: dict[str, Floats], name: str, grades: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[str, Estimate]]:
    """The interval of earlier versions: Wilson's for accuracy by patient, else the percentile bootstrap."""
    sample = Weighted(level, draw_patients(grades, 400, rng))
    for metric in BEFORE:
        drawn = CATALOG[metric].compute(sample)
        value, n = float(values[metric][0]), len(grades)
        flat = np.ptp(drawn) < 1e-12
        if metric == "accuracy" and (flat or name == "patient"):
            low, high = wilson(value, n)
        else:
            low, high = percentiles(drawn)
        none = flat and metric != "accuracy"
        bounds = (None, None) if none else (low, high)
        yield f"{name} before {metric}", {"value": value, "low": bounds[0], "high": bounds[1], "n": n}


def table(results: list[tuple[Cell, Found]], patients: tuple[int, ...]) -> list[str]:
    """Coverage over all cells of so many patients, and mean width, by metric."""
    keys = list(dict.fromkeys(key for _, found in results for key in found if " before " not in key))
    heads = "".join(f" {number}: coverage | printed | width | before | width |" for number in patients)
    lines = [f"| Metric |{heads}", "|---|" + "---|" * (5 * len(patients))]
    for key in keys:
        level, metric = key.split(" ", 1)
        row = f"| {metric.replace('_', ' ')}, by {level} |"
        for number in patients:
            shown = [found[key] for cell, found in results if cell.patients == number and key in found]
            row += _cells_of(shown)
            old = f"{level} before {metric}"
            past = [found[old] for cell, found in results if cell.patients == number and old in found]
            row += _before_of(past)
        if "–" in row:
            lines.append(row)
    return lines


def _cells_of(shown: list[list[float]]) -> str:
    """Lowest and highest coverage, share of intervals that were printed and their mean width."""
    printed = sum(row[2] for row in shown)
    enough = [row for row in shown if row[2] >= 100]
    if not enough:
        return " none | | |"
    coverages = [100 * row[3] for row in enough]
    mark = "*" * any(not row[5] for row in enough)
    width = sum(row[4] * row[2] for row in shown) / printed
    share = 100 * printed / sum(row[1] for row in shown)
    return f" {min(coverages):.1f}–{max(coverages):.1f}{mark} | {share:.0f} % | {width:.2f} |"


def _before_of(past: list[list[float]]) -> str:
    past = [row for row in past if row[2]]
    if not past:
        return " | |"
    coverages, printed = [100 * row[3] for row in past], sum(row[2] for row in past)
    width = sum(row[4] * row[2] for row in past) / printed
    return f" {min(coverages):.1f}–{max(coverages):.1f} | {width:.2f} |"


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="six cells")
    parser.add_argument("--all", action="store_true", help="all cells; it takes days")
    parser.add_argument("--table", action="store_true", help="only the tables of the cells in the file")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/intervals.md")
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("outputs/coverage.jsonl"))
    chosen = parser.parse_args()
    cells, repeats = QUICK if chosen.quick else ALL if chosen.all else GRID, chosen.repeats
    settings = {"repeats": repeats, "seed": chosen.seed}
    if chosen.table:
        done = stored(Cell, chosen.out, settings)
    else:
        done = simulated(
            cells, lambda cell: simulate(cell, repeats, chosen.seed), chosen.out, settings, judged
        )
    text = report([(cell, done[cell]) for cell in cells if cell in done], repeats)
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text)


def report(results: list[tuple[Cell, Found]], repeats: int) -> str:
    """The tables, and the cells that are surely outside of the band."""
    error = 100 * math.sqrt(0.95 * 0.05 / repeats)
    lines = [
        f"{repeats:,} cohorts a cell, {len(results)} cells; Monte Carlo error ± {error:.1f} points at 95 %.",
        "",
        *table(results, (15, 30, 74)),
        "",
    ]
    wrong = [(cell, text) for cell, found in results for text in outside(found, cell.mix)]
    judged = sum(row[2] > 0 and " before " not in key for _, found in results for key, row in found.items())
    lines.append(f"Surely outside of 93 to 98 %: {len(wrong)} of {judged}.")
    if wrong:
        lines += [
            "",
            "| Patients | Correlation | Accuracy | Mix | Effect | Interval |",
            "|---|---|---|---|---|---|",
        ]
    lines += [
        f"| {cell.patients} | {cell.correlation:g} | {cell.accuracy:g} | {cell.mix} | {cell.effect} | "
        f"{text.replace('_', ' ')} |"
        for cell, text in wrong
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
