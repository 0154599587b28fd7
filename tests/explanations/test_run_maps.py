"""Maps in the report of a run."""

import json
from pathlib import Path

import pytest
from PIL import Image

from livergrade.evaluation.mistakes import worst_images
from livergrade.evaluation.predictions import read_predictions
from livergrade.reports.thumbnails import THUMBNAIL
from tests.conftest import TINY, command

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def mapped(undrawn: None, small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mapped")
    command("train", *TINY, *small, "data.image_size=64", "trainer.map_patients=2", outputs=out)
    return next((out / "test_resnet").iterdir())


def test_each_of_the_worst_mistakes_has_its_maps_in_the_report(mapped: Path) -> None:
    worst = worst_images(read_predictions(mapped / "predictions.csv"))
    assert len(worst)  # one epoch does not get all right
    for place in range(len(worst)):
        with Image.open(mapped / "mistakes" / f"{place}_maps.jpg") as picture:
            assert picture.size == (THUMBNAIL, THUMBNAIL)
    page = (mapped / "report.html").read_text()
    assert page.count('alt="Maps of ') == len(worst)


def test_the_report_says_what_the_maps_are_worth(mapped: Path) -> None:
    told = json.loads((mapped / "sanity.json").read_text())
    assert told["patients"] == 2
    by = {(row["method"], row["measure"]): row["value"] for row in told["sanity"]}
    for method in ("hires_cam", "occlusion", "random"):
        assert by[method, "gain"] == pytest.approx(by[method, "insertion"] - by[method, "deletion"], abs=1e-6)
    page = (mapped / "report.html").read_text()
    assert f"{by['occlusion', 'insertion']:.3f}" in page
    assert "One image of each of 2 test patients" in page


@pytest.mark.slow
def test_without_maps_the_report_has_none(mapped: Path, small: list[str], tmp_path: Path) -> None:
    command("evaluate", f"run={mapped}", "trainer.map_patients=0", "trainer.progress=false", outputs=tmp_path)
    out = next((mapped / "evaluations").iterdir())
    assert not (out / "sanity.json").exists()
    assert "Faithfulness of the maps" not in (out / "report.html").read_text()


def test_an_image_that_went_away_is_left_out(mapped: Path, tmp_path: Path) -> None:
    """The report of an evaluation is finished although an image vanished after it was graded."""
    import torch

    from livergrade.explanations.run_maps import write_run_maps
    from livergrade.inference.grader import Grader
    from livergrade.runs.folder import read_options
    from livergrade.runs.run import Run

    options = read_options(mapped)
    grader = Grader(Run(mapped), accelerator="cpu")
    (tmp_path / "predictions.csv").write_bytes((mapped / "predictions.csv").read_bytes())
    write_run_maps(tmp_path, grader.net, grader.classes, options, tmp_path / "gone", torch.device("cpu"))
    assert not (tmp_path / "sanity.json").exists()
