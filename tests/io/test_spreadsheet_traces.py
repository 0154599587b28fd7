"""What a spreadsheet makes of cells, so that several become one."""

import pytest

from livergrade.io.spreadsheet_traces import trace_problem


@pytest.mark.parametrize("text", ["#N/A", "#REF!", " #NAME?", "#VALUE!", "#DIV/0!", "#NV"])
def test_errors_are_no_names(text: str) -> None:
    assert "error of a spreadsheet" in (trace_problem(text) or "")


@pytest.mark.parametrize("text", ["1.23457E+11", "1E+15", "1,2E+12", "1.2345678901E+14"])
def test_numbers_that_were_cut_short_are_no_names(text: str) -> None:
    assert "cut short" in (trace_problem(text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#1",
        "#N/A-1",
        "1e5",
        "1E5",
        "1E+05",
        "1.5E+02",
        "12345678901234",
        "NA",
        "E+11",
        "1.23456789012E+11",
    ],
)
def test_what_somebody_may_have_written_is_left(text: str) -> None:
    assert trace_problem(text) is None
