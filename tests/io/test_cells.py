"""What a spreadsheet would run, in any width and behind any blank."""

import pytest

from livergrade.io.cells import cell_problem


@pytest.mark.parametrize(
    "text",
    [
        *(
            "=1+1",
            "@SUM(A1)",
            "+A1",
            "-2+3+cmd|' /C calc'!A0",
            "-1-1",
            " =1",
            "\t1",
            "\r1",
            "\n=1",
            "\u3000=1",
        ),
        *(
            "＝1",
            "＋A1",
            "－A1",
            "＠x",
            "﹦1",
            "﹢A1",
            "﹣A1",
            "﹫x",
            "\ufeff=1",
            "\u200b=1",
            "\u00a0@x",
            "\x1b=1",
        ),
    ],
)
def test_a_formula_is_told(text: str) -> None:
    assert cell_problem(text) == "is a formula to a spreadsheet; write it otherwise"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "P-1",
            "a=b",
            "-1.5",
            "+2e-3",
            "-1,5",
            "-20 %",
            "-0.1 -0.2 nan",
            "-",
            "++",
            "+ve",
            "-ve",
            "－１",
        ),
        *("1-2", "-inf", "a@b", "süß", "'=1"),
    ],
)
def test_findings_and_numbers_are_no_formulas(text: str) -> None:
    assert cell_problem(text) is None


def test_bytes_that_are_no_text_are_told() -> None:
    assert cell_problem("a\udc80") == "is not Unicode text; rename it"
