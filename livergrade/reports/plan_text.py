"""A plan in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from livergrade.evaluation.conformal import least_patients
from livergrade.evaluation.expected_width import MOST
from livergrade.evaluation.intervals import LEAST, LEAST_OF_GRADE
from livergrade.evaluation.power import SIZES
from livergrade.evaluation.set_estimates import COVERAGE
from livergrade.evaluation.study_plan import Known, Plan, Studied
from livergrade.io.visible import shown
from livergrade.reports.format import bounds, number, value


def plan_text(plan: Plan) -> str:
    """All of a plan as lines of at most some 100 columns."""
    lines = [*_expected(plan)]
    if plan["run"] and plan["known"]:
        lines += ["", *_run(plan["run"], plan["known"])]
    if plan["known"]:
        lines += ["", *_known(plan, plan["known"])]
    return "\n".join([*lines, "", *_widths(plan), "", *_comparisons(plan), "", *_counts(plan)])


def _expected(plan: Plan) -> Iterator[str]:
    given = plan["expected"]
    origin = "of the run" if plan["run"] else "expected"
    yield (
        f"{origin}: accuracy {given['accuracy']:.1f} % by patient and {given['image_accuracy']:.1f} % by "
        "image;"
    )
    yield (
        f"{given['images']:.1f} images a patient with an intra-class correlation of "
        f"{given['correlation']:.2f}; {given['rarest']:.0f} % of the patients have the rarest grade"
    )


def _widths(plan: Plan) -> Iterator[str]:
    wanted, folds = 100 * plan["widths"][0]["half_width"], plan["expected"]["folds"]
    yield f"A 95 % interval of the accuracy of ± {wanted:g} points takes"
    for width in plan["widths"]:
        tested = width["test_patients"]
        needs = f"more than {MOST:,} test patients"
        if tested is not None:
            needs = (
                f"{tested:,} test patients: {width['patients']:,} in all, or {tested:,} with {folds} folds"
            )
        yield f"  by {width['level']:<8} {needs}"


def _comparisons(plan: Plan) -> Iterator[str]:
    given = plan["expected"]
    yield (
        f"To find a difference of {given['apart']:g} points between two models around "
        f"{given['compared_accuracy']:.0f} % with a power of 80 %"
    )
    yield (
        f"({given['discordance']:.0f} % of the patients graded differently, "
        f"{given['seed_discordance']:.0f} % by two trainings of one model; "
        f"sd of trainings {given['training_sd']:g} points) takes"
    )
    for row in plan["comparisons"]:
        tested = row["test_patients"]
        at = row["curve"][-1]
        needs = (
            f"more than {SIZES[-1]} test patients (power {100 * at[1]:.0f} % at {at[0]}): train more seeds"
        )
        if tested is not None:
            all_of_them = " in all" if row["folds"] else f" test patients: {row['patients']:,} in all"
            few = "at most " * (tested == SIZES[0])
            needs = f"{few}{tested:,}{all_of_them}"
        yield f"  {design(row['seeds'], row['folds']):<20} {needs}"
    yield f"({given['studies']:,} simulated studies for each power.)"


def _counts(plan: Plan) -> Iterator[str]:
    yield "Further needs:"
    for row in plan["counts"]:
        needs = "no number of patients does: val_fraction is 0"
        if row["patients"] is not None and row["patients_folds"] is not None:
            needs = f"{row['patients']:,} patients in all, or {row['patients_folds']:,} with folds"
        yield f"  {row['what']} ({row['least']} {row['of']}): {needs}"


def _known(plan: Plan, known: Known) -> Iterator[str]:
    given = plan["expected"]
    yield (
        f"{known['patients']:,} patients, {known['test_patients']:,} of them tested and "
        f"{known['validation_patients']:,} validating, or all tested in {given['folds']} folds, can show"
    )
    for width in known["widths"]:
        where = f"{width['test_patients']:,} tested" + " with folds" * bool(width["folds"])
        half, for_half = width["half_width"], width["test_patients_for_half"]
        if half is None:
            told = f"no interval: that takes {LEAST} test patients"
        else:
            more = f"more than {MOST:,}" if for_half is None else f"{for_half:,}"
            told = f"accuracy ± {100 * half:.1f} points; half of that takes {more} test patients"
        yield f"  by {width['level']:<8} {where:<22} {told}"
    apart, margin = f"{given['apart']:g}", f"{given['equivalence_margin']:g}"
    yield (
        f"  {'two models':<20} {'tested':>7} {'detectable':>12} {f'power at {apart} pts':>17}"
        f" {f'equal ones called equivalent (± {margin} pts)':>44}"
    )
    for row in known["comparisons"]:
        least = "none" if row["detectable"] is None else f"{100 * row['detectable']:.1f} pts"
        yield (
            f"  {design(row['seeds'], row['folds']):<20} {row['test_patients']:>7,} {least:>12}"
            f" {100 * row['power']:>15.0f} % {100 * row['equivalent']:>42.0f} %"
        )


def _run(run: Studied, known: Known) -> Iterator[str]:
    yield f"{shown(run['folder'])}: {run['trainings']} finished run{'s' * (run['trainings'] > 1)}"
    for name, levels in run["accuracy"].items():
        told = "; ".join(
            f"by {level} {value(found, 'share')} ({bounds(found, 'share') or 'no interval'})"
            for level, found in levels.items()
        )
        yield f"  {shown(name)}: accuracy {told}"
    grades = ", ".join(f"{shown(grade)} {patients}" for grade, patients in run["grades"].items())
    few = [shown(grade) for grade, patients in run["grades"].items() if patients < LEAST]
    none = [shown(grade) for grade, patients in run["grades"].items() if patients < LEAST_OF_GRADE]
    yield f"  test patients: {grades}"
    enough = f"too few for one of {', '.join(few)} ({LEAST} each)" if few else "enough for each grade"
    means = f"too few for means over grades ({LEAST_OF_GRADE} of each)" if none else "enough for means"
    yield f"  intervals of grades: {enough}; {means}"
    yield f"  {_sets(run, known)}"
    if run["discordance"] is not None:
        yield f"  two models grade {number(run['discordance'], 'share')} % of the patients differently"
    if run["seed_discordance"] is not None:
        yield f"  two trainings of one model {number(run['seed_discordance'], 'share')} %"
    if run["detectable"] is not None:
        yield f"  detectable difference of its models: {number(run['detectable'], 'share')} points"


def _sets(run: Studied, known: Known) -> str:
    """Whether 90 % prediction sets tell anything."""
    least, asked = least_patients(COVERAGE), f"{100 * COVERAGE:g} % prediction sets"
    if known["validation_patients"] < least:
        have = known["validation_patients"]
        return (
            f"{asked}: each contains all grades, as there are {have} validation patients and it needs {least}"
        )
    sizes = [size for size in run["set_sizes"].values() if size is not None]
    if not sizes:
        return f"{asked}: none were made"
    mean = sum(sizes) / len(sizes)
    tells = "informative" if mean < len(run["grades"]) - 0.5 else "hardly informative"
    return f"{asked} of patients: {mean:.1f} of {len(run['grades'])} grades on average, {tells}"


def design(seeds: int, folds: int) -> str:
    """A design in words."""
    return f"{seeds} seed{'s' * (seeds > 1)}" + (f" × {folds} folds" if folds else ", held out")
