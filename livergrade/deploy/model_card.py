"""The model card of an exported network, from the files of its run alone (Mitchell et al., FAT* 2019)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from livergrade import __version__
from livergrade.data.split import fingerprint
from livergrade.evaluation.metric_catalog import overall
from livergrade.evaluation.summary import RunMetrics
from livergrade.io.files import atomic_write
from livergrade.reports.format import bounds, value
from livergrade.reports.run_report import cohort_counts, cohort_name
from livergrade.reports.verdict import limits, majority, verdict
from livergrade.runs.run import Run


def write_card(run: Run, exported: dict[str, Any], path: Path) -> None:
    """Write the card, whole or not at all: YAML that Hugging Face reads, then Markdown for people.

    Args:
        run: the finished run.
        exported: what ``export.json`` holds.
        path: the file.

    Raises:
        UserError: a file of the run is missing or damaged.
    """
    metrics, environment, config = run.metrics, run.environment, run.config
    cohort = " ".join(cohort_name(config.data).split())  # a line of its own could end the card's fields
    synthetic = config.data.name == "synthetic"
    pages = Environment(
        loader=PackageLoader("livergrade.deploy", ""),
        autoescape=False,  # noqa: S701 - escaped() is for Markdown what autoescaping is for HTML
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {"value": value, "bounds": bounds}
    text = pages.get_template("model_card.md.j2").render(
        front_matter=Markup(front_matter(run, metrics, cohort)),  # noqa: S704 - YAML, which quotes by itself
        model=run.model,
        run_name=f"{run.folder.parent.name}/{run.folder.name}",
        cohort=cohort,
        synthetic=synthetic,
        split=config.split.name,
        counts=cohort_counts(run.split, metrics["classes"], run.folder / "split.csv"),
        fingerprint=fingerprint(run.split),
        metrics=metrics,
        calibration=metrics.get("calibration", {}),
        told=[(metric.name, metric.heading, metric.unit) for metric in overall()],
        majority=majority(metrics),
        verdict=verdict(metrics, run.model),
        limits=limits(
            metrics,
            split=config.split.name,
            synthetic=synthetic,
            trial=config.trainer.limit_batches is not None,
        ),
        environment=environment,
        exported=exported,
        version=__version__,
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def front_matter(run: Run, metrics: RunMetrics, cohort: str) -> str:
    """The card's fields as Hugging Face names them, with the patient level's figures, as YAML."""
    leaking = " (leaking split: not of new patients)" if metrics["leakage"]["leaking"] else ""
    figures = [
        {
            "type": metric.name,
            "name": f"{metric.heading}, by patient{leaking}",
            "value": metrics["patient"][metric.name]["value"],
        }
        for metric in overall()
        if metrics["patient"][metric.name]["value"] is not None
    ]
    result = {
        "task": {"type": "image-classification", "name": "Histological grading"},
        "dataset": {"type": cohort, "name": f"{cohort}, test patients", "split": "test"},
        "metrics": figures,
    }
    fields = {
        "license": "unknown",  # the weights' is whoever trained them to say
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "histopathology", "hematoxylin-eosin", "grading", "livergrade", "research-only"],
        "metrics": [metric.name for metric in overall()],
        "model-index": [{"name": run.model, "results": [result]}],
    }
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return text


def escaped(told: object) -> object:
    """A value as one line of Markdown that shows it and nothing else, whatever is in it."""
    if isinstance(told, Markup):
        return told
    text = " ".join(str(told).split())
    return re.sub(r"([\\`*_\[\]<>|~&$#!])", r"\\\1", text)
