"""CSV files of a run are whole tables."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.run_tables import read_run_table


def test_cells_are_text_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffa,b\n007,NA\n"x,\ny",1e3\n'.encode())
    table = read_run_table(path, needed=("a",), fix="")
    assert table.to_dict("list") == {"a": ["007", "x,\ny"], "b": ["NA", "1e3"]}
    numbers = read_run_table(path, needed=("b",), dtype={"a": str, "z": str}, fix="")
    assert list(numbers["a"]) == ["007", "x,\ny"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "can't be read as a split"),
        (b"a,b\n1,\xff\n", "can't be read as a split .*utf-8"),
        (b"a,b\n1,\0\n", "NUL"),
        (b"a,b\n1\n", "row 2: b '' is not a finite number"),
        (b"a,b\n1,2,3\n", "more cells than the header"),
        (b"a,b\n1,2\n1,2,3\n", "can't be read as a split"),
        (b'a,b\n1,"2\n', "can't be read as a split"),
        (b"a,a\n1,2\n", "more than one column a"),
        (b"c\n1\n", r"no column a, b; its columns are c"),
        (b"a,b\n1,x\n", "row 2: b 'x' is not a finite number"),
        (b"a,b\n1,2\n1,inf\n", "row 3: b 'inf' is not a finite number"),
        (b"a,b\n1,\n", "row 2: b '' is not a finite number"),
        (b"x," * 5000 + b"y\n", "more than 4096 columns"),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", "column a: a cell is longer than"),
    ],
)
def test_what_is_no_such_table_is_told_in_a_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        read_run_table(path, needed=("a", "b"), numbers=("b",), called="a split", fix="mend it")
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
