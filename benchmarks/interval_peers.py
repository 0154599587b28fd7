"""Width of the intervals of four metrics beside those of other methods, simulated on the same cohorts.

    python benchmarks/interval_peers.py [--write] [--repeats 400] [--resamples 1000] [--out FILE]

The peers resample or leave out patients, as the package does: the percentile bootstrap, the same with the
expanded levels of Hesterberg (arXiv:1411.5279), the bias-corrected and accelerated bootstrap (Efron, J. Am.
Stat. Assoc. 82, 1987), and Student's t with the jackknife's variance, as it is and on the logit scale. A peer
holds where its intervals cover the truth in at least 93 % of the cohorts of each cell of a size. The cohorts
are those of tests/evaluation/cohorts.py. Each cell is a line of the file of results, and a later call goes on
after the last of them; --write puts the table into docs/intervals.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, t
from simulated_cells import simulated, write_between

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.intervals import Jackknife, draw_patients, t_quantile
from livergrade.evaluation.levels import REPORTED_LEVELS, ReportedLevel
from livergrade.evaluation.metric_catalog import METRICS
from livergrade.evaluation.metric_estimate import estimate_metric
from livergrade.evaluation.weighted import Weighted
from tests.evaluation import cohorts
from tests.evaluation.cohorts import Cell

DOCUMENT = Path(__file__).parent.parent / "docs" / "intervals.md"
OURS = "livergrade"
CLASSES = ["poor", "moderate", "well"]
MEASURED = [
    metric for metric in METRICS if metric.name in ("accuracy", "quadratic_kappa", "macro_f1", "macro_auroc")
]
CELLS = [
    Cell(patients, equal, correlation, accuracy, "fixed", effect)
    for patients in (15, 30, 74)
    for equal, correlation, accuracy, effect in (
        (False, 0.4, 0.8, "normal"),
        (False, 0.0, 0.6, "normal"),
        (True, 0.8, 0.8, "beta"),
        (False, 0.8, 0.95, "t"),
    )
]
HOLDS = 0.93

Found = dict[str, dict[str, list[float]]]
"""``level metric`` → method → intervals drawn, share that holds the truth, mean width."""


def bounds_of_peers(
    value: float, without: Floats, drawn: Floats, patients: int, lowest: float
) -> Iterator[tuple[str, float, float]]:
    """Intervals of other methods for one metric of one cohort.

    Args:
        value: the metric.
        without: the metric without each patient, float64 [P].
        drawn: the metric of each resample of patients, float64 [B].
        patients: number of patients P.
        lowest: lowest value that the metric can have; the highest is 1.
    """
    drawn, tail = drawn[np.isfinite(drawn)], (1 - 0.95) / 2
    yield "percentile bootstrap", *np.quantile(drawn, [tail, 1 - tail])
    expanded = norm.cdf(math.sqrt(patients / (patients - 1)) * t.ppf(tail, patients - 1))
    yield "expanded percentiles", *np.quantile(drawn, [expanded, 1 - expanded])
    yield "BCa bootstrap", *_accelerated(value, without, drawn, tail)
    away = np.where(np.isfinite(without), without, value) - value
    error = math.sqrt((patients - 1) / patients * float((away**2).sum()))
    half = t_quantile(patients - 1) * error
    yield "jackknife, Student's t", value - half, value + half
    unit = min(max((value - lowest) / (1 - lowest), 1e-9), 1 - 1e-9)
    half /= (1 - lowest) * unit * (1 - unit)
    ends = expit(logit(unit) + np.array([-half, half]))
    yield "jackknife, logit scale", *(lowest + (1 - lowest) * ends)


def _accelerated(value: float, without: Floats, drawn: Floats, tail: float) -> Floats:
    """Bounds of the bias-corrected and accelerated bootstrap."""
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = norm.ppf(min(max(below, 1e-6), 1 - 1e-6))
    away = np.nanmean(without) - without[np.isfinite(without)]
    spread = float((away**2).sum()) ** 1.5
    acceleration = float((away**3).sum()) / (6 * spread) if spread > 1e-18 else 0.0
    z = bias + norm.ppf([tail, 1 - tail])
    return np.asarray(np.quantile(drawn, norm.cdf(bias + z / (1 - acceleration * z))))


def simulate(cell: Cell, repeats: int, resamples: int, seed: int = 3) -> Found:
    """Coverage and width of every method in a cell."""
    sums: dict[str, dict[str, list[float]]] = {}
    for name in REPORTED_LEVELS:
        sd = cohorts.solve_sd(cell, name)
        truths = cohorts.true_values(cohorts.large(cell, sd, name))
        rng = np.random.default_rng([seed, cell.patients, int(100 * cell.accuracy)])
        grades, there, errors = cohorts.draw(rng, cell, repeats)
        drawn = cohorts.read(cell, grades, there, errors, sd, name)
        measured = cohorts.without_each(drawn)
        for index in range(repeats):
            values = {metric.name: measured[metric.name][index] for metric in MEASURED}
            for metric, method, low, high in _intervals(
                cell, name, drawn, index, values, draw_patients(grades[index], resamples, rng)
            ):
                count = sums.setdefault(f"{name} {metric}", {}).setdefault(method, [0, 0, 0])
                count[0] += 1
                count[1] += low - 1e-9 <= float(truths[metric]) <= high + 1e-9
                count[2] += high - low
    return {
        key: {method: [n, held / n, width / n] for method, (n, held, width) in methods.items()}
        for key, methods in sums.items()
    }


def _intervals(
    cell: Cell,
    name: ReportedLevel,
    drawn: cohorts.Cohorts,
    index: int,
    values: dict[str, Floats],
    resampled: Floats,
) -> Iterator[tuple[str, str, float, float]]:
    """Metric, method and bounds of each interval of one cohort."""
    level, counts = drawn.level(index), drawn.confusion[index]
    jackknife, sample = Jackknife(drawn.grades[index], cell.mix), Weighted(level, resampled)
    for metric in MEASURED:
        found = estimate_metric(metric, None, name, counts, CLASSES, jackknife, values)
        if found["low"] is None or found["high"] is None:
            continue
        yield metric.name, OURS, found["low"], found["high"]
        one = values[metric.name]
        lowest = (metric.bounds or (0, 1))[0]
        for method, low, high in bounds_of_peers(
            float(one[0]), one[1:], metric.compute(sample), cell.patients, lowest
        ):
            yield metric.name, method, low, high


def table(results: list[tuple[Cell, Found]]) -> list[str]:
    """Our width, and the narrowest peer that holds, by metric and number of patients."""
    lines = [
        "| Metric | Patients | holds | width | narrowest other method that holds | its width | ours / its |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in results[0][1]:
        name, metric = key.split(" ", 1)
        for patients in sorted({cell.patients for cell, _ in results}):
            cells = [found[key] for cell, found in results if cell.patients == patients and key in found]
            rows = {method: [found[method] for found in cells] for method in cells[0]}
            least = {method: min(held for _, held, _ in each) for method, each in rows.items()}
            width = {method: float(np.mean([row[2] for row in each])) for method, each in rows.items()}
            holding = [method for method in rows if method != OURS and least[method] >= HOLDS]
            ours = f"{100 * least[OURS]:.1f} % or more | {width[OURS]:.3f}"
            best = min(holding, key=width.__getitem__, default="")
            theirs = f"{best} | {width[best]:.3f} | {width[OURS] / width[best]:.2f}" if best else "none | | "
            lines.append(f"| {metric.replace('_', ' ')}, by {name} | {patients} | {ours} | {theirs} |")
    return lines


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the table where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/intervals.md")
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("outputs/interval_peers.jsonl"))
    chosen = parser.parse_args()
    settings = {"repeats": chosen.repeats, "resamples": chosen.resamples}
    done = simulated(CELLS, lambda cell: simulate(cell, **settings), chosen.out, settings)
    text = "\n".join(table([(cell, done[cell]) for cell in CELLS]))
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text, "peers", "end of peers")


if __name__ == "__main__":
    main()
