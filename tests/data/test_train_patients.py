"""Fewer training patients: nested, stratified, and validation and test as they were."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livergrade.data.train_patients import keep_train_patients
from livergrade.errors import UserError
from tests.conftest import GRADES, examples


def cohort(*counts: int) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    """A split of so many training patients of each grade, and one of each in validation and in test."""
    rows = [
        (f"{grade[0]}{number}", grade, {0: "val", 1: "test"}.get(number, "train"))
        for grade, count in zip(GRADES, counts, strict=True)
        for number in range(count + 2)
        for _ in range(2)
    ]
    split = pd.DataFrame(rows, columns=["patient", "grade", "split"])
    return split[["patient", "split"]], split.drop_duplicates("patient").set_index("patient")["grade"]


@settings(max_examples=examples(30), deadline=None)
@given(st.tuples(*[st.integers(1, 25)] * 3), st.integers(0, 99))
def test_sizes_are_nested_and_keep_the_proportions(counts: tuple[int, ...], seed: int) -> None:
    split, grades = cohort(*counts)
    before: set[str] = set()
    for number in range(3, sum(counts) + 1):
        found = keep_train_patients(split, grades, GRADES, number, seed)
        kept = set(found.loc[found["split"] == "train", "patient"])
        assert len(kept) == number
        assert before <= kept
        of_grade = grades[sorted(kept)].value_counts().reindex(GRADES, fill_value=0)
        assert (of_grade > 0).all()
        for grade, count in zip(GRADES, counts, strict=True):
            assert abs(of_grade[grade] - number * count / sum(counts)) < 3
        same = found["split"] != "unused"
        assert (found["split"][same] == split["split"][same]).all()
        assert set(split["split"][~same]) <= {"train"}
        before = kept
    assert found["split"].tolist() == split["split"].tolist()  # all of them


def test_the_order_of_rows_does_not_matter() -> None:
    split, grades = cohort(5, 6, 7)
    first = keep_train_patients(split, grades, GRADES, 7, 0)
    second = keep_train_patients(split[::-1], grades[::-1], GRADES, 7, 0)
    assert first.sort_index().equals(second.sort_index())


@pytest.mark.parametrize(
    ("number", "told"), [(19, "leaves 18 patients for training; give at most 18"), (2, "give at least 3")]
)
def test_too_many_and_too_few_are_refused(number: int, told: str) -> None:
    with pytest.raises(UserError, match=told):
        keep_train_patients(*cohort(5, 6, 7), GRADES, number, 0)
