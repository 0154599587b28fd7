"""How often the intervals of livergrade.agreement hold the truth, with readers of known confusion.

python benchmarks/agreement.py --write     simulate the cells and put the table into docs/agreement.md
python benchmarks/agreement.py --example   write examples/readings.csv, of three simulated readers

Each cohort has so many patients with six images. A patient has a grade, all three alike probable, and an
image has that of its patient with probability 0.8. Three readers and a network each say the true grade with
the probability ``accuracy`` and else one of the others, a neighbour three times as probable as the other end.
What one of them says of the images of a patient is correlated (Gaussian copula, ``correlation``).
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr
from simulated_cells import simulated, write_between
from simulated_readers import confusion

from livergrade.evaluation.arrays import Ints
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.intervals import wilson
from livergrade.reading.agreement import together
from livergrade.reading.machine import beside_others, mean_difference
from livergrade.reading.pairs import pair
from livergrade.reading.ratings import NONE, Ratings
from livergrade.reading.readings import COLUMNS, write_readings

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "agreement.md"
CLASSES = ["poor", "moderate", "well"]
READERS = ["A", "B", "C"]
IMAGES = 6
LARGE = 30_000
NAMES = {
    "agreement": "percent agreement of a pair",
    "kappa": "Cohen's kappa of a pair",
    "quadratic_kappa": "quadratic-weighted kappa of a pair",
    "fleiss_kappa": "Fleiss' kappa",
    "krippendorff_alpha": "Krippendorff's alpha",
    "difference": "network–reader less reader–reader agreement",
    "left_out": "network less reader, beside the others' consensus",
}


@dataclass(frozen=True)
class Cell:
    """What is simulated.

    Attributes:
        patients: of a cohort.
        accuracy: probability that a reader says the true grade.
        correlation: of what a reader says of a patient's images.
        network: the same probability of the network; None: that of the readers.
        read: share of the images that each reader read.
    """

    patients: int
    accuracy: float
    correlation: float
    network: float | None = None
    read: float = 1.0


CELLS = [
    cell
    for patients in (15, 30, 74)
    for cell in (
        *(
            Cell(patients, accuracy, correlation)
            for accuracy in (0.95, 0.85, 0.6)
            for correlation in (0.0, 0.4)
        ),
        Cell(patients, 0.85, 0.4, network=0.6),
        Cell(patients, 0.85, 0.4, read=0.6),
    )
]


def draw(rng: np.random.Generator, cell: Cell, patients: int) -> tuple[Ratings, Ints]:
    """One cohort with three readers, and the grades of a network."""
    of_patient = rng.integers(0, 3, patients)
    truth = np.repeat(of_patient, IMAGES)
    other = rng.random(len(truth)) > 0.8
    truth = np.where(other, (truth + rng.integers(1, 3, len(truth))) % 3, truth)
    shape = (patients, 1, 4), (patients, IMAGES, 4)
    rho = cell.correlation
    normal = rho**0.5 * rng.standard_normal(shape[0]) + (1 - rho) ** 0.5 * rng.standard_normal(shape[1])
    uniform = ndtr(normal).reshape(-1, 4)
    skills = [cell.accuracy] * 3 + [cell.network or cell.accuracy]
    upto = np.stack([confusion(skill).cumsum(1)[truth] for skill in skills], 1)
    said = (uniform[:, :, None] > upto[:, :, :2]).sum(2).astype(np.int64)
    if cell.read < 1:
        said[:, :3] = np.where(rng.random((len(truth), 3)) < cell.read, said[:, :3], NONE)
    patient = np.repeat(np.arange(patients), IMAGES)
    ratings = Ratings(
        CLASSES,
        READERS,
        [""] * len(truth),
        [""] * patients,
        patient,
        said[:, :3],
        np.zeros((0, 4), np.int64),
        np.full(len(truth), -1),
        {},
    )
    return ratings, said[:, 3]


def estimates(ratings: Ratings, network: Ints) -> dict[str, Estimate]:
    """What is printed of a cohort."""
    readers = together(ratings)
    one = pair("A", "B", (ratings.grades[:, 0], ratings.grades[:, 1]), ratings)
    return {
        "agreement": one["agreement"],
        "kappa": one["kappa"],
        "quadratic_kappa": one["quadratic_kappa"],
        "fleiss_kappa": readers["fleiss_kappa"],
        "krippendorff_alpha": readers["krippendorff_alpha"],
        "difference": mean_difference(ratings, network),
        "left_out": beside_others(ratings, network, 0, "majority")["difference"],
    }


def simulate(cell: Cell, repeats: int, seed: int) -> dict[str, list[float]]:
    """Of each estimate: intervals drawn, share that holds the truth, mean width, true value."""
    rng = np.random.default_rng([seed, cell.patients, int(100 * cell.accuracy), int(10 * cell.correlation)])
    truths = {name: one["value"] for name, one in estimates(*draw(rng, cell, LARGE)).items()}
    if not cell.network:  # the network is as good as the readers
        truths |= {"difference": 0.0}
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0])
    for _ in range(repeats):
        for name, one in estimates(*draw(rng, cell, cell.patients)).items():
            low, high, truth = one["low"], one["high"], truths[name]
            if low is not None and high is not None and truth is not None:
                count = sums[name]
                count[0] += 1
                count[1] += low - 1e-9 <= truth <= high + 1e-9
                count[2] += high - low
    return {
        name: [n, held / n, width / n, float(truths[name] or 0)] for name, (n, held, width) in sums.items()
    }


def table(results: dict[Cell, dict[str, list[float]]]) -> list[str]:
    """Lowest and highest coverage of the cells of each number of patients, and the mean width."""
    sizes = sorted({cell.patients for cell in results})
    head = " | ".join(f"{size}: coverage, % | printed | width" for size in sizes)
    lines = [f"| Estimate | {head} |", "|---" * (1 + 3 * len(sizes)) + "|"]
    for name, text in NAMES.items():
        cells = []
        for size in sizes:
            found = [each.get(name) for cell, each in results.items() if cell.patients == size]
            rows = [each for each in found if each]
            if not rows:
                cells.append("no interval | 0 % | ")
                continue
            held = [100 * row[1] for row in rows]
            width = float(np.mean([row[2] for row in rows]))
            cells.append(f"{min(held):.1f}–{max(held):.1f} | {len(rows)} of {len(found)} cells | {width:.2f}")
        lines.append(f"| {text} | {' | '.join(cells)} |")
    return lines


def surely_outside(results: dict[Cell, dict[str, list[float]]]) -> str:
    """How many of the shares are not within 93 to 98 %, and their range."""
    found = [row for each in results.values() for row in each.values()]
    limits = [wilson(row[1], row[0]) for row in found]
    wrong = sum(high < 0.93 or low > 0.98 for low, high in limits)
    beyond = sum(not 0.93 <= row[1] <= 0.98 for row in found)
    lowest, highest = min(row[1] for row in found), max(row[1] for row in found)
    return (
        f"Of {len(found)} shares {wrong} are surely outside of 93 to 98 % (by their 95 % Monte Carlo "
        f"interval) and {beyond - wrong} are outside within Monte Carlo error; the lowest is "
        f"{100 * lowest:.1f} %, the highest {100 * highest:.1f} %."
    )


def example(path: Path) -> None:
    """Write readings of three simulated readers of 30 patients with three images, B with some repeats."""
    rng = np.random.default_rng(1)
    ratings, _ = draw(rng, Cell(30, 0.8, 0.3), 30)
    again, rows = draw(np.random.default_rng(2), Cell(30, 0.9, 0.0), 30)[0], []
    for column, reader in enumerate(READERS):
        for place in [row for row in range(len(ratings.patient)) if row % IMAGES < 3]:
            grade = CLASSES[ratings.grades[place, column]]
            rows.append((f"P{ratings.patient[place]:02d}_{place % IMAGES}.png", reader, grade, place))
    for place in range(0, len(ratings.patient), IMAGES):  # the first image of each patient once more
        same = again.grades[place, 0] == again.grades[place, 1]
        grade = CLASSES[ratings.grades[place, 1] if same else again.grades[place, 2]]
        rows.append((f"P{ratings.patient[place]:02d}_0.png", "B", grade, place))
    start = pd.Timestamp("2026-01-05T09:00:00+01:00")
    readings = pd.DataFrame(
        [
            dict.fromkeys(COLUMNS, "")
            | {
                "reader": reader,
                "image": image,
                "grade": grade,
                "confidence": int(rng.integers(2, 6)),
                "seconds": int(rng.integers(5, 60)),
                "time": (start + pd.Timedelta(minutes=number)).isoformat(),
                "order": number,
                "mode": "read",
                "undone": False,
                "patient": image.partition("_")[0],
            }
            for number, (image, reader, grade, _) in enumerate(rows)
        ]
    )
    write_readings(readings, path, CLASSES)


def main() -> None:
    """Simulate the cells that are not in the file yet, and write the table where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/agreement.md")
    parser.add_argument("--example", action="store_true", help="write examples/readings.csv alone")
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--out", type=Path, default=Path("outputs/agreement_coverage.jsonl"))
    chosen = parser.parse_args()
    if chosen.example:
        example(ROOT / "examples" / "readings.csv")
        return
    settings = {"repeats": chosen.repeats, "seed": chosen.seed}
    results = simulated(CELLS, lambda cell: simulate(cell, **settings), chosen.out, settings)
    text = f"{chosen.repeats:,} cohorts a cell, {len(CELLS)} cells, seed {chosen.seed}.\n\n" + "\n".join(
        table(results)
    )
    text += f"\n\n{surely_outside(results)}"
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text)


if __name__ == "__main__":
    main()
