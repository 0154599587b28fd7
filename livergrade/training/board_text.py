"""Pages of the tab TEXT: the verdict with its intervals, the split, and the options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.grade_counts import grade_counts
from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.evaluation.metric_catalog import overall, per_class
from livergrade.evaluation.splits import SPLITS
from livergrade.io.counted import counted
from livergrade.io.visible import one_line
from livergrade.reports.format import bounds, value
from livergrade.reports.verdict import limits, verdict
from livergrade.runs.run import Run
from livergrade.training.board_tags import BY_GRADE


def pages(run: Run) -> dict[str, str]:
    """Return the pages of a finished test, name → Markdown; TensorBoard sorts them by name.

    Args:
        run: its folder holds ``config.yaml``, ``split.csv``, ``metrics.json`` and ``environment.json``.
    """
    changed, everything = _options(run.recorded)
    return {
        "1 verdict": _verdict(run),
        "2 split": _split(run),
        "3 options that differ from the defaults": changed,
        "4 all options": everything,
    }


def _verdict(run: Run) -> str:
    """One sentence, the headline numbers with their intervals, those of each grade, and the limits."""
    metrics = run.metrics
    numbers = [
        [metric.heading, *(_estimate(metrics[level][metric.name], metric.unit) for level in REPORTED_LEVELS)]
        for metric in overall()
        if metric.compared
    ]
    shown = [metric for metric in per_class() if metric.name in BY_GRADE]
    grades = [
        [
            grade,
            *(
                _estimate(metrics["patient"]["per_class"][grade][metric.name], metric.unit)
                for metric in shown
            ),
            str(metrics["patient"]["per_class"][grade]["support"]["value"]),
        ]
        for grade in metrics["classes"]
    ]
    facts = run.environment
    trained = facts.keys() >= {"best_epoch", "epochs"}  # an evaluation was not
    tested = f" Tested: epoch {facts['best_epoch']} of {facts['epochs']}." if trained else ""
    return "\n\n".join(
        [
            f"**{_cell(verdict(metrics, run.model))}**{tested}",
            _table(
                [
                    "95 % interval in brackets, if there is one",
                    *(f"{level} level" for level in REPORTED_LEVELS),
                ],
                numbers,
            ),
            _table(["patient level", *(metric.heading for metric in shown), "n"], grades),
            *(f"- {_cell(sentence)}" for sentence in limits(metrics, run.recorded)),
        ]
    )


def _split(run: Run) -> str:
    """Patients and images by part of the split and grade."""
    classes = run.metrics["classes"]
    parts = {part: run.split[run.split["split"] == part] for part in SPLITS}
    counts = [grade_counts(images, classes) for images in parts.values()]
    rows = [
        [grade, *(f"{counted(people, 'patient')}, {counted(images, 'image')}" for people, images in cells)]
        for grade, *cells in zip([*classes, "all"], *counts, strict=True)
    ]
    leak = run.metrics["leakage"]
    warning = f"**LEAKING: {_cell(leak['sentence'])}**\n\n" if leak["leaking"] else ""
    return warning + _table(["grade", *parts], rows)


def _options(config: TrainConfig) -> tuple[str, str]:
    """Return two tables: options that differ from the defaults of the schema, and all but the machine's."""
    defaults = {key: default for key, _, default in options(TrainConfig())}
    rows = [
        (key, given, defaults[key], item.metadata["meaning"])
        for key, item, given in options(config)
        if key not in MACHINE
    ]
    changed = [
        [key, str(given), str(default), meaning] for key, given, default, meaning in rows if given != default
    ]
    everything = [[key, str(given), meaning] for key, given, _, meaning in rows]
    return (
        _table(["option", "here", "default", "meaning"], changed),
        _table(["option", "here", "meaning"], everything),
    )


def _estimate(estimate: Estimate, unit: str) -> str:
    """A number with its interval in brackets; alone if it has none."""
    text = value(estimate, unit)
    return text if estimate["low"] is None else f"{text} ({bounds(estimate, unit)})"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    r"""Text of a name as Markdown shows it: on one line, no columns, marks or tags of its own."""
    return "".join(f"\\{letter}" if letter in "\\|*_`[]<>#$" else letter for letter in one_line(text))
