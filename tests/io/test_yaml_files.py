"""YAML is read as plain data."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.yaml_files import read_plain_yaml


def test_plain_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: {c: [x, 1.5, null, true, '2']}\nd: 1.0e-9\n")
    assert read_plain_yaml(path, fix="") == {"a": 1, "b": {"c": ["x", 1.5, None, True, "2"]}, "d": 1e-9}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x\n", "line 1: anchors and aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1: tags"),
        ("a: !x 1\n", "line 1: tags"),
        ("a: 1\nb: ${oc.env:HOME}\n", r"line 2: \$\{"),
        ("a: {b: 1, b: 2}\n", "a.b: is given twice"),
        ("a: {<<: {b: 1}}\n", "<< is not a name"),
        ("? [1]\n: 2\n", "is not a name of an option"),
        ("1: 2\n", "1 is not a name of an option"),
        ("a: 2001-01-01\n", "a: is not plain text"),
        ("a: " + "[" * 100 + "]" * 100, "nested too deep"),
        ("[" * 100_000, "nested too deep"),
        ("a: [" + "1," * 6000 + "]", "too many values"),
        ("a: " + "x" * 5000, "longer than 4096"),
        ('a: "\\e[2J"', "control characters"),
        ("%YAML 1.1\n---\na: 1\n", "directives"),
        ("a: 1\n---\nb: 1\n", "a.yaml"),
        ("- 1\n", "not a mapping"),
        ("", "not a mapping"),
        ("a: [", "line [12]"),  # libyaml names where it ends
    ],
)
def test_all_else_is_refused_in_a_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=told) as error:
        read_plain_yaml(path, fix="mend it")
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; mend it")
    assert "\n" not in str(error.value)
