"""JSON of a run is checked against its type."""

from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from livergrade.errors import UserError
from livergrade.io.json_files import in_file, read_json


class Inner(TypedDict):
    value: float


class Facts(TypedDict):
    name: str
    inner: Inner
    many: list[float]
    note: NotRequired[str]


WHOLE = '{"name": "a", "inner": {"value": 1}, "many": [1, 2.5]}'


def test_what_is_of_its_type_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + WHOLE.encode())
    assert read_json(path, Facts) == {"name": "a", "inner": {"value": 1.0}, "many": [1.0, 2.5]}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"name": "a", ', "", "a.json: lacks name; train the run again"),
        ('"value": 1', "", "a.json: inner: lacks value;"),
        ('"value": 1', '"value": "1"', "a.json: inner.value: expected float, got str;"),
        ("2.5", "NaN", r"a.json: is not valid JSON"),
        ("2.5", "1e999", r"a.json: .*out of range"),
        ("2.5", "null", r"a.json: many\[1\]: expected float, got null"),
        ('"a"', '"\\u001b[2J"', "a.json: is not valid JSON .name: holds the control character"),
        ('"a"', '"\\ud800"', "a.json: is not valid JSON"),
        ("[1", "[" * 40 + "1", "a.json: "),
        ('{"name', "[" * 100_000 + '{"name', "a.json: "),
        ('{"name": "a"', '{"x": ' + "[" * 50 + "]" * 50 + ', "name": "a"', "a.json: is nested too deep"),
        (WHOLE, "[1]", "a.json: is not valid JSON of a run"),
        (WHOLE, "", "a.json: is not valid JSON"),
        (WHOLE, "x" * 2**21, "a.json: is larger than"),
    ],
)
def test_what_is_not_is_told_in_a_line(tmp_path: Path, before: str, after: str, told: str) -> None:
    path = tmp_path / "a.json"
    assert before in WHOLE
    path.write_text(WHOLE.replace(before, after, 1))
    with pytest.raises(UserError, match=told) as error:
        read_json(path, Facts)
    assert "\n" not in str(error.value)


def test_problems_are_told_with_the_file(tmp_path: Path) -> None:
    in_file(tmp_path / "a.json", [])
    with pytest.raises(UserError, match=r"a\.json: a; b; c, and 1 more; mend it"):
        in_file(tmp_path / "a.json", ["a", "b", "c", "d"], fix="mend it")
