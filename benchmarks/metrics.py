"""Intervals: 2,000 resamples of every image-level figure of five models, ours against torchmetrics'.

    python benchmarks/metrics.py [--models 5] [--patients 15] [--images 87] [--resamples 2000] [--theirs 20]
        [--json FILE]

Ours starts from views (36 an image), gathers them into images, and resamples patients; the peer is
torchmetrics' BootStrapper over those of the figures that torchmetrics has, on the images' probabilities. It
resamples rows, as it cannot do patients, which is less work. It is timed with `theirs` resamples and with
twice as many; what one more costs is what counts, and the growth is told.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassAveragePrecision,
    MulticlassCalibrationError,
    MulticlassCohenKappa,
    MulticlassF1Score,
    MulticlassMatthewsCorrCoef,
    MulticlassPrecision,
    MulticlassRecall,
    MulticlassSpecificity,
)
from torchmetrics.wrappers import BootStrapper

from livergrade.evaluation.intervals import draw_patients
from livergrade.evaluation.levels import Level
from livergrade.evaluation.metric_catalog import weighted_metrics

GRADES = 3


def drawn_views(
    images: int, patients: int, views: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth [N], probabilities [N, 3] and patient [N] of every view, image by image."""
    rng = np.random.default_rng(seed)
    patient = np.sort(np.arange(images) % patients).repeat(views)
    truth = patient % GRADES
    scores = rng.dirichlet(np.ones(GRADES), len(truth)) + 0.4 * np.eye(GRADES)[truth]
    return truth, scores / scores.sum(1, keepdims=True), patient


def ours(truth: np.ndarray, scores: np.ndarray, patient: np.ndarray, views: int, resamples: int) -> None:
    """Gather the views into images, then every figure under every resample."""
    first = np.arange(0, len(truth), views)
    means = scores.reshape(-1, views, GRADES).mean(1)
    level = Level([str(row) for row in first], truth[first], means, patient[first])
    grades = np.arange(patient.max() + 1) % GRADES
    weights = draw_patients(grades, resamples, np.random.default_rng(0))
    weighted_metrics(level, np.vstack([np.ones(len(grades)), weights]))


def theirs(truth: np.ndarray, scores: np.ndarray, views: int, resamples: int) -> None:
    """The same figures through torchmetrics' wrapper."""
    means = torch.tensor(scores.reshape(-1, views, GRADES).mean(1))
    per_class = {"num_classes": GRADES, "average": "none"}
    collection = MetricCollection(
        {
            "accuracy": MulticlassAccuracy(GRADES, average="micro"),
            "precision": MulticlassPrecision(**per_class),
            "recall": MulticlassRecall(**per_class),
            "f1": MulticlassF1Score(**per_class),
            "specificity": MulticlassSpecificity(**per_class),
            "auroc": MulticlassAUROC(**per_class),
            "average_precision": MulticlassAveragePrecision(**per_class),
            "kappa": MulticlassCohenKappa(GRADES, weights="quadratic"),
            "mcc": MulticlassMatthewsCorrCoef(GRADES),
            "ece": MulticlassCalibrationError(GRADES, n_bins=15),
        }
    )
    target = torch.tensor(truth[::views])
    for metric in collection.values():
        wrapped = BootStrapper(metric, num_bootstraps=resamples, mean=False, std=False, raw=True)
        wrapped.update(means, target)
        wrapped.compute()["raw"].double().quantile(torch.tensor([0.025, 0.975]).double(), 0)


def main() -> None:
    """Print the ratio, and write JSON where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--patients", type=int, default=15)
    parser.add_argument("--images", type=int, default=87)
    parser.add_argument("--views", type=int, default=36)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--theirs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cases = [drawn_views(chosen.images, chosen.patients, chosen.views, seed) for seed in range(chosen.models)]
    theirs(*cases[0][:2], chosen.views, 2)  # once, so that nothing is imported while it is timed

    started = time.perf_counter()
    for truth, scores, patient in cases:
        ours(truth, scores, patient, chosen.views, chosen.resamples)
    mine = time.perf_counter() - started

    def timed(resamples: int) -> float:
        started = time.perf_counter()
        for truth, scores, _ in cases:
            theirs(truth, scores, chosen.views, resamples)
        return time.perf_counter() - started

    few, twice = timed(chosen.theirs), timed(2 * chosen.theirs)
    whole = few + (twice - few) / chosen.theirs * (chosen.resamples - chosen.theirs)
    found = {
        "ours_seconds": mine,
        "theirs_seconds": {chosen.theirs: few, 2 * chosen.theirs: twice, chosen.resamples: whole},
        "ratio": whole / mine,
    }
    views = chosen.images * chosen.views
    print(f"{views:,} views of {chosen.patients} patients, {chosen.models} models, one thread\n")
    print("| | resamples | seconds |\n|---|---|---|")
    print(f"| livergrade, every figure | {chosen.resamples:,} | {mine:.2f} |")
    print(f"| torchmetrics, measured | {chosen.theirs} | {few:.2f} |")
    print(f"| torchmetrics, measured | {2 * chosen.theirs} | {twice:.2f} ({twice / few:.2f} times as long) |")
    print(f"| torchmetrics, carried on | {chosen.resamples:,} | {whole:.0f} |")
    print(f"\nlivergrade is {whole / mine:.0f} times as fast.")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
