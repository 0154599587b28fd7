"""Whether a grade is given."""

import pandas as pd

from livergrade.evaluation.answer import add_answer
from livergrade.io.grades import UNLIKE, UNSURE


def test_the_grade_or_the_reason_why_there_is_none() -> None:
    table = pd.DataFrame({"p_1": [0.7, 0.4, 0.4, 0.7], "p_2": [0.3, 0.6, 0.6, 0.3]})
    table = table.assign(predicted=["1", "2", "2", "1"], unlike=[0.0, 0.5, 0.6, 1.0])
    assert list(add_answer(table, ["1", "2"], 0.65)["answer"]) == ["1", UNSURE, UNLIKE, UNLIKE]
    assert list(add_answer(table, ["1", "2"], None)["answer"]) == ["1", "2", UNLIKE, UNLIKE]
    assert list(add_answer(table, ["1", "2"], None)["predicted"]) == list(table["predicted"])
