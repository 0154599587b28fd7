"""Metrics, figures and report of a run, derived from ``predictions.csv`` in its folder."""

from pathlib import Path

from matplotlib.figure import Figure

from livergrade.evaluation.intervals import GradeMix
from livergrade.evaluation.leakage import warning
from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.net_benefit import decision_curves
from livergrade.evaluation.subgroups import subgroups
from livergrade.evaluation.summary import RunMetrics, evaluate
from livergrade.evaluation.uncertainty import Calibration, fit_calibration, uncertainty_metrics
from livergrade.io.files import write_json
from livergrade.reports.checklists import write_checklists
from livergrade.reports.net_benefit_plot import plot_net_benefit
from livergrade.reports.run_plots import plot_run
from livergrade.reports.run_report import write_report
from livergrade.reports.style import save
from livergrade.reports.thumbnails import write_thumbnails
from livergrade.reports.uncertainty_plots import plot_uncertainty
from livergrade.runs.run import Run


def write_results(
    run: Path,
    images: Path | None = None,
    calibration: Calibration | None = None,
    *,
    outside: bool = False,
    recalibrate: bool = False,
) -> RunMetrics:
    """Write ``calibration.json``, ``metrics.json``, ``figures/``, ``mistakes/`` and ``report.html``.

    Args:
        run: run folder with ``config.yaml``, ``split.csv``, ``predictions.csv`` and, for a training run,
            ``history.csv``.
        images: root folder of the images in ``predictions.csv``; if None, no misgraded images are shown.
        calibration: calibration of the trained run, if its network graded another cohort; if None, it is
            fitted on the validation rows of ``predictions.csv``.
        outside: whether images may lie outside ``images``.
        recalibrate: whether another cohort than the run's is calibrated by its own patients.

    Returns:
        Content of ``metrics.json``.
    """
    results = Run(run)
    config, predictions = results.config, results.predictions
    # A split keeps the mix of the grades; of another cohort the next one would have another mix.
    external = config.split.name == "external"
    mix: GradeMix = "random" if external else "fixed"
    metrics = evaluate(predictions, results.split, seed=config.seed, mix=mix)
    metrics["subgroups"] = subgroups(predictions)
    metrics["net_benefit"] = decision_curves(predictions)
    calibration = calibration or fit_calibration(predictions)
    write_json(calibration, run / "calibration.json")
    cautious = uncertainty_metrics(
        predictions,
        calibration,
        run,
        mix=mix,
        by_grade=bool(config.conformal.by_grade),
        recalibrate=recalibrate if external else None,
    )
    metrics = {**metrics, **cautious}
    write_json(metrics, run / "metrics.json")
    for name, figure in run_figures(results, metrics).items():
        save(figure, run / "figures" / name)
    if images:
        worst = list(worst_images(predictions)["image"])
        reading = config.data.reading()
        write_thumbnails(worst, images, run / "mistakes", outside=outside, reading=reading)
    write_checklists(run)
    write_report(run)
    return metrics


def run_figures(run: Run, metrics: RunMetrics) -> dict[str, Figure]:
    """All figures of a run's report, by the names that their files have.

    Args:
        run: the run.
        metrics: its metrics, as in ``metrics.json``.
    """
    synthetic = run.config.data.name == "synthetic"
    figures = plot_run(run.predictions, metrics, run.history, synthetic=synthetic)
    if "net_benefit" in metrics:
        benefit, note = metrics["net_benefit"], warning(metrics["leakage"])
        title = f"Decision curve of {benefit['grade']} against the rest{', synthetic cohort' * synthetic}"
        figures["net_benefit"] = plot_net_benefit(benefit, title=title, note=note)
    return figures | (plot_uncertainty(metrics, synthetic=synthetic) if "abstention" in metrics else {})
