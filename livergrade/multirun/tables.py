"""Tables of a comparison in the layout of the paper: CSV with all numbers, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pandas as pd

from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.grade_counts import grade_counts
from livergrade.evaluation.levels import LEVELS, REPORTED_LEVELS, LevelName, ReportedLevel
from livergrade.evaluation.metric_catalog import overall
from livergrade.evaluation.paired import Pair
from livergrade.evaluation.predictions import carried_columns
from livergrade.io.files import atomic_write
from livergrade.io.tables import write_table as write_csv
from livergrade.io.visible import without_controls
from livergrade.multirun import paper
from livergrade.multirun.grouping import KINDS, Group
from livergrade.multirun.leakage_gap import LeakageGap
from livergrade.multirun.measures import ArmMeasures, estimate, order
from livergrade.reports.format import format_estimate
from livergrade.reports.markdown import escape_markdown
from livergrade.runs.run import Run

PAPER = "the paper: view"

INTERVALS = (
    "the 95 % interval over patients, and over trainings too where there are several, then with the sd of "
    "the seeds"
)


@dataclass(frozen=True)
class Table:
    """One table in display form and in long form.

    Attributes:
        name: file name without extension.
        title: caption.
        note: explanation printed with it.
        shown: cells as text; the first column names the row.
        numbers: the same in long form, one row per estimate, unrounded.
        labels: number of leading columns that name the row; the others hold estimates.
    """

    name: str
    title: str
    note: str
    shown: pd.DataFrame
    numbers: pd.DataFrame
    labels: int = 2


def write_table(table: Table, folder: Path) -> None:
    """Write a table as ``.csv`` (unrounded numbers), ``.md`` and ``.tex`` (display form), each atomically."""
    write_csv(table.numbers, folder / f"{table.name}.csv", None)
    head, *rows = [[str(cell) for cell in row] for row in (table.shown.columns, *table.shown.to_numpy())]
    lines = [head, ["---"] * len(head), *rows]
    markdown = "\n".join(
        f"| {' | '.join(cell if cell == '---' else escape_markdown(cell) for cell in row)} |" for row in lines
    )
    literal = table.shown.map(_for_latex).rename(columns=_for_latex)
    latex = literal.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis=1)
    texts = {
        ".md": f"**{table.title}.** {table.note}\n\n{markdown}\n",
        ".tex": f"% {table.note}\n" + latex.to_latex(caption=table.title, hrules=True, position="htbp"),
    }
    for suffix, text in texts.items():
        with atomic_write(folder / f"{table.name}{suffix}") as part:
            part.write_text(text, encoding="utf-8")


def _for_latex(cell: object) -> object:
    return " ".join(without_controls(cell).split()) if isinstance(cell, str) else cell


def _number(item: Estimate, **where: object) -> dict[str, object]:
    fields = {key: item.get(key) for key in ("value", "low", "high", "sd", "n", "reason")}
    return where | fields | {"values": " ".join(map(str, item.get("values", [])))}


def arm_tables(arm: Group, measured: ArmMeasures, level: ReportedLevel) -> list[Table]:
    """All tables of an arm, with the models sorted by accuracy at this level, best first."""
    models, classes = order(measured, level), arm.runs[0].classes
    tables = [
        cohort_table(arm),
        split_table(arm),
        accuracy_table(measured, models, classes),
        grades_table(measured, models, classes, level),
        scores_table(measured, models, level),
    ]
    if measured["pairs"]:
        tables.append(pairs_table(measured, level))
    return [replace(table, name=f"{table.name}_{arm.kind}") for table in tables]


def cohort_table(arm: Group) -> Table:
    """Patients, images and extra manifest columns by grade, as in the paper's Table 1."""
    split = pd.concat([run.split for run in arm.runs]).drop_duplicates("image")
    classes = arm.runs[0].classes
    patients, images = (list(counts) for counts in zip(*grade_counts(split, classes)[:-1], strict=True))
    rows: list[tuple[str, list[int]]] = [("patients", patients), ("images", images)]
    tested = pd.concat([run.tested for run in arm.runs]).drop_duplicates("image")
    for column in carried_columns(tested):
        values = sorted(value for value in tested[column].unique() if value != "")
        # Skip a column that differs between images of a patient (a position): it does not describe patients.
        if not 2 <= len(values) <= 8 or (tested.groupby("patient")[column].nunique() > 1).any():
            continue
        for value in values:
            matching = tested[tested[column] == value]
            counts = [patients for patients, _ in grade_counts(matching, classes)[:-1]]
            rows.append((f"{column}: {value} (tested patients)", counts))
    table = pd.DataFrame([[name, *map(str, counts)] for name, counts in rows], columns=["", *classes])
    numbers = pd.DataFrame([[name, *counts] for name, counts in rows], columns=["characteristic", *classes])
    note = "A patient with images of several grades counts as the most frequent one, a tie as the worse."
    return Table("cohort", "The cohort by grade", note, table, numbers, labels=1)


def split_table(arm: Group) -> Table:
    """Patients and images per split part and grade, as in the paper's Table 3; one row per distinct split."""
    rows = []
    for number, run in enumerate(_distinct_splits(arm)):
        views = len(run.tested) / max(1, run.tested["image"].nunique())
        for side in ("train", "val", "test"):
            part = run.split[run.split["split"] == side]
            counts = grade_counts(part, run.classes)
            for grade, (patients, images) in zip((*run.classes, "all"), counts, strict=True):
                rows.append(
                    {
                        "split": number,
                        "seed": run.config.split.seed,
                        "fold": run.config.split.fold if arm.kind == "kfold" else None,
                        "side": side,
                        "grade": grade,
                        "patients": patients,
                        "images": images,
                        "views_an_image": round(views, 2) if side == "test" else None,
                    }
                )
    numbers = pd.DataFrame(rows)
    lines = []
    for _, group in numbers.groupby(["split", "side"], sort=False):
        first = group.iloc[0]
        name = f"seed {first['seed']}" + (f", fold {first['fold']:.0f}" if arm.kind == "kfold" else "")
        if group["images"].sum():
            cells = [f"{row.patients} / {row.images}" for row in group.itertuples()]
            lines.append([name, str(first["side"]), *cells])
    table = pd.DataFrame(lines, columns=["Split", "Side", *arm.runs[0].classes, "all"])
    note = KINDS[arm.kind].capitalize() + "."
    return Table("split", "The split: patients / images", note, table, numbers)


def _distinct_splits(arm: Group) -> list[Run]:
    first = next(iter(arm.models.values()))
    runs = [run for folds in first.values() for run in folds]
    return list({(run.config.split.seed, run.config.split.fold): run for run in reversed(runs)}.values())[
        ::-1
    ]


def accuracy_table(measured: ArmMeasures, models: Sequence[str], classes: Sequence[str]) -> Table:
    """Accuracy (%) by grade and in total at each level, as in the paper's Table 5."""
    lines, numbers = [], []
    for name in models:
        model = measured["models"][name]
        for level in reversed(LEVELS):
            # Pairs, since a grade may be called total, too.
            estimates = [(grade, estimate(model, level, "recall", grade)) for grade in classes]
            estimates.append(("total", estimate(model, level, "accuracy")))
            lines.append([name, level, *(format_estimate(item, "share") for _, item in estimates)])
            numbers += [_number(item, model=name, level=level, grade=grade) for grade, item in estimates]
        if printed := paper.printed(paper.TABLE_5, model["model"], classes):
            cells = [f"{printed[grade]:.2f}" for grade in (*classes, "total")]
            lines.append([name, PAPER, *cells])
    table = pd.DataFrame(lines, columns=["Model", "Level", *classes, "Total"])
    note = f"Share graded correctly in %, with {INTERVALS}."
    if table["Level"].eq(PAPER).any():
        note += (
            " The paper counts rotated views and splits over images; compare it only with the view level "
            "here, and not with splits by patient."
        )
    return Table("accuracy", "Accuracy by grade and in all", note, table, pd.DataFrame(numbers))


def grades_table(
    measured: ArmMeasures, models: Sequence[str], classes: Sequence[str], level: LevelName
) -> Table:
    """Precision, recall and F1 by grade and model, as in the paper's Table 6."""
    names = ("precision", "recall", "f1")
    lines, numbers = [], []
    for grade in classes:
        for name in models:
            model = measured["models"][name]
            cells = []
            for row_level in LEVELS:
                for metric in names:
                    item = estimate(model, row_level, metric, grade)
                    numbers.append(_number(item, grade=grade, model=name, level=row_level, metric=metric))
                    if row_level == level:
                        cells.append(format_estimate(item, "share"))
            printed = paper.printed(paper.TABLE_6, model["model"], classes)
            cells += [f"{printed[grade][metric]:.2f}" if printed else "" for metric in names]
            lines.append([grade, name, *cells])
    heads = ["Precision", "Recall", "F1"]
    columns = ["Grade", "Model", *heads, *(f"{head}, paper" for head in heads)]
    table = pd.DataFrame(lines, columns=columns)
    note = f"In %, at the {level} level, with {INTERVALS}."
    if (table[columns[-3:]] != "").any(axis=None):
        note += " The paper's are of rotated views and of a split over images."
    else:
        table = table[columns[:-3]]
    return Table("grades", "Precision, recall and F1 by grade", note, table, pd.DataFrame(numbers))


def scores_table(measured: ArmMeasures, models: Sequence[str], level: LevelName) -> Table:
    """All overall metrics by model."""
    lines, numbers = [], []
    for metric in (metric for metric in overall() if metric.compared):
        cells = []
        for name in models:
            for row_level in LEVELS:
                item = estimate(measured["models"][name], row_level, metric.name)
                numbers.append(_number(item, model=name, level=row_level, metric=metric.name))
                if row_level == level:
                    cells.append(format_estimate(item, metric.unit))
        lines.append([f"{metric.short or metric.heading}{', %' * (metric.unit == 'share')}", *cells])
    table = pd.DataFrame(lines, columns=["Metric", *models])
    return Table("scores", f"All metrics, {level} level", "", table, pd.DataFrame(numbers), labels=1)


def pairs_table(measured: ArmMeasures, level: ReportedLevel) -> Table:
    """Each pair of models: differences with their intervals, significance tests, and what they show."""
    lines, numbers = [], []
    for pair in measured["pairs"]:
        found, mcnemar = pair[level], pair["mcnemar"]
        lines.append(
            {
                "Models": f"{pair['first']} − {pair['second']}",
                "Compared": "two trainings" if pair["about"] == "trainings" else _trainings(pair),
                "Accuracy, points": format_estimate(found["difference"]["accuracy"], "share"),
                "Quadratic kappa": format_estimate(found["difference"]["quadratic_kappa"], "score"),
                "p": _p(found["test"]["p"]),
                "Holm p": _p(found["test"]["p_holm"]),
                "Verdict": _verdict(pair, level),
                "Detectable, points": _points(found["decision"]["detectable"]),
                "Correct in one only": "n/a"
                if mcnemar["p"] is None
                else f"{mcnemar['only_first']} : {mcnemar['only_second']}",
                "McNemar, Holm p": _p(mcnemar["p_holm"]),
            }
        )
        numbers += [row for row_level in REPORTED_LEVELS for row in _pair_numbers(pair, row_level)]
    table = pd.DataFrame(lines)
    if all(pair["mcnemar"]["p"] is None for pair in measured["pairs"]):
        table = table[[*table][:-2]]
    margin = f"{100 * measured['pairs'][0][level]['decision']['margin']:g}"
    note = (
        f"First minus second at the {level} level, with the 95 % interval of Agresti and Min, patients as "
        "clusters. With several trainings of each it takes patients and trainings as samples, and so does p "
        "(Student's t); of two trainings p is that of swapping their answers patient by patient, and "
        "McNemar's is exact and by patient. Holm's correction is over all pairs. Equivalent: less than "
        f"{margin} points apart (two one-sided tests, Holm). Detectable: the true difference found with a "
        "power of 80 %."
    )
    return Table("pairs", "Models compared in pairs", note, table, pd.DataFrame(numbers), labels=2)


def _pair_numbers(pair: Pair, level: ReportedLevel) -> list[dict[str, object]]:
    """Rows of the CSV of the pairs, of one level."""
    where: dict[str, object] = {"first": pair["first"], "second": pair["second"], "level": level}
    where["about"] = pair["about"]
    test, decision = pair[level]["test"], pair[level]["decision"]
    return [
        *(_number(item, **where, figure=metric) for metric, item in pair[level]["difference"].items()),
        where | {"figure": "p, accuracy", "value": test["p"], "reason": test["method"]},
        where | {"figure": "p, Holm", "value": test["p_holm"]},
        where | {"figure": "p, equivalence, Holm", "value": decision["p_equivalent_holm"]},
        where | {"figure": "verdict", "reason": _verdict(pair, level)},
        where | {"figure": "detectable difference", "value": decision["detectable"]},
    ]


def _trainings(pair: Pair) -> str:
    first, second = pair["trainings"]
    return f"{first} trainings each" if first == second else f"{first} and {second} trainings"


def _verdict(pair: Pair, level: ReportedLevel) -> str:
    decision = pair[level]["decision"]
    if not decision["better"]:
        return decision["verdict"]
    return f"{'training of ' * (pair['about'] == 'trainings')}{decision['better']} better"


def _points(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f}"


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def gap_table(gaps: Sequence[LeakageGap]) -> Table:
    """Increase in accuracy from a split by image, by model and level, paired by seed."""
    lines = []
    for row in gaps:
        interval = cast(Estimate, {"value": row["gap"], "low": row["low"], "high": row["high"]})
        lines.append(
            [
                row["model"],
                row["level"],
                f"{100 * row['by_patient']:.1f}",
                f"{100 * row['by_image']:.1f}",
                ("+" if row["gap"] >= 0 else "") + format_estimate(interval, "share"),
                ", ".join(row["seeds"]) or "none in both",
            ]
        )
    columns = ["Model", "Level", "Split by patient", "Split by image", "Gap, points", "Seeds"]
    note = (
        "Accuracy in %, mean over the seeds that both splits have. The trainings of a seed are a pair; the "
        "95 % interval takes patients, and seeds where there are several, as samples. With one seed it is "
        "about two trainings."
    )
    shown = pd.DataFrame(lines, columns=columns)
    numbers = pd.DataFrame([{**row, "seeds": " ".join(row["seeds"])} for row in gaps])
    return Table("leakage_gap", "Effect of leakage on accuracy", note, shown, numbers)
