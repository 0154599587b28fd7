"""What a comparison shows, in sentences that claim no more than its tests do."""

from __future__ import annotations

from collections.abc import Sequence

from livergrade.evaluation.how import FOLDS
from livergrade.evaluation.levels import ReportedLevel
from livergrade.evaluation.paired import Pair
from livergrade.multirun.learning_curve import would_more_help
from livergrade.multirun.measures import ArmMeasures, best_models, estimate
from livergrade.reports.format import format_estimate, number, value

SEVERAL_SEEDS = "train each with several seeds, as seed=0,1,2,3,4"


def conclusions(arm: ArmMeasures, level: ReportedLevel) -> list[str]:
    """What the comparison of an arm is about and shows, a sentence or two each.

    Returns:
        What was compared, the best model, what each pair shows, the difference that could be found, and of a
        cross-validation how its folds were joined.
    """
    shared = [FOLDS] if arm["kind"] == "kfold" else []
    return [*_conclusions(arm, level), *shared]


def _conclusions(arm: ArmMeasures, level: ReportedLevel) -> list[str]:
    curves = [would_more_help(name, curve, level) for name, curve in arm.get("learning_curves", {}).items()]
    if not arm["pairs"] and len(arm["models"]) > 1:
        return ["Nothing was compared: no seed of all models was tested on the same patients.", *curves]
    if not arm["pairs"]:
        other = "No other model was compared" if curves else "Nothing was compared"
        return [f"{_best(arm, level)}. {other} with it on the same patients.", *curves]
    told = [_about(arm), f"{_best(arm, level)}.{_optimism(arm, level)}", _verdicts(arm, level)]
    return [*told, *_detectable(arm["pairs"], level), *curves]


def _once(arm: ArmMeasures) -> list[str]:
    """Models of which one training was compared."""
    trainings: dict[str, int] = {}
    for pair in arm["pairs"]:
        trainings |= dict(zip((pair["first"], pair["second"]), pair["trainings"], strict=True))
    return [name for name, count in trainings.items() if count == 1]


def _about(arm: ArmMeasures) -> str:
    once, models = _once(arm), len(arm["models"])
    if len(once) == models:
        return (
            f"{'Two' if models == 2 else models} trainings were compared, one of each model. Another seed "
            "would give other networks, so this shows nothing about the architectures or recipes; "
            f"for that, {SEVERAL_SEEDS}."
        )
    if once:
        return (
            f"There is one training of {_listed(once)}: comparisons with it hold for that training only, "
            f"and show nothing about the architecture or recipe; for that, {SEVERAL_SEEDS}."
        )
    counts = sorted({count for pair in arm["pairs"] for count in pair["trainings"]})
    number_of = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    folds = ", one for each fold and seed," if arm["kind"] == "kfold" else ""
    return (
        f"{number_of} trainings of each model{folds} were compared. Patients and trainings are both "
        "samples: the results are about further patients and further trainings."
    )


def _best(arm: ArmMeasures, level: ReportedLevel) -> str:
    models = best_models(arm, level)
    best = estimate(arm["models"][models[0]], level, "accuracy")
    once = bool(arm["pairs"]) and set(models) <= set(_once(arm))
    names = f"{'The training' + 's' * (len(models) > 1) + ' of ' if once else ''}{_listed(models)}"
    if len(models) == 1:
        text = f"{names} graded most {level}s correctly: {format_estimate(best, 'share')} %"
    else:  # their intervals may differ
        rest = ", and no other model more" if len(models) < len(arm["models"]) else ""
        text = f"{names} graded equally many {level}s correctly{rest}: {value(best, 'share')}"
    return text + (f" of {best['n']}" if len(arm["models"][models[0]]["repeats"]) == 1 else "")


def _optimism(arm: ArmMeasures, level: ReportedLevel) -> str:
    """How much too good the best looks, since the test patients chose it."""
    points = number(arm["optimism"][level], "share")
    expected = "less than 0.1" if points == "0.0" else points
    luck = " The variation between trainings is not included." if _once(arm) else ""
    return (
        f" The best of {len(arm['models'])} was chosen by the test patients, so it is expected to look "
        f"{expected} points too good.{luck}"
    )


def _verdicts(arm: ArmMeasures, level: ReportedLevel) -> str:
    pairs = arm["pairs"]
    margin = f"{100 * pairs[0][level]['decision']['margin']:g} points"
    total = f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}, Holm"
    compared = "trainings" if all(pair["about"] == "trainings" for pair in pairs) else "models"
    better = [
        f"{_name(pair, winner)} than {_name(pair, loser)}"
        for pair in pairs
        if (winner := pair[level]["decision"]["better"])
        for loser in (pair["second"] if winner == pair["first"] else pair["first"],)
    ]
    equivalent = [
        f"{_name(pair, pair['first'])} and {_name(pair, pair['second'])}"
        for pair in pairs
        if pair[level]["decision"]["verdict"] == "equivalent"
    ]
    undecided = len(pairs) - len(better) - len(equivalent)
    if undecided == len(pairs):
        return (
            f"Undecided: no two of the {compared} differ clearly on these patients, and none are shown to "
            f"be within {margin} of each other ({total})."
        )
    told = [
        f"Better: {'; '.join(better)}." if better else "",
        f"Equivalent, less than {margin} apart: {'; '.join(equivalent)}." if equivalent else "",
        f"Undecided: {undecided}." if undecided else "",
    ]
    return f"{' '.join(text for text in told if text)[:-1]} ({total})."


def _name(pair: Pair, name: str) -> str:
    trainings = dict(zip((pair["first"], pair["second"]), pair["trainings"], strict=True))
    return f"the training of {name}" if trainings[name] == 1 else name


def _detectable(pairs: Sequence[Pair], level: ReportedLevel) -> list[str]:
    found = [one for pair in pairs if (one := pair[level]["decision"]["detectable"]) is not None]
    if not found:
        reason = pairs[0][level]["difference"]["accuracy"].get("reason", "no pair has an interval")
        return [f"The difference that this study could have detected is unknown: {reason}."]
    low, high = number(min(found), "share"), number(max(found), "share")
    span = f"{low} points" if low == high else f"{low} to {high} points, depending on the pair"
    return [f"With a power of 80 % this study could have detected a true difference of {span}."]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
