"""One self-contained HTML page about a run, made from the files of its folder alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from omegaconf import OmegaConf

from livergrade import __version__
from livergrade.errors import UserError
from livergrade.evaluation.faithfulness import METHODS, by_method
from livergrade.evaluation.metrics import (
    LEVELS,
    PER_CLASS,
    class_names,
    gather,
    patient_grades,
    read_predictions,
)
from livergrade.io.files import written_whole
from livergrade.models.catalog import label
from livergrade.reports.run_plots import GRADES
from livergrade.reports.thumbnails import worst_images
from livergrade.reports.verdict import limits, majority, verdict

Mask = npt.NDArray[np.bool_]

# metric, heading, unit: a share is shown in per cent, a score with three decimals
_OVERALL = (
    ("accuracy", "Accuracy", "share"),
    ("balanced_accuracy", "Balanced accuracy", "share"),
    ("macro_f1", "Macro F1", "share"),
    ("macro_auroc", "Macro AUROC, one against the rest", "score"),
    ("macro_average_precision", "Macro average precision", "score"),
    ("mcc", "Matthews' correlation", "score"),
    ("quadratic_kappa", "Quadratic-weighted kappa", "score"),
    ("mean_absolute_error", "Mean absolute error, in grades", "score"),
    ("two_grade_error_rate", "Errors of two grades or more", "share"),
    ("brier", "Brier score, 0 best", "score"),
    ("log_loss", "Log-loss, natural", "score"),
    ("ece", "Calibration error (ECE)", "score"),
)
_PER_CLASS = tuple(
    (
        metric,
        {"f1": "F1", "auroc": "AUROC"}.get(metric, metric.replace("_", " ").capitalize()),
        "score" if metric in ("auroc", "average_precision") else "share",
    )
    for metric in PER_CLASS
)
_FIGURES = {
    "confusion_patient": "Patients: truth by row, prediction by column, with the share of the row.",
    "confusion_image": "Images: truth by row, prediction by column, with the share of the row.",
    "class_bars": "Precision, recall and F1 of each grade; the line is the 95 % interval.",
    "roc": "ROC curves at image and patient level, each grade against the rest.",
    "reliability": "Share graded rightly against the probability told; below, how many had it.",
    "curves": "Accuracy and loss over the epochs.",
}
_CAUTION_FIGURES = {
    "calibrated_reliability": "Share graded rightly against the probability told, as graded and calibrated; "
    "larger points hold more. On the dotted line probabilities are what they say.",
    "set_sizes": "How many sets hold one grade, two, and so on.",
    "familiarity": "Distance of each image from the training images, by colour and sharpness.",
    "risk_coverage": "Error among the patients answered, the surest first, with the percentiles of the "
    "resampled curves; the points are the rows of the table.",
}


def write_report(run_folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder, atomically.

    Reads ``config.yaml``, ``split.csv``, ``predictions.csv`` and ``metrics.json``, and where they are there
    ``environment.json``, ``sanity.json``, ``figures/`` and ``mistakes/``. Nothing is computed again but the
    table of patients, and nothing outside the folder is read.

    Args:
        run_folder: Folder of a finished run.

    Returns:
        Path of the page. It refers to nothing outside itself and holds no script.

    Raises:
        UserError: If a file is missing or cannot be read.
    """
    folder = Path(run_folder)
    for name in ("config.yaml", "split.csv", "predictions.csv", "metrics.json"):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder / name}: missing, so no report can be written. Give the folder of a finished run."
            )
    config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)
    environment, maps = (
        _read_json(folder / name) if (folder / name).is_file() else {}
        for name in ("environment.json", "sanity.json")
    )
    metrics = _read_json(folder / "metrics.json")
    predictions = read_predictions(folder / "predictions.csv")
    split = pd.read_csv(folder / "split.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    settings = dict(_flatten(config))
    network = config.get("model", {}) if isinstance(config, dict) else {}
    model = label(network.get("name", "model"), network.get("backbone"))
    synthetic = settings.get("data.name") == "synthetic"

    return write_page(
        folder,
        "report.html.j2",
        synthetic=synthetic,
        model=model,
        cohort_name=cohort_name(settings),
        split_name=settings.get("split.name", ""),
        seed=settings.get("seed", ""),
        metrics=metrics,
        majority=majority(metrics),
        verdict=verdict(metrics, model),
        limits=limits(
            metrics,
            split=settings.get("split.name", ""),
            synthetic=synthetic,
            trial=settings.get("trainer.limit_batches", "none") != "none",
        ),
        cohort=cohort_counts(split, metrics["classes"], folder / "split.csv"),
        levels=LEVELS,
        overall=_OVERALL,
        per_class=_PER_CLASS,
        reasons=_reasons(metrics),
        figures=_figures(folder / "figures"),
        caution_figures=list(_CAUTION_FIGURES) if "calibration" in metrics else [],
        mistakes=_mistakes(predictions, folder / "mistakes"),
        methods=METHODS,
        sanity=by_method(maps.get("sanity", [])),
        mapped=maps.get("patients", 0),
        subgroups=_by_column(metrics.get("subgroups", [])),
        fingerprint=fingerprint(split),
        patients=_patients(predictions, metrics["classes"]),
        colours=GRADES,
        settings=settings,
        environment=dict(_flatten(environment)),
    )


def write_page(folder: Path, template: str, **values: object) -> Path:
    """Write ``report.html`` into a folder, whole or not at all.

    Args:
        folder: that it is written into.
        template: its name in this package.
        values: what the template names: each is escaped, and one that is lacking is an error.

    Returns:
        Path of the page.
    """
    pages = Environment(
        loader=PackageLoader("livergrade.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"value": value, "bounds": bounds}
    page = pages.get_template(template).render(version=__version__, **values)
    target = folder / "report.html"
    with written_whole(target) as part:
        part.write_text(page, encoding="utf-8")
    return target


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise UserError(
            f"{path}: is not valid JSON ({error}). Score the run again to write it anew."
        ) from error


def value(figure: dict[str, Any], unit: str) -> str:
    """A figure as a reader sees it: a ``share`` in per cent, a ``score`` with three decimals."""
    if figure["value"] is None:
        return "n/a"
    return f"{100 * figure['value']:.1f} %" if unit == "share" else f"{figure['value']:.3f}"


def bounds(figure: dict[str, Any], unit: str) -> str:
    """The same of its interval; ``no interval`` where it has none, blank where there is no figure."""
    if figure["low"] is None:
        return "" if figure["value"] is None else "no interval"
    low, high = figure["low"], figure["high"]
    to = "–" if low >= 0 else " to "  # a dash before a minus is misread
    return f"{100 * low:.1f}{to}{100 * high:.1f}" if unit == "share" else f"{low:.3f}{to}{high:.3f}"


def cohort_name(settings: dict[str, str]) -> str:
    """What the reader calls the cohort: the manifest's name, or the folder's."""
    given = settings.get(
        {"manifest": "data.manifest", "folder": "data.root"}.get(settings.get("data.name", ""), "")
    )
    return Path(given).stem if given else settings.get("data.name", "")


def cohort_counts(split: pd.DataFrame, classes: list[str], source: Path) -> dict[str, Any]:
    """Patients and images by grade and part of the split, with their totals."""
    grade = pd.Index(classes).get_indexer(pd.Index(split["grade"]))
    if (grade < 0).any():
        row = int(np.flatnonzero(grade < 0)[0])
        raise UserError(
            f"{source}: row {row + 2}: grade {split['grade'].iloc[row]!r} is none of {', '.join(classes)}."
        )
    patient, _ = pd.factorize(split["patient"])
    patient_grade = patient_grades(np.asarray(patient, np.int64), np.asarray(grade, np.int64), len(classes))[
        patient
    ]
    parts = [part for part in ("train", "val", "test") if (split["split"] == part).any()]
    masks = [(split["split"] == part).to_numpy() for part in parts] + [split["split"].isin(parts).to_numpy()]

    def cells(of_patients: Mask, of_images: Mask) -> list[tuple[int, int]]:
        patients = [int(split.loc[part & of_patients, "patient"].nunique()) for part in masks]
        return list(zip(patients, [int((part & of_images).sum()) for part in masks], strict=True))

    everything = np.ones(len(split), bool)
    rows = [(name, cells(patient_grade == k, grade == k)) for k, name in enumerate(classes)]
    rows.append(("all", cells(everything, everything)))
    return {
        "parts": [*parts, "all"],
        "rows": rows,
        "mixed": int((split.groupby("patient")["grade"].nunique() > 1).sum()),
        "shared": int((split.groupby("patient")["split"].nunique() > 1).sum()),
    }


def _reasons(metrics: dict[str, Any]) -> list[str]:
    """Why figures are undefined or without an interval, and what means leave out; each sentence once."""
    found: dict[str, None] = {}
    for level in LEVELS:
        overall = [metrics[level][metric] for metric, _, _ in _OVERALL]
        by_grade = [
            grade[metric] for grade in metrics[level]["per_class"].values() for metric, _, _ in _PER_CLASS
        ]
        for figure in overall + by_grade:
            found |= {
                f"{level.capitalize()} level: {figure[key]}.": None
                for key in ("reason", "note")
                if key in figure
            }
    return list(found)


def _figures(folder: Path) -> list[dict[str, str]]:
    """Every figure of the folder once, the known ones first."""
    stems = sorted({path.stem for suffix in ("png", "svg") for path in folder.glob(f"*.{suffix}")})
    known = _FIGURES | _CAUTION_FIGURES
    others = {name: name.replace("_", " ") for name in stems if name not in known}
    return inlined_figures(folder, known | others)


def inlined_figures(
    folder: Path, captions: Mapping[str, str], kinds: Sequence[str] = ("jpg", "png", "svg")
) -> list[dict[str, str]]:
    """The figures of these names that the folder has, in this order, as data URIs with their captions.

    Args:
        folder: where they lie.
        captions: by name without the ending.
        kinds: endings; of a figure that has several the last is taken.
    """
    files = {path.stem: path for suffix in kinds for path in sorted(folder.glob(f"*.{suffix}"))}
    types = {".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml"}
    return [
        {
            "name": name,
            "caption": caption,
            "uri": f"data:{types[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}",
        }
        for name, caption in captions.items()
        if (path := files.get(name))
    ]


def _mistakes(predictions: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """The worst images, each with its probabilities and, where they were written, its thumbnail and maps."""
    worst = worst_images(predictions)
    classes = class_names(predictions)
    names = [f"{place}{kind}" for place in range(len(worst)) for kind in ("", "_maps")]
    pictures = {found["name"]: found["uri"] for found in inlined_figures(folder, dict.fromkeys(names, ""))}
    return [
        {str(key): value for key, value in row.items()}
        | {"scores": [row[f"p_{grade}"] for grade in classes], "uri": pictures.get(str(place))}
        | {"maps": pictures.get(f"{place}_maps")}
        for place, row in enumerate(worst.to_dict("records"))
    ]


def _by_column(groups: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        found.setdefault(group["column"], []).append(group)
    return found


def fingerprint(split: pd.DataFrame) -> str | None:
    """One hash of every image's name, side and content: the same for the same data and split alone."""
    if "sha256" not in split:
        return None
    lines = sorted(
        "\t".join(row) for row in split[["image", "patient", "grade", "split", "sha256"]].to_numpy()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _patients(predictions: pd.DataFrame, classes: list[str]) -> list[dict[str, Any]]:
    """One row a test patient, the gravest errors first, then by true grade and name."""
    levels = gather(predictions[predictions["split"] == "test"])
    patients, images = levels["patient"], levels["image"]
    right = np.bincount(images.patient, images.predicted == images.truth).astype(int)
    count = np.bincount(images.patient)
    rows = [
        {
            "name": patients.names[i],
            "truth": classes[true],
            "predicted": classes[called],
            "probability": patients.scores[i, called],
            "scores": patients.scores[i].tolist(),
            "images": int(count[i]),
            "right": int(right[i]),
            "off": abs(int(called) - int(true)),
        }
        for i, (true, called) in enumerate(zip(patients.truth, patients.predicted, strict=True))
    ]
    return sorted(rows, key=lambda row: (-row["off"], classes.index(row["truth"]), row["name"]))


def _flatten(tree: object, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted names and readable values."""
    if isinstance(tree, dict) and tree:
        return [
            pair
            for key, value in tree.items()
            for pair in _flatten(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    if prefix.rpartition(".")[2] == "seconds" and isinstance(tree, int | float):
        minutes, seconds = divmod(round(tree), 60)
        return [
            (
                prefix,
                f"{minutes // 60} h {minutes % 60} min {seconds} s"
                if minutes >= 60
                else f"{minutes} min {seconds} s",
            )
        ]
    if isinstance(tree, list):
        return [(prefix, ", ".join(map(str, tree)) or "none")]
    if tree is None or tree in ({}, ""):
        return [(prefix, "none")]
    is_count = isinstance(tree, int) and not isinstance(tree, bool)
    return [(prefix, f"{tree:,}" if is_count and prefix.endswith("parameters") else str(tree))]
