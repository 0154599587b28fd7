"""What calibration does to new patients, simulated: harm of the temperature, its intervals, sets of grades.

    python benchmarks/calibration.py [--write] [--repeats 1000] [--out FILE]

tests/evaluation/cohorts.py tells how cohorts are drawn. A network may be sure by a factor too much or too
little: log T of the temperature that undoes it is 0, or is drawn from N(0, 0.2²) or N(0, 0.5²). A temperature
is fitted on the calibration patients and judged by the log-loss of 20,000 new ones, by image. Sets of grades
at 90 % are judged on 4,000 new patients.

Each cell is a line of the file of results, and a later call goes on after the last of them; --write puts the
tables into docs/caution.md.
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
from simulated_cells import simulated, write_between

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.conformal import ConformalScores, Thresholds, make_thresholds, nonconformity, sets
from livergrade.evaluation.intervals import draw_patients, percentiles, t_quantile
from livergrade.evaluation.temperature import LOG_TEMPERATURES, PRIOR_SD, best_log_temperature
from tests.evaluation import cohorts

DOCUMENT = Path(__file__).parent.parent / "docs" / "caution.md"
CLASSES = ["poor", "moderate", "well"]
COVERAGE = 0.9
HARM = 0.003
"""Rise of the mean log-loss that is tolerated, in nats."""
SPREADS = (0.0, 0.2, 0.5)
STEP = float(LOG_TEMPERATURES[1] - LOG_TEMPERATURES[0])
SHIFTS = 45
"""A network is off by so many steps of the grid at most."""
WIDE = LOG_TEMPERATURES[0] + STEP * np.arange(-SHIFTS, len(LOG_TEMPERATURES) + SHIFTS)
FOLDS = 5
SHARED = 0.6
"""Share of the variance of an error that the networks of the folds have in common."""
BATCH = 50
RESAMPLES = 400
NEW = 20_000
NEW_SETS = 4_000


@dataclass(frozen=True)
class Cell:
    """One setting.

    Attributes:
        patients: number of calibration patients.
        accuracy: accuracy by image in truth.
        correlation: share of the latent error's variance that a patient's images have in common.
    """

    patients: int
    accuracy: float
    correlation: float

    def cohort(self) -> cohorts.Cell:
        """The same as a cohort of 1 to 12 images a patient."""
        return cohorts.Cell(self.patients, False, self.correlation, self.accuracy, "fixed")


GRID = [Cell(*one) for one in itertools.product((7, 15, 30, 74), (0.65, 0.8, 0.95), (0.4, 0.8))]


def image_losses(cell: cohorts.Cell, rng: np.random.Generator, number: int, patients: int = 0) -> Floats:
    """Mean log-loss of each patient's images at each of `WIDE`, float64 [R, P, W]; the best is T = 1."""
    sd = cohorts.solve_sd(cell, "image")
    grades, there, errors = cohorts.draw(rng, cell, number, patients)
    scores = cohorts.read(cell, grades, there, errors, sd, "image").scores[there]
    truth = np.broadcast_to(grades[..., None], there.shape)[there]
    logits = np.log(np.maximum(scores, 1e-300))
    gaps = (logits - np.take_along_axis(logits, truth[:, None], 1)).astype(np.float32)
    owner = np.repeat(np.arange(there[..., 0].size), there.sum(2).ravel())
    count = np.bincount(owner)
    losses = np.empty((len(count), len(WIDE)))
    most = -math.log(np.finfo(np.float64).eps)
    for place, log_temperature in enumerate(WIDE):
        with np.errstate(over="ignore"):
            loss = np.log(np.exp(gaps / np.float32(math.exp(log_temperature))).sum(1))
        losses[:, place] = np.bincount(owner, np.minimum(loss, most)) / count
    return losses.reshape(*grades.shape, len(WIDE))


@functools.cache
def new_patients(accuracy: float, correlation: float) -> Floats:
    """Mean log-loss of new patients at each of `WIDE`, float64 [W]."""
    cell = Cell(20, accuracy, correlation).cohort()
    rng = np.random.default_rng(9)
    parts = [image_losses(cell, rng, 1, 2000)[0].mean(0) for _ in range(NEW // 2000)]
    return np.asarray(np.mean(parts, 0))


def before(losses: Floats) -> Floats:
    """Logarithm of the temperature as it was fitted without a prior, from the mean losses [..., G]."""
    lowest = losses.argmin(-1)
    return np.where(lowest == 0, 0.0, LOG_TEMPERATURES[lowest])  # at the low end nothing was calibrated


def harm(cell: Cell, losses: Floats, rng: np.random.Generator) -> dict[str, list[float]]:
    """Change of new patients' log-loss, at each of `SPREADS`.

    Returns:
        Method → mean change, and share of networks with a change above 0.001, for each spread in turn; and of
        cross-fitted temperatures the mean change of the same patients.
    """
    new, found = new_patients(cell.accuracy, cell.correlation), {}
    zero = int(np.abs(WIDE).argmin())
    for spread in SPREADS:
        off = np.clip(np.round(rng.normal(0, spread, len(losses)) / STEP), -SHIFTS, SHIFTS).astype(int)
        places = SHIFTS - off[:, None] + np.arange(len(LOG_TEMPERATURES))  # of the grid among WIDE
        own = np.take_along_axis(losses, places[:, None], 2)  # [R, P, G]
        total = own.sum(1)

        def change(log_temperature: Floats, off: Ints = off) -> Floats:
            told = np.interp(log_temperature - off * STEP, WIDE, new)
            return np.asarray(told - np.interp(-off * STEP, WIDE, new))

        for name, fitted in (("before", before(total)), ("after", best_log_temperature(total))):
            changed = change(fitted)
            found[name] = [*found.get(name, []), float(changed.mean()), float((changed > 0.001).mean())]
        others = best_log_temperature(total[:, None] - own)  # [R, P]
        place = np.clip((others - LOG_TEMPERATURES[0]) / STEP, 0, len(LOG_TEMPERATURES) - 1)
        at = np.take_along_axis(own, np.round(place).astype(int)[..., None], 2)[..., 0]
        graded = np.take_along_axis(losses, (zero - off)[:, None, None], 2)[..., 0]
        found["recalibrated"] = [*found.get("recalibrated", []), float((at - graded).mean())]
    return found


def intervals(cell: Cell, losses: Floats, rng: np.random.Generator) -> dict[str, float]:
    """How often an interval holds the best temperature.

    Returns:
        ``percentile``: as it was printed, over resampled patients; ``score``: Student's t of the patients'
        derivatives; ``posterior``: of the likelihood and the prior, for networks that need T = 1 and for
        those off by exactly 0.6 in log T.
    """
    new = new_patients(cell.accuracy, cell.correlation)
    inner = losses[..., SHIFTS : SHIFTS + len(LOG_TEMPERATURES)]
    best = int(new.argmin()) - SHIFTS
    slope = (inner[..., best + 1] - inner[..., best - 1]) / (2 * STEP)  # [R, P]
    n = cell.patients
    half = t_quantile(n - 1) * slope.std(1, ddof=1) / math.sqrt(n)
    grades, held = cohorts.grades_of(n), []
    for one in inner:
        drawn = draw_patients(grades, RESAMPLES, rng)
        low, high = percentiles(before(drawn @ one))
        held.append(low - STEP / 2 <= LOG_TEMPERATURES[best] <= high + STEP / 2)
    return {
        "percentile": float(np.mean(held)),
        "score": float((np.abs(slope.mean(1)) <= half).mean()),
        "posterior": _posterior(inner.sum(1), best, 0.0),
        "posterior, off by 0.6": _posterior(inner.sum(1), best, 0.6),
    }


def _posterior(total: Floats, best: int, off: float) -> float:
    """Coverage of the central 95 % of the posterior of log T, where the best is ``off``."""
    objective = total + (LOG_TEMPERATURES - LOG_TEMPERATURES[best] + off) ** 2 / (2 * PRIOR_SD**2)
    mass = np.exp(objective.min(1, keepdims=True) - objective)
    below = (mass[:, :best].sum(1) + mass[:, best] / 2) / mass.sum(1)
    return float(((below > 0.025) & (below < 0.975)).mean())


def patient_probabilities(
    cell: cohorts.Cell, rng: np.random.Generator, number: int, patients: int = 0, networks: int = 1
) -> tuple[Ints, Floats]:
    """Grades [R, P] and probabilities [R, P, K] of patients, the mean of so many networks of one cohort."""
    sd = cohorts.solve_sd(cell, "image")
    grades, there, common = cohorts.draw(rng, cell, number, patients)
    told = np.zeros((*grades.shape, len(CLASSES)))
    for _ in range(networks):
        errors = common
        if networks > 1:
            own = (rng.standard_normal(common[0].shape), rng.standard_normal(common[1].shape))
            errors = tuple(
                math.sqrt(SHARED) * first + math.sqrt(1 - SHARED) * second
                for first, second in zip(common, own, strict=True)
            )
        told += cohorts.read(cell, grades, there, errors, sd, "patient").scores[:, :, 0] / networks
    return grades, told


def coverage(cell: Cell, rng: np.random.Generator, repeats: int) -> dict[str, list[float]]:
    """Coverage and size of sets by patient.

    Returns:
        Method → coverage of all patients, of each grade, mean number of grades in a set, and share of
        repeats in which the sets fell back to one threshold. ``split``: one network, one threshold;
        ``cross-fitted``: scores of networks that each left a fold out, sets by the mean of all of them;
        ``by grade``: one network, a threshold for each grade.
    """
    known = cell.cohort()
    new = Cell(20, cell.accuracy, cell.correlation).cohort()
    new_grades, one = patient_probabilities(new, rng, 1, NEW_SETS)
    ensemble_grades, many = patient_probabilities(new, rng, 1, NEW_SETS, FOLDS)
    grades, told = patient_probabilities(known, rng, repeats)
    own = np.take_along_axis(nonconformity(told), grades[..., None], 2)[..., 0]
    methods = {
        "split": (new_grades[0], one[0], False),
        "cross-fitted": (ensemble_grades[0], many[0], False),
        "by grade": (new_grades[0], one[0], True),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in methods}
    for truth, scores in zip(grades, own, strict=True):
        for name, (expected, probabilities, by_grade) in methods.items():
            thresholds = _thresholds(truth, scores, by_grade=by_grade)
            included = sets(probabilities, thresholds.limits["patient"])
            held = included[np.arange(len(expected)), expected]
            each = [float(held[expected == grade].mean()) for grade in range(len(CLASSES))]
            size = float(included.sum(1).mean())
            found[name].append([float(held.mean()), *each, size, float(bool(thresholds.fallback))])
    return {name: np.mean(rows, 0).tolist() for name, rows in found.items()}


def _thresholds(truth: Ints, scores: Floats, *, by_grade: bool) -> Thresholds:
    def stored(values: Floats) -> ConformalScores:
        return {"patient": sorted(values.tolist()), "image": [[value] for value in values.tolist()]}

    each = {grade: stored(scores[truth == index]) for index, grade in enumerate(CLASSES)}
    return make_thresholds(stored(scores), each, CLASSES, COVERAGE, ask_by_grade=by_grade)


def simulate(cell: Cell, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Harm, coverage of intervals, and coverage of sets in one setting."""
    rng = np.random.default_rng([cell.patients, round(100 * cell.accuracy), round(10 * cell.correlation)])
    parts = list(_batches(cell, rng, repeats))
    weights = [size for size, _, _ in parts]

    def mean(of: int) -> dict[str, list[float]]:
        names = parts[0][of]
        return {name: np.average([part[of][name] for part in parts], 0, weights).tolist() for name in names}

    return {"harm": mean(1), "intervals": mean(2), "sets": coverage(cell, rng, repeats)}


def _batches(
    cell: Cell, rng: np.random.Generator, repeats: int
) -> Iterator[tuple[int, dict[str, list[float]], dict[str, list[float]]]]:
    """Harm and coverage of intervals of at most `BATCH` networks at a time: their losses are large."""
    for start in range(0, repeats, BATCH):
        number = min(BATCH, repeats - start)
        losses = image_losses(cell.cohort(), rng, number)
        held = {name: [share] for name, share in intervals(cell, losses, rng).items()}
        yield number, harm(cell, losses, rng), held


def worst(results: dict[Cell, dict[str, dict[str, list[float]]]], patients: int, name: str) -> float:
    """Largest mean change of the log-loss among the settings with so many patients."""
    return max(max(found["harm"][name][0::2]) for cell, found in results.items() if cell.patients == patients)


def tables(results: dict[Cell, dict[str, dict[str, list[float]]]]) -> list[str]:
    """The tables as Markdown, each line over the settings with one number of patients."""
    sizes = sorted({cell.patients for cell in results})
    cells = {size: [results[cell] for cell in results if cell.patients == size] for size in sizes}
    heads = ["Patients", "before: mean", "worst setting", "harmed", "now: mean", "worst setting", "harmed"]
    lines = [_row([*heads, "cross-fitted: mean"]), _row(["---"] * 8)]
    for size, found in cells.items():
        parts = [str(size)]
        for name in ("before", "after"):
            values = np.array([one["harm"][name] for one in found])
            parts += [f"{values[:, 0::2].mean():+.4f}", f"{worst(results, size, name):+.4f}"]
            parts.append(f"{100 * values[:, 1::2].mean():.0f} %")
        parts.append(f"{np.mean([one['harm']['recalibrated'] for one in found]):+.4f}")
        lines.append(_row(parts))
    names = list(next(iter(results.values()))["intervals"])
    lines += ["", _row(["Patients", *names]), _row(["---"] * (1 + len(names)))]
    for size, found in cells.items():
        shares = np.array([[one["intervals"][name][0] for name in names] for one in found])
        spans = [
            f"{100 * low:.0f}–{100 * high:.0f} %"
            for low, high in zip(shares.min(0), shares.max(0), strict=True)
        ]
        lines.append(_row([str(size), *spans]))
    heads = ["Patients", "Sets", "hold the grade", *CLASSES, "least of a setting's grades", "grades in a set"]
    lines += ["", _row(heads), _row(["---"] * len(heads))]
    for size, found in cells.items():
        for name in ("split", "cross-fitted", "by grade"):
            values = np.array([one["sets"][name] for one in found])
            shares = [f"{100 * share:.1f} %" for share in (*values.mean(0)[:4], values[:, 1:4].min())]
            fell = ", one threshold for all" if values[:, 5].all() else ""
            lines.append(_row([str(size), name + fell, *shares, f"{values[:, 4].mean():.2f}"]))
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/caution.md")
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("outputs/calibration.jsonl"))
    chosen = parser.parse_args()
    repeats = chosen.repeats
    done = simulated(GRID, lambda cell: simulate(cell, repeats), chosen.out, {"repeats": repeats})
    error = 100 * math.sqrt(0.05 * 0.95 / chosen.repeats)
    note = f"{chosen.repeats:,} networks a setting, Monte Carlo error of 95 % ± {error:.1f} points.\n"
    text = "\n".join([note, *tables(done)])
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text)


if __name__ == "__main__":
    main()
