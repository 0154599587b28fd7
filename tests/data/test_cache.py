"""Decoded images that are kept between runs."""

import logging
import math
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.data.cache import UncachedImages, cached_size, decode, decoded_images
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.errors import UserError
from livergrade.io.cache_folder import MARKER
from livergrade.io.pixel_reading import PixelReading
from tests.conftest import GRADES, telling, write_cohort


@pytest.fixture
def cohort(manifest: Path) -> Cohort:
    return from_manifest(manifest, list(GRADES))


def other(cohort: Cohort, number: int) -> Cohort:
    """Another cohort of the same size: the same images in another order."""
    return replace(cohort, table=cohort.table.iloc[np.roll(np.arange(len(cohort.table)), number)])


def test_the_central_square_in_the_tables_order(cohort: Cohort, tmp_path: Path) -> None:
    array = decoded_images(cohort, 40, tmp_path)
    assert array.shape == (24, 40, 40, 3)
    for row in (0, 11, 23):  # 44 × 40 px: two columns are cut on each side, nothing is resampled
        np.testing.assert_array_equal(array[row], np.asarray(Image.open(cohort.paths[row]))[:, 2:42])


def test_what_is_not_kept_is_the_same(cohort: Cohort, tmp_path: Path) -> None:
    kept = decoded_images(cohort, 32, tmp_path)
    again = np.empty_like(kept)
    decode(cohort, 32, again)
    np.testing.assert_array_equal(again, kept)
    rows = np.array([5, 0, 5])
    np.testing.assert_array_equal(UncachedImages(cohort, 32)[rows], kept[rows])
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_another_reading_is_another_array(cohort: Cohort, tmp_path: Path) -> None:
    decoded_images(cohort, 32, tmp_path)
    decoded_images(replace(cohort, reading=PixelReading(12)), 32, tmp_path)
    decoded_images(replace(cohort, reading=PixelReading(14)), 32, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_a_second_start_decodes_nothing(tmp_path: Path) -> None:
    cohort = from_manifest(write_cohort(tmp_path / "data"), list(GRADES))
    first = np.array(decoded_images(cohort, 32, tmp_path / "cache"))
    for path in cohort.paths:
        path.unlink()
    np.testing.assert_array_equal(decoded_images(cohort, 32, tmp_path / "cache"), first)


def test_changed_content_or_size_is_decoded_anew(cohort: Cohort, tmp_path: Path) -> None:
    decoded_images(cohort, 32, tmp_path)
    decoded_images(cohort, 36, tmp_path)
    decoded_images(other(cohort, 1), 32, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_a_file_that_is_replaced_after_the_cohort_was_read_is_not_kept_as_the_first(tmp_path: Path) -> None:
    cohort = from_manifest(write_cohort(tmp_path / "data"), list(GRADES))
    shutil.copy(cohort.paths[1], cohort.paths[0])
    with pytest.raises(
        UserError, match=r"1 image can't be decoded.*\n.*_0\.png was changed while the command"
    ):
        decoded_images(cohort, 32, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_a_damaged_cache_is_made_again(cohort: Cohort, tmp_path: Path) -> None:
    whole = np.array(decoded_images(cohort, 32, tmp_path))
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(decoded_images(cohort, 32, tmp_path), whole)


@pytest.mark.parametrize(
    "other",
    telling(["longer", "float", "turned", "objects", "column-major", "a pipe", "zip"], fast=(0, 5, 6)),
)
def test_a_file_that_is_not_its_array_is_made_again(cohort: Cohort, tmp_path: Path, other: str) -> None:
    whole = np.array(decoded_images(cohort, 32, tmp_path))
    (path,) = tmp_path.glob("*.npy")
    good = path.read_bytes()
    path.unlink()
    if other == "longer":
        path.write_bytes(good + b"x")
    elif other == "a pipe":
        os.mkfifo(path)
    elif other == "zip":
        np.savez(path.open("wb"), a=whole)
    else:
        turned = {
            "float": whole.astype(np.float32),
            "turned": whole.reshape(32, 24, 32, 3),
            "objects": np.array([{}], dtype=object),
            "column-major": np.asfortranarray(whole),
        }
        np.save(path, turned[other], allow_pickle=True)
    np.testing.assert_array_equal(decoded_images(cohort, 32, tmp_path), whole)
    assert path.read_bytes() == good


def test_other_peoples_arrays_stay(cohort: Cohort, tmp_path: Path) -> None:
    names = ("scan.npy", "0123456789abcdef_24x32px.npy.npy", "x0123456789abcdef_24x32px.npy")
    for name in names:
        (tmp_path / name).write_bytes(bytes(100_000))
        os.utime(tmp_path / name, (0, 0))
    for day in (1, 2):
        decoded_images(other(cohort, day), 32, tmp_path, limit=1.5 * 24 * 32 * 32 * 3)
        assert len(list((tmp_path / "livergrade").glob("*.npy"))) == 1, day
    assert {path.name for path in tmp_path.iterdir()} == {*names, "livergrade"}


def test_a_link_is_no_lock(cohort: Cohort, tmp_path: Path) -> None:
    decoded_images(cohort, 32, tmp_path)
    ((lock,), (array,)) = tmp_path.glob(".*.lock"), tmp_path.glob("*.npy")
    lock.unlink()
    array.unlink()
    lock.symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match="is not a file, but a lock"):
        decoded_images(cohort, 32, tmp_path)
    assert not (tmp_path / "nothing").exists()


def test_all_damaged_images_are_told_and_nothing_is_left(tmp_path: Path) -> None:
    cohort = from_manifest(write_cohort(tmp_path / "data"), list(GRADES))
    for path in cohort.paths[:2]:
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="2 images can't be decoded"):
        decoded_images(cohort, 32, tmp_path / "cache")
    assert {path.suffix or path.name for path in (tmp_path / "cache").iterdir()} == {".lock", MARKER}


def _decode(manifest: Path, folder: Path, said: Path) -> None:
    logging.basicConfig(filename=said, level=logging.INFO)
    decoded_images(from_manifest(manifest, list(GRADES)), 32, folder)


@pytest.mark.slow
def test_of_two_processes_at_once_one_decodes(manifest: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    both = [context.Process(target=_decode, args=(manifest, tmp_path / "cache", said)) for said in logs]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    assert "".join(said.read_text() for said in logs).count("decoding 24 images") == 1


def test_the_longest_unused_makes_room(cohort: Cohort, tmp_path: Path) -> None:
    size = 24 * 32 * 32 * 3
    used = {}
    for day, name in enumerate(("older", "old")):
        decoded_images(other(cohort, day + 1), 32, tmp_path)
        (used[name],) = set(tmp_path.glob("*.npy")) - set(used.values())
        os.utime(used[name], (day, day))
    decoded_images(cohort, 32, tmp_path, limit=2.5 * size)
    left = set(tmp_path.glob("*.npy"))
    assert len(left) == 2
    assert used["old"] in left


def test_an_array_over_the_limit_is_told(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.cache_limit is 1e-05 GB; .*data\.cache=none"):
        decoded_images(cohort, 32, tmp_path, limit=1e4)
    assert not list(tmp_path.glob("*.npy"))


def test_working_size_leaves_pixels_to_turn() -> None:
    assert cached_size(100, "black") == cached_size(100, "reflect") == 160
    assert cached_size(100, "crop") == math.ceil(160 * math.sqrt(2))
