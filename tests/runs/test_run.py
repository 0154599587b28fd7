"""A finished run, read back from its folder."""

import shutil
from pathlib import Path

import pytest
import torch

from livergrade.errors import UserError
from livergrade.io.inside import Inside
from livergrade.runs.find import find_runs
from livergrade.runs.folder import read_options
from livergrade.runs.run import Run
from tests.conftest import GRADES, finished_run


def test_options_come_back(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "cbam", seed=4, options={"optim.lr": 0.5})
    config = read_options(folder)
    assert (config.model.name, config.seed, config.optim.lr) == ("cbam", 4, 0.5)
    run = find_runs([folder])[0][0]
    assert run.settings["optim.lr"] == 0.5
    assert "seed" not in run.settings
    assert set(run.tested["split"]) == {"test"}


def test_grades_of_the_options_and_of_the_predictions_are_compared(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "cbam", options={"data.classes": ["well", "moderate", "poor"]})
    with pytest.raises(
        UserError, match=r"predictions\.csv: its grades are poor, moderate, well, and well.*config\.yaml"
    ):
        _ = Run(folder).classes


@pytest.mark.parametrize(
    ("group", "key", "value", "told"),
    [
        ("classes", None, ["well", "moderate", "poor"], "classes is .*well.*poor.* in config.yaml"),
        ("model", "head", "corn", "head is corn, and softmax"),
        ("model", "backbone", "test_vit", "backbone is test_vit, and test_resnet"),
    ],
)
def test_the_network_is_the_one_of_the_options(
    group: str, key: str | None, value: object, told: str, tiny_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    assert Run(run).classes == list(GRADES)
    content = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    if key:
        content["hyper_parameters"][group][key] = value
    else:
        content["hyper_parameters"][group] = value
    torch.save(content, run / "checkpoints" / "best.ckpt")
    with pytest.raises(UserError, match=rf"best\.ckpt: its {told}.*of two runs") as refused:
        Run(run).network()
    assert "\n" not in str(refused.value)


def test_of_what_lies_where_a_run_says_only_its_own_images_are_used(
    tiny_run: Path, manifest: Path, tmp_path: Path
) -> None:
    run, name = Run(tiny_run), "poor/P00_0.png"
    assert run.image(name, Inside(manifest.parent)) == manifest.parent / name
    (tmp_path / "poor").mkdir()
    shutil.copyfile(manifest.parent / "poor" / "P00_1.png", tmp_path / name)
    with pytest.raises(
        UserError, match=r"predictions\.csv: image poor/P00_0\.png is not the file.*another content"
    ):
        run.image(name, Inside(tmp_path))
    (tmp_path / name).unlink()
    assert run.image(name, Inside(tmp_path)) == tmp_path / name  # who reads it says that it is missing
