"""Which consensus is nearer the truth: by majority, or by Dawid and Skene, with readers of known confusion.

python benchmarks/consensus.py [--repeats 400] [--write]    the table, and into docs/agreement.md

Each study has 74 patients with six images. A patient has a grade, all three alike probable, and an image has
that of its patient with probability 0.8. Readers err independently given the grade, but for one panel. The
difference of the shares of images whose consensus is the truth is paired; patients are what is independent.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulated_cells import write_between
from simulated_readers import confusion

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.estimate import paired_difference
from livergrade.reading.consensus import consensus
from livergrade.reading.machine import PSEUDO
from livergrade.reading.pairs import jackknife_of, with_each_left_out

DOCUMENT = Path(__file__).parent.parent / "docs" / "agreement.md"
PATIENTS, IMAGES = 74, 6
TOO_LOW = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.1, 0.6, 0.3]])
"""What a reader says (column) who reads a grade too low, by the true grade."""


@dataclass(frozen=True)
class Panel:
    """Readers of known confusion.

    Attributes:
        name: for the table.
        readers: confusion of each, float64 [3, 3].
        copied: probability with which the last reader says what the one before says.
    """

    name: str
    readers: tuple[Floats, ...]
    copied: float = 0.0


PANELS = (
    Panel("three alike (0.85 correct)", (confusion(0.85),) * 3),
    Panel("three, one better (0.95, 0.7, 0.7)", (confusion(0.95), confusion(0.7), confusion(0.7))),
    Panel("three, one reads a grade too low (0.9, 0.9)", (confusion(0.9), confusion(0.9), TOO_LOW)),
    Panel("four, two read a grade too low (0.9, 0.9)", (confusion(0.9), confusion(0.9), TOO_LOW, TOO_LOW)),
    Panel("five, of 0.95 to 0.6", tuple(confusion(skill) for skill in (0.95, 0.85, 0.75, 0.65, 0.6))),
    Panel(
        "three, two share a habit (half of the one's answers)",
        (confusion(0.85), confusion(0.7), confusion(0.7)),
        0.5,
    ),
)


def draw(rng: np.random.Generator, panel: Panel) -> tuple[Ints, Ints]:
    """The true grade of each image, int64 [N], and what the readers say, int64 [N, R]."""
    truth = np.repeat(rng.integers(0, 3, PATIENTS), IMAGES)
    other = rng.random(len(truth)) > 0.8
    truth = np.where(other, (truth + rng.integers(1, 3, len(truth))) % 3, truth)
    upto = np.stack([each.cumsum(1)[truth] for each in panel.readers], 1)
    said = (rng.random((*upto.shape[:2], 1)) > upto[:, :, :2]).sum(2).astype(np.int64)
    copies = rng.random(len(truth)) < panel.copied
    said[:, -1] = np.where(copies, said[:, -2], said[:, -1])
    return truth, said


def compare(truth: Ints, said: Ints) -> tuple[float, float, float, float]:
    """Shares of images whose consensus is the truth, by either rule; and the limits of their difference."""
    right = np.column_stack(
        [np.ones(len(truth)), *(consensus(said, 3, rule) == truth for rule in ("majority", "dawid_skene"))]
    )
    sums = with_each_left_out(right.reshape(PATIENTS, IMAGES, 3).sum(1))
    majority, weighed = sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0]
    found = paired_difference(weighed - majority, len(truth), jackknife_of(PATIENTS), pseudo=PSEUDO)
    low, high = found["low"], found["high"]
    assert low is not None
    assert high is not None
    return float(majority[0]), float(weighed[0]), low, high


def study(panel: Panel, repeats: int, seed: int = 0) -> Floats:
    """What `compare` returns of each of so many studies, float64 [repeats, 4]."""
    rng = np.random.default_rng([seed, PANELS.index(panel)])
    return np.array([compare(*draw(rng, panel)) for _ in range(repeats)])


def row(panel: Panel, found: Floats) -> str:
    """A row of the table."""
    apart = 100 * (found[:, 1] - found[:, 0])
    error = 1.96 * apart.std(ddof=1) / len(apart) ** 0.5
    cells = (
        panel.name,
        f"{100 * found[:, 0].mean():.1f}",
        f"{100 * found[:, 1].mean():.1f}",
        f"{apart.mean():+.1f} ({apart.mean() - error:+.1f} to {apart.mean() + error:+.1f})",
        f"{100 * (found[:, 2] > 0).mean():.0f}",
        f"{100 * (found[:, 3] < 0).mean():.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--write", action="store_true", help="put the table into docs/agreement.md")
    chosen = parser.parse_args()
    names = (
        "Readers",
        "majority, %",
        "Dawid–Skene, %",
        "difference, points",
        "surely nearer, %",
        "surely farther, %",
    )
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    lines += [row(panel, study(panel, chosen.repeats)) for panel in PANELS]
    text = f"{chosen.repeats:,} studies a row.\n\n" + "\n".join(lines)
    print(text)
    if chosen.write:
        write_between(DOCUMENT, text, "consensus", "end of consensus")


if __name__ == "__main__":
    main()
