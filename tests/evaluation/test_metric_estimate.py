"""A metric with its interval, or the reason why it has none or is undefined."""

from livergrade.evaluation.intervals import share_of_patients
from livergrade.evaluation.levels import LEVELS
from livergrade.evaluation.summary import evaluate
from tests.evaluation.simulated import predict


def test_patient_level_shares_get_wilsons_interval():
    found = evaluate(predict([0] * 12 + [1] * 6 + [2] * 6), None, resamples=100)["patient"]
    accuracy = found["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == share_of_patients(accuracy["value"], 24)
    recall = found["per_class"]["poor"]["recall"]
    assert (recall["low"], recall["high"]) == share_of_patients(recall["value"], 12)
    assert accuracy["method"] == recall["method"] == "Wilson, patients"
    assert found["macro_f1"]["method"] == "score interval, jackknife of patients"
    few = found["per_class"]["well"]["recall"]
    assert few["low"] is None
    assert few["reason"] == "6 test patients: a reliable interval needs 12"


def test_a_grade_never_predicted_has_no_precision():
    views = predict([0, 0, 1, 1, 2, 2], strength=0)
    views[["p_poor", "p_moderate", "p_well"]], views["predicted"] = (0.5, 0.3, 0.2), "poor"
    found = evaluate(views, None, resamples=50)["patient"]
    assert found["per_class"]["well"]["precision"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "reason": "no test patient was predicted well",
    }
    assert found["per_class"]["well"]["f1"]["value"] == 0
    assert found["per_class"]["well"]["auroc"]["value"] == 0.5


def test_few_patients_of_a_grade_leave_an_interval_to_shares_alone():
    found = evaluate(predict([0] * 7 + [1] * 7 + [2]), None, resamples=100)
    for level in LEVELS:
        assert found[level]["accuracy"]["low"] is not None
        kappa = found[level]["quadratic_kappa"]
        assert kappa["low"] is None
        assert kappa["reason"].startswith("too few test patients of a grade (well 1)")


def test_two_grades_have_no_two_grade_error():
    found = evaluate(predict([0, 0, 0, 1, 1, 1], classes=("a", "b")), None, resamples=50)["image"]
    assert found["two_grade_error_rate"]["value"] is None
    assert "three grades" in found["two_grade_error_rate"]["reason"]


def test_a_single_grade_throughout_has_no_kappa():
    found = evaluate(predict([0, 0, 0], strength=40), None, resamples=50)["patient"]
    assert found["quadratic_kappa"]["value"] is None
    assert found["macro_auroc"]["value"] is None
    assert found["accuracy"]["value"] == 1


def test_what_one_grade_alone_leaves_undefined_is_no_0_and_no_1():
    found = evaluate(predict([0, 0, 0, 0], strength=0.5), None, resamples=50)
    for name in ("view", "image", "patient"):
        level = found[name]
        assert 0 < level["accuracy"]["value"] < 1
        for metric in ("quadratic_kappa", "mcc", "macro_auroc", "macro_average_precision"):
            assert level[metric]["value"] is None, metric
            assert level[metric]["reason"], metric
        poor = level["per_class"]["poor"]
        assert [poor[metric]["value"] for metric in ("auroc", "average_precision", "specificity")] == [
            None
        ] * 3
        assert poor["average_precision"]["reason"] == (
            f"needs test {name}s that are poor and test {name}s that are not"
        )
