"""What is told of images whose facts differ."""

import pandas as pd

from livergrade.evaluation.changed_images import changed_images, counted

BEFORE = pd.DataFrame(
    {"image": ["a", "b", "c"], "patient": ["1", "2", "3"], "grade": ["well", "well", "poor"]}
).set_index("image")


def test_both_values_are_told_of_each_fact_that_changed() -> None:
    now = BEFORE.copy()
    now.loc["b"] = ["9", "poor"]
    assert changed_images(BEFORE, BEFORE) == []
    assert changed_images(BEFORE, now.iloc[::-1]) == [
        "b (patient 2 there, 9 here; grade well there, poor here)",
    ]


def test_an_image_that_one_has_alone_counts_if_that_is_asked() -> None:
    now = BEFORE.rename({"a": "d"})
    assert changed_images(BEFORE, now) == []
    assert changed_images(BEFORE, now, same_images=True) == ["d (only here)", "a (only there)"]


def test_a_few_are_named_and_all_are_counted() -> None:
    assert counted(["a (x)"]) == "1 image differs: a (x)"
    assert counted(list("abcde")) == "5 images differ: a, b, c, and 2 more"
