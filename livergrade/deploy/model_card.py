"""Model card of an exported network, made only from the files of its run (Mitchell et al., FAT* 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from livergrade import __version__
from livergrade.deploy.answer_rules import AnswerRules
from livergrade.evaluation.metric_catalog import overall
from livergrade.evaluation.scale import in_words
from livergrade.evaluation.splits import fingerprint
from livergrade.evaluation.summary import RunMetrics
from livergrade.io.files import atomic_write
from livergrade.io.visible import one_line
from livergrade.reports.format import bounds, value
from livergrade.reports.markdown import escape_markdown
from livergrade.reports.run_report import cohort_counts, cohort_name
from livergrade.reports.start_lines import duration, start_lines
from livergrade.reports.verdict import limits, majority, verdict
from livergrade.runs.run import Run, display_name


def write_card(run: Run, exported: dict[str, Any], rules: AnswerRules, lower: str | None, path: Path) -> None:
    """Write the card atomically: YAML front matter for Hugging Face, then Markdown for people.

    Args:
        run: the finished run.
        exported: content of ``export.json``.
        rules: content of ``answer_rules.json``.
        lower: sentence on a file of lower precision; None: it is of float32.
        path: the file.

    Raises:
        UserError: a file of the run is missing or damaged.
    """
    metrics, environment, config = run.metrics, run.environment, run.config
    # A line break could end the front matter.
    cohort = one_line(" ".join(cohort_name(config.data).split()))
    synthetic = config.data.name == "synthetic"
    text = (
        card_pages()
        .get_template("model_card.md.j2")
        .render(
            front_matter=Markup(front_matter(run, metrics, cohort)),  # noqa: S704 - already quoted by YAML
            model=run.model,
            members=len(run.members),
            folds=len(run.members) > 1 and config.split.name == "kfold",
            run_name=display_name(run.folder),
            cohort=cohort,
            synthetic=synthetic,
            split=config.split.name,
            counts=cohort_counts(run.split, metrics["classes"], run.folder / "split.csv"),
            fingerprint=fingerprint(run.split),
            scale=in_words(run.scale),
            icc=config.data.icc,
            metrics=metrics,
            calibration=metrics.get("calibration", {}),
            overall_metrics=[(metric.name, metric.heading, metric.unit) for metric in overall()],
            majority=majority(metrics),
            verdict=verdict(metrics, run.model),
            limits=limits(metrics, config),
            environment=environment,
            starts=start_lines(environment),
            time=duration(environment.get("seconds")),
            exported=exported,
            rules=rules,
            lower=lower,
            version=__version__,
        )
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def card_pages() -> Environment:
    """Templates of Markdown pages, whose values can't break tables, headings or links."""
    pages = Environment(
        loader=PackageLoader("livergrade.deploy", ""),
        autoescape=False,  # noqa: S701 - _escaped() replaces HTML autoescaping
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {"value": value, "bounds": bounds}
    return pages


def front_matter(run: Run, metrics: RunMetrics, cohort: str) -> str:
    """Return the card's metadata as YAML with Hugging Face's field names and the patient-level metrics."""
    leaking = " (leaking split: not of new patients)" if metrics["leakage"]["leaking"] else ""
    patient_metrics = [
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
        "metrics": patient_metrics,
    }
    fields = {
        "license": "unknown",  # whoever trained the weights must decide
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "histopathology", "hematoxylin-eosin", "grading", "livergrade", "research-only"],
        "metrics": [metric.name for metric in overall()],
        "model-index": [{"name": one_line(run.model), "results": [result]}],
    }
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return text


def _escaped(content: object) -> object:
    return content if isinstance(content, Markup) else escape_markdown(content)
