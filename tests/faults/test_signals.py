"""Ctrl-C and SIGTERM are heard within seconds while a command works on what a stranger wrote."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_slide
from tests.faults.hostile.budgets import star

pytestmark = pytest.mark.slow

WITHIN = 5.0
"""Seconds from a signal to the end of the command."""


def large_images(folder: Path, count: int = 90) -> Path:
    """A cohort of images of 60 megapixels, which take seconds to read."""
    folder.mkdir()
    stripes = np.tile(np.arange(8000, dtype=np.uint16)[:, None] % 251, (1, 7500)).astype(np.uint8)
    Image.fromarray(stripes).convert("RGB").save(folder / "0.png", compress_level=1)
    content = (folder / "0.png").read_bytes()
    for number in range(1, count):
        (folder / f"{number}.png").write_bytes(content + bytes(number))  # no two files are the same
    rows = [f"{n}.png,P{n},{('poor', 'moderate', 'well')[n % 3]}" for n in range(count)]
    (folder / "cohort.csv").write_text("\n".join(["image,patient,grade", *rows]) + "\n")
    return folder / "cohort.csv"


def predicting(folder: Path, run: Path) -> list[str]:
    images = large_images(folder / "images").parent
    return ["predict", f"run={run}", str(images), f"out={folder / 'out'}", "accelerator=cpu"]


def checking(folder: Path, run: Path) -> list[str]:
    return ["check", "data=manifest", f"data.manifest={large_images(folder / 'images')}"]


def training(folder: Path, run: Path) -> list[str]:
    return ["train", *checking(folder, run)[1:], f"hydra.run.dir={folder / 'run'}", "trainer.accelerator=cpu"]


def preparing(folder: Path, run: Path) -> list[str]:
    """The repair of an outline that takes longer than it may."""
    slide = write_slide(folder / "slides" / "slide.tif")
    (folder / "slide.geojson").write_text(star(20_001))
    (folder / "slides.csv").write_text("slide,patient,grade\nslide.tif,P1,poor\n")
    words = [f"regions={folder}", f"table={folder / 'slides.csv'}", f"out={folder / 'out'}"]
    return ["prepare", str(slide), *words]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [predicting, checking, training, preparing])
@pytest.mark.parametrize("after", [8.0])
def test_a_command_ends_soon_after_a_signal(
    tmp_path: Path, tiny_run: Path, words: Callable[[Path, Path], list[str]], number: int, after: float
) -> None:
    name, *options = words(tmp_path, tiny_run)
    environment = os.environ | {"LIVERGRADE_OUTPUTS": str(tmp_path / "outputs")}
    process = subprocess.Popen(
        [sys.executable, "-m", f"livergrade.{name}", *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    time.sleep(after)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(number)
    sent = time.monotonic()
    try:
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - sent < WITHIN
    assert process.returncode != 0
