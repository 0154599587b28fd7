"""Messages about rows of a table."""

from livergrade.io.row_messages import row_messages


def test_many_equal_ones_are_one_line_and_few_have_a_line_each() -> None:
    found = [(1, "b"), *((row, "a") for row in range(2, 167)), (0, "c"), (200, "b")]
    assert row_messages(found, lambda row: f"row {row + 2}") == [
        "row 2: c",
        "row 3: b",
        "row 4, row 5, row 6 and 162 more (165 in all): a",
        "row 202: b",
    ]
