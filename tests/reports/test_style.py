"""Files of a figure."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.reports import run_plots as f
from livergrade.reports.style import save


@pytest.fixture
def history():
    epoch = np.arange(5)
    return pd.DataFrame({"epoch": epoch, "train/accuracy": epoch / 5, "train/loss": 2.0 - epoch / 5})


def test_figures_are_written_whole_and_the_same_again(tmp_path, history):
    for folder in ("one", "two"):
        save(f.curves(history, title="Training"), tmp_path / folder / "curves")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["curves.png", "curves.svg"]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    with Image.open(tmp_path / "one" / "curves.png") as image:
        image.load()
        assert round(image.info["dpi"][0]) == 150
