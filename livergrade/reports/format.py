"""Text format of estimates and intervals, and the metrics table printed at the end of a run."""

from __future__ import annotations

import textwrap

from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.evaluation.summary import RunMetrics
from livergrade.io.counted import counted


def table(metrics: RunMetrics) -> str:
    """Short plain-text table for the terminal, at most 80 columns wide.

    Args:
        metrics: Result of `evaluate`.

    Returns:
        Precision, recall, F1 (in %) and support of each grade, and accuracy with its interval, at image and
        patient level; a line if the cohort was recalibrated, and a warning if the split leaks.
    """

    def percent(estimate: Estimate) -> str:
        return "n/a" if estimate["value"] is None else number(estimate["value"], "share")

    levels = REPORTED_LEVELS
    lines = [
        " " * 18 + "".join(f"{f'{level} level':^31}" for level in levels).rstrip(),
        f"{'%':<18}" + f"{'precision':>10}{'recall':>8}{'F1':>7}{'n':>6}" * len(levels),
    ]
    for grade in metrics["classes"]:
        name = grade if len(grade) <= 17 else grade[:16] + "…"
        cells = [metrics[level]["per_class"][grade] for level in levels]
        lines.append(
            f"{name:<18}"
            + "".join(
                f"{percent(cell['precision']):>10}{percent(cell['recall']):>8}{percent(cell['f1']):>7}"
                f"{cell['support']['value']:>6}"
                for cell in cells
            )
        )
    for level in levels:
        accuracy, n = metrics[level]["accuracy"], metrics["counts"]
        sample = (
            f"{counted(n['images'], 'image')} of {counted(n['patients'], 'patient')}"
            if level == "image"
            else counted(n["patients"], "patient")
        )
        interval = (
            bounds(accuracy, "share") if accuracy["low"] is None else f"95 % CI {bounds(accuracy, 'share')}"
        )
        lines.append(f"accuracy, {level + ' level':<15}{percent(accuracy):>6} %  ({interval}; {sample})")
    calibration = metrics.get("calibration")
    if calibration and calibration.get("recalibrated"):
        loss = calibration["test"]["image"]["log_loss"]
        lines += textwrap.wrap(
            f"Recalibrated on these {calibration['patients']} patients, each by all others: log-loss by "
            f"image {value(loss['after'], 'score')}, before {value(loss['before'], 'score')}.",
            80,
        )
    if metrics["leakage"]["leaking"]:
        lines += textwrap.wrap(f"LEAKING: {metrics['leakage']['sentence']}", 80)
    return "\n".join(lines)


def number(amount: float, unit: str) -> str:
    """A ``share`` in percent with one decimal, a ``score`` with three decimals; a rounded 0 has no sign."""
    text = f"{100 * amount:z.1f}" if unit == "share" else f"{amount:z.3f}"
    return text.replace("-", "−")


def value(estimate: Estimate, unit: str) -> str:
    """Formatted value of an estimate; a share has a percent sign."""
    if estimate["value"] is None:
        return "n/a"
    return number(estimate["value"], unit) + (" %" if unit == "share" else "")


def bounds(estimate: Estimate, unit: str) -> str:
    """Formatted interval; ``no interval`` if there is none, empty if the estimate is undefined."""
    if estimate["low"] is None or estimate["high"] is None:
        return "" if estimate["value"] is None else "no interval"
    low, high = number(estimate["low"], unit), number(estimate["high"], unit)
    to = " to " if low.startswith("−") else "–"  # a dash beside a minus sign is ambiguous
    return f"{low}{to}{high}"


def format_estimate(estimate: Estimate, unit: str) -> str:
    """An estimate with its interval, and with its sd over repeats where there are several.

    As ``80.0 (54.8–93.0)``, ``78.1 (69.0–87.2; sd 3.2)``, ``78.1 (sd 3.2)``.
    """
    if estimate["value"] is None:
        return "n/a"
    deviation = estimate.get("sd")
    beside = [bounds(estimate, unit)] if estimate["low"] is not None else []
    beside += [f"sd {number(deviation, unit)}"] if deviation is not None else []
    return number(estimate["value"], unit) + (f" ({'; '.join(beside)})" if beside else "")
