"""Names of files as tables have them."""

from pathlib import Path

from livergrade.io.named_files import as_named, suffix_advice, suffix_problem

KNOWN = (".png", ".jpg")


def test_a_suffix_is_added_to_names_without_one(tmp_path: Path) -> None:
    assert as_named("TCGA-1.0000-4000", tmp_path, ".png", KNOWN) == "TCGA-1.0000-4000.png"
    assert as_named("a.JPG", tmp_path, ".png", KNOWN) == "a.JPG"
    assert as_named("", tmp_path, ".png", KNOWN) == ""
    assert as_named("a", tmp_path, None, KNOWN) == "a"


def test_backslashes_are_those_of_windows_unless_a_file_has_them(tmp_path: Path) -> None:
    assert as_named("in\\a", tmp_path, ".png", KNOWN) == "in/a.png"
    assert as_named("C:\\in\\a.png", tmp_path, None, KNOWN) == "C:\\in\\a.png"  # refused by whoever reads it
    (tmp_path / "in\\a.png").touch()
    assert as_named("in\\a.png", tmp_path, None, KNOWN) == "in\\a.png"


def test_files_with_a_suffix_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert suffix_advice("a", tmp_path, KNOWN) == "; a.png is there: set data.suffix=.png"
    (tmp_path / "a.jpg").touch()
    assert "a.png and a.jpg are there" in suffix_advice("a", tmp_path, KNOWN)
    assert suffix_advice("b", tmp_path, KNOWN) == suffix_advice("b.png", tmp_path, KNOWN) == ""
    assert suffix_advice("//machine/a", tmp_path, KNOWN) == ""


def test_tables_of_slides_name_the_images_that_were_made_of_them(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.0f.png").touch()
    for name in ("in/a.0f.svs", "in\\a.0f.svs", "in/a.0f.TIF"):
        assert as_named(name, tmp_path, ".png", KNOWN) == "in/a.0f.png"
    assert suffix_advice("in/a.0f.svs", tmp_path, KNOWN) == "; a.0f.png is there: set data.suffix=.png"
    assert (
        suffix_advice("in/a.0f.tif", tmp_path, (*KNOWN, ".tif"))
        == "; a.0f.png is there: set data.suffix=.png"
    )
    assert as_named("in/a.0f", tmp_path, ".png", KNOWN) == "in/a.0f.png"
    assert as_named("in/a.0f.5a", tmp_path, ".png", KNOWN) == "in/a.0f.5a.png"  # no suffix of a slide
    assert as_named("in/b.svs", tmp_path, ".png", KNOWN) == "in/b.svs.png"
    (tmp_path / "in" / "a.0f.svs.png").touch()
    assert as_named("in/a.0f.svs", tmp_path, ".png", KNOWN) == "in/a.0f.svs.png"


def test_a_suffix_is_one_of_those_that_are_read() -> None:
    assert suffix_problem(None, KNOWN) == suffix_problem(".PNG", KNOWN) == []
    assert suffix_problem("png", KNOWN) == ["data.suffix=png: did you mean .png? one of: .png, .jpg"]
