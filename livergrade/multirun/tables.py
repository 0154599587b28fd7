"""Tables of a comparison in the layout of the paper: CSV with all numbers, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.grade_counts import grade_counts
from livergrade.evaluation.levels import LEVELS, REPORTED_LEVELS, LevelName, ReportedLevel
from livergrade.evaluation.metric_catalog import overall
from livergrade.evaluation.predictions import carried_columns
from livergrade.io.files import atomic_write
from livergrade.io.tables import write_table as write_csv
from livergrade.io.visible import without_controls
from livergrade.multirun import paper
from livergrade.multirun.grouping import KINDS, ArmMeasures, Group, LeakageGap, estimate, order
from livergrade.reports.format import format_estimate
from livergrade.reports.markdown import escape_markdown
from livergrade.runs.run import Run

PAPER = "the paper: view"


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
    return [run for folds in first.values() for run in folds]


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
    note = "Share graded correctly in %, with the 95 % interval over patients, or ± the sd over repeats."
    if table["Level"].eq(PAPER).any():
        note += (
            " The paper counts rotated views and splits over images; ours compares at the view level alone, "
            "and not for splits by patient."
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
    note = f"In %, at the {level} level, with the 95 % interval over patients, or ± the sd over repeats."
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
    """Each pair of models: differences with their intervals, and significance tests."""
    lines, numbers = [], []
    for pair in measured["pairs"]:
        names = f"{pair['first']} − {pair['second']}"
        accuracy = pair[level]["difference"]["accuracy"]
        kappa = pair[level]["difference"]["quadratic_kappa"]
        permutation = pair[level]["permutation"]
        mcnemar = pair["mcnemar"]
        counts = "n/a" if mcnemar["p"] is None else f"{mcnemar['only_first']} : {mcnemar['only_second']}"
        lines.append(
            [
                names,
                format_estimate(accuracy, "share"),
                format_estimate(kappa, "score"),
                _p(permutation["p"]),
                _p(permutation["p_holm"]),
                counts,
                _p(mcnemar["p_holm"]),
            ]
        )
        for row_level in REPORTED_LEVELS:
            where = {"first": pair["first"], "second": pair["second"], "level": row_level}
            numbers += [
                _number(item, **where, figure=metric)
                for metric, item in pair[row_level]["difference"].items()
            ]
            numbers.append(
                where | {"figure": "permutation p, accuracy", "value": pair[row_level]["permutation"]["p"]}
            )
            numbers.append(
                where | {"figure": "permutation p, Holm", "value": pair[row_level]["permutation"]["p_holm"]}
            )
    columns = [
        *("Models", "Accuracy, points", "Quadratic kappa"),
        *("Permutation p", "Holm p", "Correct in one model only", "McNemar, Holm p"),
    ]
    note = (
        f"First minus second at the {level} level, with the 95 % interval of Agresti and Min, patients as "
        "clusters. The permutation test swaps the two models' answers patient by patient; "
        "McNemar's is exact and by patient. Holm's correction is over all pairs."
    )
    table = pd.DataFrame(lines, columns=columns)
    return Table("pairs", "Models compared in pairs", note, table, pd.DataFrame(numbers), labels=1)


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def gap_table(gaps: Sequence[LeakageGap]) -> Table:
    """Increase in accuracy from a split by image, by model and level."""
    lines = [
        [
            row["model"],
            row["level"],
            f"{100 * row['by_patient']:.1f}",
            f"{100 * row['by_image']:.1f}",
            f"{100 * row['gap']:+.1f}".replace("-", "−"),
        ]
        for row in gaps
    ]
    table = pd.DataFrame(
        lines, columns=["Model", "Level", "Split by patient", "Split by image", "Gap, points"]
    )
    note = "Accuracy in %, mean over repeats. The test sets differ, so a single pair can go either way."
    return Table("leakage_gap", "Effect of leakage on accuracy", note, table, pd.DataFrame(gaps))
