"""What a comparison says in sentences."""

from typing import Any

from livergrade.multirun.conclusions import conclusions


def arm(
    *accuracies: float,
    verdict: str = "undecided",
    trainings: tuple[int, ...] = (3, 3, 3),
    kind: str = "patient",
) -> dict[str, Any]:
    """Models a, b, … of so much accuracy and so many trainings; each two have this verdict."""
    models = {}
    for name, value, count in zip("abc", accuracies, trainings, strict=False):
        estimate = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}
        found = {"patient": {"accuracy": estimate}}
        models[name] = {"repeats": {str(seed): found for seed in range(count)}, "over": None}
    names = list(models)
    pairs = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            counts = [len(models[name]["repeats"]) for name in (one, other)]
            decision = {
                "verdict": verdict,
                "better": one if verdict == "better" else None,
                "margin": 0.05,
                "detectable": 0.1 + 0.02 * len(pairs),
            }
            about = "models" if min(counts) > 1 else "trainings"
            pairs.append(
                {"first": one, "second": other, "about": about, "trainings": counts}
                | {"patient": {"decision": decision}}
            )
    return {"kind": kind, "models": models, "pairs": pairs, "optimism": {"patient": 0.031}}


def test_one_training_of_each_is_two_trainings_and_nothing_about_architectures() -> None:
    about, best, verdicts, power = conclusions(arm(0.8, 0.7, verdict="better", trainings=(1, 1)), "patient")
    assert about.startswith("Two trainings were compared, one of each model.")
    assert "shows nothing about the architectures or recipes" in about
    assert best.startswith("The training of a graded most patients correctly: 80.0 (70.0–90.0) % of 20.")
    assert best.endswith("The variation between trainings is not included.")
    assert verdicts == "Better: the training of a than the training of b (1 pair, Holm)."
    assert power == "With a power of 80 % this study could have detected a true difference of 10.0 points."


def test_several_trainings_are_about_the_models() -> None:
    about, best, verdicts, power = conclusions(arm(0.8, 0.7, 0.6, verdict="better"), "patient")
    assert about.startswith("3 trainings of each model were compared. Patients and trainings are both")
    assert best == (
        "a graded most patients correctly: 80.0 (70.0–90.0) %. The best of 3 was chosen by the test "
        "patients, so it is expected to look 3.1 points too good."
    )
    assert verdicts == "Better: a than b; a than c; b than c (3 pairs, Holm)."
    assert power.endswith("a true difference of 10.0 to 14.0 points, depending on the pair.")


def test_a_single_training_among_several_is_named() -> None:
    about, _, verdicts, _ = conclusions(arm(0.8, 0.7, 0.6, verdict="better", trainings=(3, 3, 1)), "patient")
    assert about.startswith("There is one training of c: comparisons with it hold for that training only")
    assert "a than b" in verdicts
    assert "a than the training of c" in verdicts


def test_folds_are_trainings() -> None:
    told = conclusions(arm(0.8, 0.7, kind="kfold"), "patient")
    assert told[0].startswith("3 trainings of each model, one for each fold and seed, were compared.")
    assert told[-1].startswith("The folds of a cross-validation share training patients")


def test_equivalent_and_undecided() -> None:
    assert conclusions(arm(0.8, 0.8, verdict="equivalent"), "patient")[2] == (
        "Equivalent, less than 5 points apart: a and b (1 pair, Holm)."
    )
    assert conclusions(arm(0.8, 0.7), "patient")[2] == (
        "Undecided: no two of the models differ clearly on these patients, and none are shown to be within "
        "5 points of each other (1 pair, Holm)."
    )
    assert "no two of the trainings" in conclusions(arm(0.8, 0.7, trainings=(1, 1)), "patient")[2]


def test_nothing_compared() -> None:
    apart = arm(0.8, 0.8) | {"pairs": []}
    (told,) = conclusions(apart, "patient")
    assert told == "Nothing was compared: no seed of all models was tested on the same patients."
    (told,) = conclusions(arm(0.8, trainings=(1,)), "patient")
    assert told == (
        "a graded most patients correctly: 80.0 (70.0–90.0) % of 20. Nothing was compared with it on the "
        "same patients."
    )
