"""The sentences of metrics.json on its methods."""

from livergrade.evaluation.how import how_measured


def test_the_mix_of_grades_and_the_least_patients_are_told() -> None:
    fixed, random = (how_measured(2, 100, 7, mix) for mix in ("fixed", "random"))
    assert "2 such test patients" in fixed["patient"]
    assert "the split set it" in fixed["mix"]
    assert "another mix" in random["mix"]
    assert "12 patients" in fixed["intervals"]
    assert "100 times (seed 7)" in fixed["naive"]
