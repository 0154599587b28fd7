"""Finished runs in use: their figures, their page in a notebook, and their answers to new images."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade import UserError, load_run, predict_images
from tests.conftest import command

pytestmark = pytest.mark.usefixtures("undrawn")


def test_what_a_run_has_is_at_hand(tiny_run: Path) -> None:
    run = load_run(tiny_run)
    assert 0 <= run.metrics["patient"]["accuracy"]["value"] <= 1
    assert {"image", "p_poor"} <= set(run.predictions.columns)
    assert set(run.split["split"]) == {"train", "val", "test"}
    assert run.figure("confusion").axes
    with pytest.raises(UserError, match=r"^figure confusoin: did you mean confusion_\w+\? one of: .*roc"):
        run.figure("confusoin")


def test_a_notebook_shows_the_verdict_and_no_markup_of_the_run(tiny_run: Path, tmp_path: Path) -> None:
    page = load_run(tiny_run)._repr_html_()
    assert "test patients correctly" in page
    assert "Accuracy" in page
    assert 'report.html">' in page
    odd = shutil.copytree(tiny_run, tmp_path / "<b>")
    assert "<b>/" not in load_run(odd)._repr_html_()


def test_only_a_finished_run_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        load_run(tmp_path)


def test_answers_are_those_of_the_command(tiny_run: Path, manifest: Path, tmp_path: Path) -> None:
    folder, options = manifest.parent / "poor", ["accelerator=cpu", "abstain=0.5"]
    command("predict", f"run={tiny_run}", str(folder), *options, f"out={tmp_path / 'p'}", outputs=tmp_path)
    run = load_run(tiny_run)
    table = run.predict(folder, accelerator="cpu", abstain=0.5)
    kept = tmp_path / "same.csv"
    table.sort_values("image").to_csv(kept, index=False, float_format="%.9g")
    assert kept.read_bytes() == (tmp_path / "p" / "images.csv").read_bytes()

    files = [Path(name) for name in table["image"]]
    arrays = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    numbers = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    for given in (arrays, [Image.open(file) for file in files]):
        same = run.predict(given, accelerator="cpu", abstain=0.5)
        pd.testing.assert_frame_equal(same[numbers], table[numbers])
        assert same["answer"].tolist() == table["answer"].tolist()
        assert same["image"].tolist() == [str(number) for number in range(len(files))]
    one = predict_images(tiny_run, arrays[0], accelerator="cpu", abstain=0.5)
    assert one["predicted"].tolist() == table["predicted"].tolist()[:1]


def test_all_images_that_can_not_be_graded_are_told(tiny_run: Path, manifest: Path, tmp_path: Path) -> None:
    run = load_run(tiny_run)
    with pytest.raises(UserError, match=r"1 of 2 images can't be graded:\n  1 is 4 × 4 px"):
        run.predict([np.zeros((40, 40, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)], accelerator="cpu")
    good = manifest.parent / "poor" / "P00_0.png"
    bad = tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    assert len(run.predict([good, bad], accelerator="cpu", skip_unreadable=True)) == 1
    with pytest.raises(UserError, match=r"coverage=2"):
        run.predict(good, coverage=2)
    with pytest.raises(UserError, match="there is no such file"):
        run.predict("none.png")


@pytest.mark.slow
def test_a_sweep_answers_as_one(folds: Path, manifest: Path, tmp_path: Path) -> None:
    folder = manifest.parent / "well"
    command(
        "predict", f"run={folds}", str(folder), "accelerator=cpu", f"out={tmp_path / 'p'}", outputs=tmp_path
    )
    sweep = load_run(folds)
    assert len(sweep.members) == 3
    table = sweep.predict(folder, accelerator="cpu")
    kept = tmp_path / "same.csv"
    table.sort_values("image").to_csv(kept, index=False, float_format="%.9g")
    assert kept.read_bytes() == (tmp_path / "p" / "images.csv").read_bytes()
    assert "Accuracy" in sweep._repr_html_()
    assert sweep.figure("roc").axes


def test_options_of_other_types_are_read_or_refused_and_names_may_be_an_array(
    tiny_run: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 40), "pink").save(tmp_path / "a.png")
    run = load_run(tiny_run)
    by_array = run.predict(np.array([str(tmp_path / "a.png")]), mpp=np.float32(0.5), views=2)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(by_array, run.predict(tmp_path / "a.png", mpp=0.5, views="2"))
    pixels = np.zeros((40, 40, 3), np.uint8)
    for wrong in ({"coverage": "a"}, {"workers": "a"}, {"mpp": ["a"]}, {"mpp": "0.5"}):
        with pytest.raises(UserError):
            run.predict(pixels, **wrong)
    with pytest.raises(UserError):
        run.predict(pixels, calibrated=None)  # type: ignore[arg-type]
