import math
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.data.cache import decoded, working_size
from livergrade.data.cohort import Cohort, from_manifest
from livergrade.errors import UserError
from tests.conftest import GRADES, write_cohort


@pytest.fixture
def cohort(manifest: Path) -> Cohort:
    return from_manifest(manifest, list(GRADES))


def test_the_central_square_in_the_tables_order(cohort: Cohort, tmp_path: Path) -> None:
    array = decoded(cohort, 40, tmp_path)
    assert array.shape == (24, 40, 40, 3)
    for row in (0, 11, 23):  # 44 × 40 px: two columns are cut on each side, nothing is resampled
        np.testing.assert_array_equal(array[row], np.asarray(Image.open(cohort.paths[row]))[:, 2:42])


def test_ram_and_disk_agree(cohort: Cohort, tmp_path: Path) -> None:
    np.testing.assert_array_equal(decoded(cohort, 32, tmp_path, "ram"), decoded(cohort, 32, tmp_path, "disk"))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_second_start_decodes_nothing(tmp_path: Path) -> None:
    cohort = from_manifest(write_cohort(tmp_path / "data"), list(GRADES))
    first = np.array(decoded(cohort, 32, tmp_path / "cache"))
    for path in cohort.paths:
        path.unlink()
    np.testing.assert_array_equal(decoded(cohort, 32, tmp_path / "cache"), first)


def test_changed_content_or_size_is_decoded_anew(cohort: Cohort, tmp_path: Path) -> None:
    decoded(cohort, 32, tmp_path)
    decoded(cohort, 36, tmp_path)
    changed = Cohort(
        cohort.table.assign(sha256=cohort.table["sha256"].str[::-1]), cohort.classes, cohort.root
    )
    decoded(changed, 32, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_cache_is_made_again(cohort: Cohort, tmp_path: Path) -> None:
    whole = np.array(decoded(cohort, 32, tmp_path))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(decoded(cohort, 32, tmp_path), whole)


def test_all_damaged_images_are_told_and_nothing_is_left(tmp_path: Path) -> None:
    cohort = from_manifest(write_cohort(tmp_path / "data"), list(GRADES))
    for path in cohort.paths[:2]:
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="2 images can't be decoded"):
        decoded(cohort, 32, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def _decode(manifest: Path, folder: Path) -> None:
    decoded(from_manifest(manifest, list(GRADES)), 32, folder)


def test_two_processes_at_once(manifest: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_decode, args=(manifest, tmp_path)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]


def test_working_size_holds_a_turned_view_at_scale_one() -> None:
    assert working_size(224, "black") == working_size(224, "reflect") == 224
    assert working_size(224, "crop") / math.sqrt(2) >= 224
