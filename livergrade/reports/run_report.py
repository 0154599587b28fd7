"""Self-contained HTML report of a run, made from the files of its folder alone."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from livergrade.config.schema import DataConfig, TrainConfig
from livergrade.data.kinds import KINDS
from livergrade.errors import UserError
from livergrade.evaluation.faithfulness import METHODS, by_method, read_sanity
from livergrade.evaluation.grade_counts import grade_counts, mixed_grades
from livergrade.evaluation.levels import LEVELS, aggregate
from livergrade.evaluation.metric_catalog import overall, per_class
from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.net_benefit import best_between
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.scale import in_words
from livergrade.evaluation.splits import fingerprint
from livergrade.evaluation.summary import RunMetrics, Subgroup
from livergrade.io.counted import counted
from livergrade.io.visible import shown
from livergrade.reports.checklists import FILE
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.palette import GRADES
from livergrade.reports.start_lines import duration, start_lines
from livergrade.reports.verdict import limits, majority, verdict
from livergrade.runs.environment import Environment
from livergrade.runs.run import Run, display_name

_FIGURES = {
    "confusion_patient": "Patients: truth by row, prediction by column, with the share of the row.",
    "confusion_image": "Images: truth by row, prediction by column, with the share of the row.",
    "class_bars": "Precision, recall and F1 of each grade; a line is the 95 % interval, where there is one.",
    "roc": "ROC curves at image and patient level, each grade against the rest.",
    "reliability": "Share graded correctly against the predicted probability; below, the number in each bin.",
    "curves": "Accuracy and loss over the epochs.",
}
_BENEFIT_FIGURE = {
    "net_benefit": "Net benefit, in true positives for each patient or image, against the threshold "
    "probability of the worst grade.",
}
_UNCERTAINTY_FIGURES = {
    "calibrated_reliability": "Share graded correctly against the predicted probability, before and after "
    "calibration; larger points have more cases. The dotted line is perfect calibration.",
    "set_sizes": "Number of prediction sets by the number of grades in them.",
    "familiarity": "Distance of each image from the training images, by colour and sharpness.",
    "risk_coverage": "Error of the patients answered, most confident first; the band is Wilson's interval, "
    "where there are enough patients; the points are the rows of the table.",
}


def write_report(run_folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder, atomically.

    Reads ``config.yaml``, ``split.csv``, ``predictions.csv`` and ``metrics.json``, and if present
    ``scale.json``, ``environment.json``, ``sanity.json``, ``figures/`` and ``mistakes/``. Only the table of
    patients is computed here; nothing outside the folder is read.

    Args:
        run_folder: Folder of a finished run.

    Returns:
        Path of the page. It has no external resources and no script.

    Raises:
        UserError: If a file is missing or cannot be read.
    """
    run = Run(Path(run_folder))
    folder, config, metrics = run.folder, run.config, run.metrics
    sanity = folder / "sanity.json"
    maps: dict[str, Any] = {**read_sanity(sanity)} if os.path.lexists(sanity) else {}
    recorded = os.path.lexists(folder / "environment.json")
    synthetic = config.data.name == "synthetic"
    return write_page(
        folder,
        "report.html.j2",
        synthetic=synthetic,
        model=run.model,
        cohort_name=cohort_name(config.data),
        split_name=config.split.name,
        seed=config.seed,
        metrics=metrics,
        majority=majority(metrics),
        verdict=verdict(metrics, run.model),
        limits=limits(metrics, config),
        scale=in_words(run.scale),
        cohort=cohort_counts(run.split, metrics["classes"], folder / "split.csv"),
        levels=LEVELS,
        overall=[(metric.name, metric.heading, metric.unit) for metric in overall()],
        per_class=[(metric.name, metric.heading, metric.unit) for metric in per_class()],
        reasons=_reasons(metrics),
        figures=_figures(folder / "figures"),
        caution_figures=[*_BENEFIT_FIGURE, *(_UNCERTAINTY_FIGURES if "calibration" in metrics else ())],
        benefit_ranges=_benefit_ranges(metrics),
        mistakes=_mistakes(run.predictions, folder / "mistakes"),
        methods=METHODS,
        sanity=by_method(maps.get("sanity", [])),
        mapped=maps.get("patients", 0),
        subgroups=_by_column(metrics.get("subgroups", [])),
        fingerprint=fingerprint(run.split),
        patients=_patients(run.predictions, metrics["classes"]),
        colours=GRADES,
        settings=_settings(run.recorded),
        environment=dict(_flatten(_travelling(run.environment) if recorded else {})),
        starts=start_lines(run.environment) if recorded else [],
        checklists=FILE if os.path.lexists(folder / FILE) else "",
    )


def cohort_name(data: DataConfig) -> str:
    """Display name of the cohort: the name of its manifest or folder."""
    kind = KINDS.get(data.name)
    source = getattr(data, kind.needs[0]) if kind and kind.needs else None
    return Path(source).stem if source else data.name


class CohortCounts(TypedDict):
    """Patients and images by grade and part of the split.

    Attributes:
        parts: the parts of the split that have images, then ``all``.
        rows: each grade, then ``all``, with its numbers of patients and of images in each part.
        mixed: number of patients with images of more than one grade.
        shared: number of patients with images in more than one part.
    """

    parts: list[str]
    rows: list[tuple[str, list[tuple[int, int]]]]
    mixed: int
    shared: int


def cohort_counts(split: pd.DataFrame, classes: list[str], source: Path) -> CohortCounts:
    """Patients and images by grade and part of the split, with their totals."""
    grade = pd.Index(classes).get_indexer(pd.Index(split["grade"]))
    if (grade < 0).any():
        row = int(np.flatnonzero(grade < 0)[0])
        raise UserError(
            f"{shown(source)}: row {row + 2}: grade {shown(repr(split['grade'].iloc[row]))} is none of "
            f"{shown(', '.join(classes))}."
        )
    parts = [part for part in ("train", "val", "test") if (split["split"] == part).any()]
    counts = [grade_counts(split[split["split"] == part], classes) for part in parts]
    counts.append(grade_counts(split[split["split"].isin(parts)], classes))
    return {
        "parts": [*parts, "all"],
        "rows": [(name, list(cells)) for name, *cells in zip([*classes, "all"], *counts, strict=True)],
        "mixed": len(mixed_grades(split)),
        "shared": int((split.groupby("patient")["split"].nunique() > 1).sum()),
    }


def _reasons(metrics: RunMetrics) -> list[str]:
    """Why estimates or intervals are undefined, and notes on means: each once, with what it is of."""
    applies: dict[str, dict[str, list[str]]] = {}  # reason → estimate → levels
    for level in reversed(LEVELS):
        estimates = {metric.heading: metrics[level][metric.name] for metric in overall()}
        for grade, of_grade in metrics[level]["per_class"].items():
            estimates |= {f"{metric.heading} of {grade}": of_grade[metric.name] for metric in per_class()}
        for name, estimate in estimates.items():
            for reason in (estimate[key] for key in ("reason", "note") if key in estimate):
                applies.setdefault(reason, {}).setdefault(name, []).append(level)
    sentences = []
    for reason, names in applies.items():
        levels = [level for level in reversed(LEVELS) if any(level in found for found in names.values())]
        count = sum(map(len, names.values()))
        heading = f"{counted(count, 'estimate')} by {', '.join(levels)}"
        sentences.append(f"{reason[:1].upper()}{reason[1:]}. {heading}: {', '.join(names)}.")
    return sentences


def _figures(folder: Path) -> list[dict[str, str]]:
    """All figures of the folder, once each, the known ones first."""
    stems = sorted({path.stem for suffix in ("png", "svg") for path in folder.glob(f"*.{suffix}")})
    known = _FIGURES | _UNCERTAINTY_FIGURES | _BENEFIT_FIGURE
    others = {name: name.replace("_", " ") for name in stems if name not in known}
    return inlined_figures(folder, known | others)


def _mistakes(predictions: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """The worst misgraded images with their probabilities and, if available, thumbnails and maps."""
    worst = worst_images(predictions)
    classes = class_names(predictions)
    names = [f"{place}{kind}" for place in range(len(worst)) for kind in ("", "_maps")]
    pictures = {
        picture["name"]: picture["uri"] for picture in inlined_figures(folder, dict.fromkeys(names, ""))
    }
    return [
        {str(key): value for key, value in row.items()}
        | {"scores": [row[f"p_{grade}"] for grade in classes], "uri": pictures.get(str(place))}
        | {"maps": pictures.get(f"{place}_maps")}
        for place, row in enumerate(worst.to_dict("records"))
    ]


def _benefit_ranges(metrics: RunMetrics) -> str:
    """Thresholds at which acting on the model, by patient, beats acting on all and on none, in words."""
    ranges = best_between(metrics["net_benefit"]["patient"]) if "net_benefit" in metrics else []
    return ", ".join(
        f"{100 * low:.0f} %" if low == high else f"{100 * low:.0f} to {100 * high:.0f} %"
        for low, high in ranges
    )


def _by_column(groups: list[Subgroup]) -> dict[str, list[Subgroup]]:
    by_column: dict[str, list[Subgroup]] = {}
    for group in groups:
        by_column.setdefault(group["column"], []).append(group)
    return by_column


class PatientRow(TypedDict):
    """Result of one test patient.

    Attributes:
        name: the patient.
        truth: true grade.
        predicted: predicted grade.
        probability: probability of the predicted grade.
        scores: probability of each grade.
        images: number of the patient's images.
        right: number of these images that are graded correctly.
        off: distance of the predicted from the true grade, in grades.
    """

    name: str
    truth: str
    predicted: str
    probability: float
    scores: list[float]
    images: int
    right: int
    off: int


def _patients(predictions: pd.DataFrame, classes: list[str]) -> list[PatientRow]:
    """One row per test patient, largest errors first, then by true grade and name."""
    levels = aggregate(predictions[predictions["split"] == "test"])
    patients, images = levels["patient"], levels["image"]
    correct = np.bincount(images.patient, images.predicted == images.truth).astype(int)
    count = np.bincount(images.patient)
    rows: list[PatientRow] = [
        {
            "name": patients.names[i],
            "truth": classes[true],
            "predicted": classes[predicted],
            "probability": patients.scores[i, predicted],
            "scores": patients.scores[i].tolist(),
            "images": int(count[i]),
            "right": int(correct[i]),
            "off": abs(int(predicted) - int(true)),
        }
        for i, (true, predicted) in enumerate(zip(patients.truth, patients.predicted, strict=True))
    ]
    return sorted(rows, key=lambda row: (-row["off"], classes.index(row["truth"]), row["name"]))


def _settings(config: TrainConfig) -> dict[str, str]:
    """The options as text. A page travels: of files it has the names, not in whose folders they lie."""
    settings = dict(_flatten(asdict(config)))
    paths = [f"data.{item.name}" for item in fields(config.data) if item.metadata["path"]]
    for key in (*paths, "model.weights", "train.resume"):
        settings[key] = settings[key].replace("\\", "/").rstrip("/").rpartition("/")[2]
    return settings


def _travelling(environment: Environment) -> dict[str, Any]:
    facts = {str(key): value for key, value in environment.items()}
    facts.pop("starts", None)  # reported on lines of their own
    if trained := facts.get("trained_run"):
        facts["trained_run"] = display_name(Path(str(trained)))
    return facts


def _flatten(tree: object, prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested settings to dotted names and readable values."""
    if isinstance(tree, dict) and tree:
        return [
            pair
            for key, value in tree.items()
            for pair in _flatten(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    if prefix.rpartition(".")[2] == "seconds" and isinstance(tree, int | float):
        return [(prefix, duration(tree))]
    if isinstance(tree, list):
        return [(prefix, ", ".join(map(str, tree)) or "none")]
    if tree is None or tree in ({}, ""):
        return [(prefix, "none")]
    is_count = isinstance(tree, int) and not isinstance(tree, bool)
    return [(prefix, f"{tree:,}" if is_count and prefix.endswith("parameters") else str(tree))]
