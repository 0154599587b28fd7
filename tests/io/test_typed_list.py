"""A list as it can be typed in a shell."""

import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from livergrade.io.typed_list import typed_list


@pytest.mark.parametrize(
    ("items", "typed"),
    [
        (["poor", "well done"], "'data.classes=[poor,well done]'"),
        (["poor", "well's"], r'''"data.classes=[poor,\"well's\"]"'''),
        (['a"b', "c, d"], None),
        (['it\'s "x"', "$y's", "`z's`"], None),
        (["[a", "b}"], None),
    ],
)
def test_a_list_is_read_as_it_is_told(items: list[str], typed: str | None) -> None:
    word = typed_list("data.classes", items)
    assert typed in (None, word)
    by_shell = subprocess.run(
        ["sh", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True
    ).stdout
    assert OverridesParser.create().parse_override(by_shell).value() == items
