"""Figures as a reader sees them: numbers, intervals, and the table at the end of a run."""

from __future__ import annotations

import textwrap
from typing import Any


def table(metrics: dict[str, Any]) -> str:
    """Short plain-text table for the terminal, at most 80 columns wide.

    Args:
        metrics: What `evaluate` returns.

    Returns:
        Precision, recall, F1 (in %) and support of each grade, and accuracy with its interval, at image and
        patient level; one line more where the split leaks.
    """
    shown = ("image", "patient")
    lines = [
        " " * 18 + "".join(f"{f'{level} level':^31}" for level in shown).rstrip(),
        f"{'%':<18}" + f"{'precision':>10}{'recall':>8}{'F1':>7}{'n':>6}" * len(shown),
    ]
    for grade in metrics["classes"]:
        name = grade if len(grade) <= 17 else grade[:16] + "…"
        cells = [metrics[level]["per_class"][grade] for level in shown]
        lines.append(
            f"{name:<18}"
            + "".join(
                f"{percent(c['precision']):>10}{percent(c['recall']):>8}{percent(c['f1']):>7}{c['support']['value']:>6}"
                for c in cells
            )
        )
    for level in shown:
        accuracy, n = metrics[level]["accuracy"], metrics["counts"]
        whom = (
            f"{n['images']} images of {n['patients']} patients"
            if level == "image"
            else f"{n['patients']} patients"
        )
        lines.append(
            f"accuracy, {level + ' level':<15}{percent(accuracy):>6} %  ({interval(accuracy)}; {whom})"
        )
    if metrics["leakage"]["leaking"]:
        lines += textwrap.wrap(f"LEAKING: {metrics['leakage']['sentence']}", 80)
    return "\n".join(lines)


def percent(figure: dict[str, Any]) -> str:
    """A share's value in per cent with one decimal, ``n/a`` where undefined."""
    return "n/a" if figure["value"] is None else f"{100 * figure['value']:.1f}"


def interval(figure: dict[str, Any]) -> str:
    """A share's interval in words, in per cent."""
    if figure["low"] is None:
        return "no interval"
    return f"95 % CI {100 * figure['low']:.1f}–{100 * figure['high']:.1f}"


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
