"""What is said, once, of the colour profiles of a cohort."""

import logging
from pathlib import Path

import pytest
from PIL import Image

from livergrade.data.colour import check_colours, count_other_colours, log_colours, log_slide_colours
from tests.conftest import write_slide
from tests.io import profiles

P3 = profiles.rgb(profiles.DISPLAY_P3)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Five images: two of Display P3, one of sRGB, one that says nothing, and one that can't be read."""
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, carried in zip(paths, (P3, P3, profiles.rgb(), None, None), strict=True):
        Image.new("RGB", (16, 16)).save(path, icc_profile=carried)
    paths[4].write_bytes(b"no image")
    return paths


def test_only_other_profiles_count_and_bad_files_are_told_elsewhere(images: list[Path]) -> None:
    assert count_other_colours(images) == 2
    assert count_other_colours(images[2:]) == 0


def test_check_says_how_many_and_what_to_do(images: list[Path]) -> None:
    problem, what, message, fix = check_colours(images, "ignore")
    assert (problem, what) == (True, "colour profiles")
    assert message == "2 of 5 images carry a profile other than sRGB"
    assert "train with data.icc=apply" in fix
    assert check_colours(images, "apply")[0] is False
    assert check_colours(images[2:], "ignore")[0] is False


def test_a_cohort_without_profiles_is_not_spoken_of(
    images: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for icc in ("ignore", "apply"):
        log_colours(images[2:], icc)
    assert not caplog.messages
    log_colours(images, "ignore")
    log_colours(images, "apply")
    assert "it is not applied" in caplog.messages[0]
    assert "2 of 5 images carry a profile other than sRGB; they are converted" in caplog.messages[1]


def test_slides_are_counted_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slides = [write_slide(tmp_path / "a.tif"), write_slide(tmp_path / "b.tif"), tmp_path / "c.tif"]
    write_slide(slides[1], icc=P3)
    log_slide_colours(slides, "apply", "set icc=apply")
    log_slide_colours(slides[:1], "ignore", "set icc=apply")
    assert not caplog.messages
    log_slide_colours(slides, "ignore", "set icc=apply")
    assert "1 of 3 slides carry a profile other than sRGB" in caplog.text
    assert "set icc=apply to convert them" in caplog.text
