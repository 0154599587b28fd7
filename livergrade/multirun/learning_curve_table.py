"""Table of the learning curves of an arm."""

from __future__ import annotations

import pandas as pd

from livergrade.evaluation.levels import REPORTED_LEVELS, ReportedLevel
from livergrade.multirun.learning_curve import CURVE_METRICS
from livergrade.multirun.measures import ArmMeasures
from livergrade.multirun.tables import Table
from livergrade.reports.format import format_estimate


def learning_curve_tables(measured: ArmMeasures, level: ReportedLevel) -> list[Table]:
    """Accuracy and log-loss by model and number of training patients; no table without a learning curve."""
    lines, numbers = [], []
    for name, curve in measured["learning_curves"].items():
        for point in curve["points"]:
            accuracy, loss = (point[level][metric] for metric in CURVE_METRICS)
            cells = (format_estimate(accuracy, "share"), format_estimate(loss, "score"))
            lines.append([name, f"{point['patients']:.0f}", str(point["trainings"]), *cells])
            for row_level in REPORTED_LEVELS:
                for metric in CURVE_METRICS:
                    item = point[row_level][metric]
                    fields = {key: item.get(key) for key in ("value", "low", "high", "sd", "n", "reason")}
                    where = {"model": name, "patients": point["patients"], "level": row_level}
                    values = " ".join(map(str, item.get("values", [])))
                    numbers.append(where | {"metric": metric} | fields | {"values": values})
    if not lines:
        return []
    columns = ["Model", "Training patients", "Seeds", "Accuracy, %", "Log-loss"]
    note = (
        f"By {level}, with the 95 % interval over patients, and over trainings where there are several. "
        "Every size was tested on the same patients, and a smaller one is a part of a larger one."
    )
    table = pd.DataFrame(lines, columns=columns)
    name = f"learning_curve_{measured['kind']}"
    return [
        Table(name, "Learning curve over training patients", note, table, pd.DataFrame(numbers), labels=1)
    ]
