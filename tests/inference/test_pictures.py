"""Images that are named or in memory; tests/api/test_loaded_run.py grades them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.errors import UserError
from livergrade.inference.pictures import pictures_of
from tests.conftest import write_slide

ARRAY = np.zeros((40, 50, 3), np.uint8)


def test_images_keep_their_order_and_have_their_size(manifest: Path) -> None:
    files = [manifest.parent / "well" / "W00_0.png", manifest.parent / "poor" / "P00_0.png"]
    assert [picture.source for picture in pictures_of(files, 0.5)] == files
    table = pictures_of(str(manifest))
    assert table[0].patient == "P00"
    assert len(table) == 24
    in_memory = pictures_of([ARRAY, Image.fromarray(ARRAY)], [0.25, None])
    assert [(picture.name, picture.mpp) for picture in in_memory] == [("0", 0.25), ("1", None)]
    assert [picture.mpp for picture in pictures_of([ARRAY, ARRAY], 0.5)] == [0.5, 0.5]
    assert len(pictures_of(np.stack([ARRAY, ARRAY]))) == 2
    assert len(pictures_of(ARRAY)) == len(pictures_of(Image.fromarray(ARRAY))) == 1


def test_what_is_no_image_is_told_with_its_number(manifest: Path, tmp_path: Path) -> None:
    slide = write_slide(tmp_path / "slide.tif")
    for images, mpp, told in (
        ([ARRAY[..., 0], ARRAY / 2], None, r"(?s)image 0: .* uint8 \[40, 50\].*image 1: .*float64"),
        ([ARRAY, 7], None, "image 1: is of type int"),
        ([ARRAY, str(manifest)], None, "some are names and others are in memory"),
        ([], None, "none were given"),
        (7, None, "image 0: is of type int"),
        ([ARRAY], [0.5, 0.5], "2 numbers for 1 images"),
        ([ARRAY], 500.0, "image 0: mpp=500.0: must be at least"),
        ([manifest], [0.5], "of files it is one number"),
        ([slide], None, "whole slides"),
    ):
        with pytest.raises(UserError, match=told):
            pictures_of(images, mpp)
