"""Everything after ``predictions.csv``: metrics, figures and the report, from the run folder alone."""

from pathlib import Path
from typing import cast

from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.subgroups import subgroups
from livergrade.evaluation.summary import RunMetrics, evaluate
from livergrade.evaluation.uncertainty import Calibration, fit_calibration, uncertainty_metrics
from livergrade.io.files import write_json
from livergrade.reports.run_plots import run_figures
from livergrade.reports.run_report import write_report
from livergrade.reports.style import save
from livergrade.reports.thumbnails import write_thumbnails
from livergrade.reports.uncertainty_plots import plot_uncertainty
from livergrade.runs.run import Run


def write_results(
    run: Path, images: Path | None = None, calibration: Calibration | None = None
) -> RunMetrics:
    """Write ``calibration.json``, ``metrics.json``, ``figures/``, ``mistakes/`` and ``report.html``.

    Args:
        run: a folder with ``config.yaml``, ``split.csv``, ``predictions.csv`` and, where it was trained,
            ``history.csv``.
        images: where the images lie that ``predictions.csv`` names; without it no mistake is shown.
        calibration: of the run whose network graded another cohort; without it, it is fitted on the
            validation side of ``predictions.csv``.

    Returns:
        What ``metrics.json`` holds.
    """
    written = Run(run)
    config, predictions, history = written.config, written.predictions, written.history
    metrics = evaluate(predictions, written.split, seed=config.seed)
    metrics["subgroups"] = subgroups(predictions, seed=config.seed)
    calibration = calibration or fit_calibration(predictions, seed=config.seed)
    write_json(calibration, run / "calibration.json")
    metrics = cast(RunMetrics, metrics | uncertainty_metrics(predictions, calibration, run, seed=config.seed))
    write_json(metrics, run / "metrics.json")
    synthetic = config.data.name == "synthetic"
    drawn = run_figures(predictions, metrics, history, synthetic=synthetic)
    for name, figure in (drawn | plot_uncertainty(metrics, synthetic=synthetic)).items():
        save(figure, run / "figures" / name)
    if images:
        write_thumbnails(list(worst_images(predictions)["image"]), images, run / "mistakes")
    write_report(run)
    return metrics
