"""Images that a person left out, by name or by content."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.kept import file_sha256
from livergrade.slides.exclusions import Exclusions


def image(folder: Path, name: str, content: str) -> tuple[str, Path]:
    path = folder / name
    path.write_text(content)
    return f"images/{name}", path


def test_a_list_of_names(tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_text(
        "# by a second reader\n\n a.png \nimages/b.png\ne\u0301.png\n", encoding="utf-8-sig"
    )
    left_out = Exclusions(str(tmp_path / "e.txt"))
    names = ["images/a.png", "images/b.png", "images/\u00e9.png", "images/c.png"]
    told = [left_out.why(name, tmp_path / "none") for name in names]
    assert told == ["excluded by hand"] * 3 + [""]
    left_out.refuse_unknown(names)
    assert left_out.told() == "3 no reason given"
    assert Exclusions(None).why("a.png", tmp_path / "none") == ""
    with pytest.raises(UserError, match=r"exclude=nowhere\.txt: can't be read"):
        Exclusions("nowhere.txt")


def test_what_a_review_excluded_is_known_by_its_content(tmp_path: Path) -> None:
    a, b, moved = (image(tmp_path, f"{name}.png", name) for name in ("a", "b", "moved"))
    table = tmp_path / "exclusions.csv"
    rows = [
        f"images/a.png,{file_sha256(a[1])},no_tissue",
        f"images/moved.png,{file_sha256(b[1])},artefact",  # b had another name then
        "images/gone.png,,quality",
    ]
    table.write_text("image,sha256,reason\n" + "\n".join(rows[:2]))
    left_out = Exclusions(str(table))
    told = [left_out.why(*one) for one in (a, b, moved)]
    assert told == ["excluded by hand: no tissue", "excluded by hand: artefact", ""]
    left_out.refuse_unknown([a[0], b[0], moved[0]])
    assert left_out.told() == "1 no tissue, 1 artefact"
    a[1].write_text("another image of this name")
    table.write_text("image,sha256,reason\n" + "\n".join(rows))
    left_out = Exclusions(str(table))
    assert left_out.why(*a) == ""
    assert left_out.why(*b)
    with pytest.raises(UserError) as error:
        left_out.refuse_unknown([a[0], b[0], moved[0]])
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"exclude={table}: 2 rows fit no image; correct or remove them")
    assert "row 2: images/a.png has another content now" in lines[1]
    assert lines[2].endswith("row 4: images/gone.png is no image of these slides")


def test_a_table_that_cannot_be_used(tmp_path: Path) -> None:
    table = tmp_path / "exclusions.csv"
    table.write_text("image,sha256,reason\n")
    Exclusions(str(table)).refuse_unknown([])  # a review that left nothing out
    table.write_text("image,sha256,reason\n,,quality\na.png,12,\n")
    with pytest.raises(UserError, match=r"row 2: image is blank\n.*row 3: sha256 is no SHA-256"):
        Exclusions(str(table))
    table.write_text("a.png\nb.png\n")
    with pytest.raises(UserError, match="no column image"):
        Exclusions(str(table))
