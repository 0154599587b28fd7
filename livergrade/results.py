"""Everything after ``predictions.csv``: metrics, figures and the report, from the run folder alone."""

from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from livergrade.figures import run_figures, save
from livergrade.metrics import evaluate, read_predictions, write_json
from livergrade.report import write_report


def write_results(run: Path) -> dict[str, Any]:
    """Write ``metrics.json``, ``figures/`` and ``report.html``.

    Args:
        run: a folder with ``config.yaml``, ``split.csv``, ``predictions.csv`` and, where it was trained,
            ``history.csv``.

    Returns:
        What ``metrics.json`` holds.
    """
    config = OmegaConf.load(run / "config.yaml")
    predictions = read_predictions(run / "predictions.csv")
    split = pd.read_csv(run / "split.csv", dtype=str, keep_default_na=False)
    trained = run / "history.csv"  # an evaluation has none
    history = pd.read_csv(trained) if trained.is_file() else None
    metrics = evaluate(predictions, split, seed=config.seed)
    write_json(metrics, run / "metrics.json")
    synthetic = config.data.name == "synthetic"
    for name, figure in run_figures(predictions, metrics, history, synthetic=synthetic).items():
        save(figure, run / "figures" / name)
    write_report(run)
    return metrics
