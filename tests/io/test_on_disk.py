"""Names whose letters are composed otherwise than on the disk."""

from pathlib import Path

import pytest

from livergrade.io.on_disk import OnDisk, SpellingError, match_spelling

COMPOSED, IN_PIECES = "m\u00e4\u00dfig", "ma\u0308\u00dfig"


def test_a_name_is_found_in_either_form_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / IN_PIECES / COMPOSED).mkdir(parents=True)
    (tmp_path / IN_PIECES / COMPOSED / f"{IN_PIECES}.png").touch()
    found = f"{IN_PIECES}/{COMPOSED}/{IN_PIECES}.png"
    for first in (COMPOSED, IN_PIECES):
        for last in (COMPOSED, IN_PIECES):
            name = OnDisk(tmp_path).name(f"{first}/{first}/{last}.png")
            assert (tmp_path / name).samefile(tmp_path / found)
    assert OnDisk(tmp_path).name(f"{COMPOSED}/nowhere/\u00e4.png") == f"{IN_PIECES}/nowhere/\u00e4.png"
    assert OnDisk(tmp_path).name("./a/b.png") == "./a/b.png"


def test_two_of_the_same_letters_are_refused_by_their_codes(tmp_path: Path) -> None:
    for name in (COMPOSED, IN_PIECES):
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) == 2:  # not on a disk that composes names
        with pytest.raises(SpellingError, match=r"2 ways: 'ma\\u0308\\xdfig' and 'm\\xe4\\xdfig'"):
            OnDisk(tmp_path).name(COMPOSED)


def test_other_letters_do_not_match() -> None:
    assert match_spelling("mässig", ["mäßig", "massig"]) is None
    assert match_spelling("a", ["a", "b"]) == "a"
