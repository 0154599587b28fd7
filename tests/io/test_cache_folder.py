"""The folder of caches, and other people's files in it."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.cache_folder import MARKER, cache_folder, claim
from livergrade.io.write_below import write_only_below


def test_a_new_or_empty_folder_is_marked(tmp_path: Path) -> None:
    for _ in range(2):
        assert claim(tmp_path / "new" / "deep") == tmp_path / "new" / "deep"
    (tmp_path / "empty").mkdir()
    assert claim(tmp_path / "empty") == tmp_path / "empty"
    assert (tmp_path / "empty" / MARKER).is_file()


@pytest.mark.parametrize("name", ["scan.npy", "notes.txt", "images/scan.npy", "fingerprints/a.txt"])
def test_a_folder_with_other_files_gets_a_subfolder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    for _ in range(2):
        assert claim(tmp_path) == tmp_path / "livergrade"
    assert not (tmp_path / MARKER).exists()
    assert (tmp_path / "livergrade" / MARKER).is_file()
    assert (tmp_path / name).read_text() == "mine"


def test_a_cache_of_an_earlier_version_is_marked(tmp_path: Path) -> None:
    for name in (
        "images/0123456789abcdef_24x32px.npy",
        "images/.0123456789abcdef_24x32px.lock",
        "images/.0123456789abcdef_24x32px.npy.123.part",
        "fingerprints/0123456789abcdef.json",
        "npm/0123456789abcdef.tgz",
        "synthetic-liver-74-patients-336fee5eea3e/manifest.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert claim(tmp_path) == tmp_path
    assert claim(tmp_path / "images") == tmp_path / "images"
    assert not (tmp_path / "images" / MARKER).exists()


def test_a_link_among_caches_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bait").mkdir()
    cache = claim(tmp_path / "cache")
    (cache / "images").symlink_to(tmp_path / "bait")
    with pytest.raises(UserError, match="images: is a link in a folder of caches"):
        claim(cache / "images")
    others = tmp_path / "others"
    others.mkdir()
    (others / "livergrade").symlink_to(tmp_path / "bait")
    with pytest.raises(UserError, match="livergrade: is a link"):
        claim(others)
    assert not list((tmp_path / "bait").iterdir())


def test_a_cache_that_only_a_stored_run_names_must_be_one_already(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LIVERGRADE_CACHE", str(tmp_path / "default"))
    elsewhere, mine = tmp_path / "elsewhere", claim(tmp_path / "mine")
    with write_only_below(tmp_path / "out"):
        assert cache_folder(str(elsewhere)) == tmp_path / "default"
        assert cache_folder(str(mine)) == mine
        assert cache_folder(None) == tmp_path / "default"
    assert not elsewhere.exists()
    with write_only_below(tmp_path / "out", cache=str(elsewhere)):
        assert cache_folder(str(elsewhere)) == elsewhere
