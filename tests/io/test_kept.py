"""What is taken over from an earlier start, and what is not."""

import json
import os
import shutil
from pathlib import Path

import pytest

from livergrade.io.kept import Kept, digest, identity


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with a record of one thing, made from ``in.png``: a value and a file."""
    (tmp_path / "in.png").write_text("pixels")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "rows.csv").write_text("a,b")
    kept = Kept(tmp_path / "out" / "kept.json")
    kept.add("in", now(tmp_path), values={"p": 0.1}, files=[tmp_path / "out" / "rows.csv"])
    kept.save()
    return tmp_path


def now(folder: Path, **options: object) -> dict[str, object]:
    return {"image": identity(folder / "in.png"), "views": (1, 2)} | options


def found(folder: Path, **options: object) -> dict[str, object] | None:
    return Kept(folder / "out" / "kept.json").find("in", now(folder, **options))


def test_what_was_made_from_the_same_bytes_by_the_same_options_is_taken_over(made: Path) -> None:
    assert found(made) == {"p": 0.1}
    assert found(made, views=[1, 2]) == {"p": 0.1}
    kept = Kept(made / "out" / "kept.json")
    assert kept.names == ["in"]
    before = kept.made_from("in")
    assert before is not None
    assert before["views"] == [1, 2]
    assert kept.made_from("other") is None
    kept.remove("in")
    assert kept.find("in", now(made)) is None


def test_another_option_one_more_or_one_less_is_another_thing(made: Path) -> None:
    assert found(made, views=[2, 1]) is None
    assert found(made, mpp=0.5) is None
    assert Kept(made / "out" / "kept.json").find("in", {"image": identity(made / "in.png")}) is None


def test_a_file_that_was_replaced_is_another_even_with_its_old_date_and_size(made: Path) -> None:
    before = (made / "in.png").stat()
    (made / "in.png").write_text("PIXELS")
    os.utime(made / "in.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found(made) is None


def test_a_name_is_not_a_file(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = made / "other"
    other.mkdir()
    (other / "in.png").write_text("other pixels")
    seen = []
    for folder in (made, other):
        monkeypatch.chdir(folder)
        seen.append(identity(Path("in.png")))
    assert seen[0] == identity(made / "in.png")
    assert seen[1] == identity(other / "in.png") != seen[0]
    assert identity(made / "none.png")["state"] is None


@pytest.mark.parametrize("change", ["altered", "removed", "a folder", "a link out"])
def test_a_kept_file_that_is_not_as_it_was_written_is_made_again(made: Path, change: str) -> None:
    file = made / "out" / "rows.csv"
    if change == "altered":
        file.write_text("a,c")
    else:
        file.unlink()
    if change == "a folder":
        file.mkdir()
    if change == "a link out":
        (made / "elsewhere.csv").write_text("a,b")
        file.symlink_to(made / "elsewhere.csv")
    assert found(made) is None


def test_a_folder_that_was_copied_is_as_good_and_touched_files_too(made: Path) -> None:
    (made / "out" / "rows.csv").touch()
    assert found(made) == {"p": 0.1}
    shutil.copytree(made / "out", made / "copy")
    assert Kept(made / "copy" / "kept.json").find("in", now(made)) == {"p": 0.1}


@pytest.mark.parametrize("old_and_new", [("0.1", "0.9"), ("{", ""), ("entries", "rows")])
def test_a_record_that_was_changed_lists_nothing_and_says_so(
    made: Path, old_and_new: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    record = made / "out" / "kept.json"
    record.write_text(record.read_text().replace(*old_and_new))
    assert found(made) is None
    assert "kept.json" in caplog.text
    assert "made again" in caplog.text


def test_a_record_names_no_file_outside_of_its_folder(made: Path) -> None:
    record = made / "out" / "kept.json"
    content = json.loads(record.read_text())
    entry = content["entries"]["in"]
    entry["files"] = {"../in.png": [identity(made / "in.png")["state"], ""]}
    record.write_text(json.dumps(content | {"sha256": digest(content["entries"])}))
    assert found(made) is None


def test_a_name_with_control_characters_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[1m.png"
    path.touch()
    kept = Kept(tmp_path / "kept.json")
    kept.add(str(path), {"image": identity(path)})
    kept.save()
    assert Kept(tmp_path / "kept.json").find(str(path), {"image": identity(path)}) == {}
