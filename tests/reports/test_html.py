"""Self-contained pages from templates."""

import base64
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from livergrade.reports.html import inlined_figures, write_page


def test_a_value_that_is_lacking_is_an_error_and_the_old_page_stays(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(UndefinedError, match="drawn"):
        write_page(tmp_path, "study.html.j2", trials=[])
    assert (tmp_path / "report.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_figures_are_inlined_in_the_order_of_their_captions(tmp_path: Path) -> None:
    for name in ("a.png", "a.svg", "b.jpg", "other.png"):
        (tmp_path / name).write_bytes(name.encode())
    found = inlined_figures(tmp_path, {"b": "Second", "gone": "None", "a": "First"})
    assert [(one["name"], one["caption"]) for one in found] == [("b", "Second"), ("a", "First")]
    kind, _, content = found[1]["uri"].partition(";base64,")
    assert kind == "data:image/svg+xml"  # the last of its kinds
    assert base64.b64decode(content) == b"a.svg"
    (png,) = inlined_figures(tmp_path, {"a": "First", "b": "Second"}, kinds=("png",))
    assert png["uri"].startswith("data:image/png;")
