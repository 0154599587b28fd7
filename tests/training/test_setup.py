"""From a run's options to what Lightning trains."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.training.setup import describe_split, make_task, start_weights
from tests.conftest import GRADES
from tests.training.tasks import task

pytestmark = pytest.mark.usefixtures("narrow")
SPLIT = pd.DataFrame(
    [
        (f"{number}.png", f"P{number}", grade, side, str(number))
        for number, (grade, side) in enumerate(
            [
                *[("poor", "train")] * 4,
                ("well", "train"),
                ("moderate", "train"),
                ("well", "val"),
                ("poor", "test"),
            ]
        )
    ],
    columns=["image", "patient", "grade", "split", "sha256"],
)


def test_a_split_that_leaks_is_told() -> None:
    assert describe_split(SPLIT, list(GRADES)) == ""
    leaking = SPLIT.assign(patient=["P0", *SPLIT["patient"][1:7], "P0"])
    assert "1 of 1 test images share a patient" in describe_split(leaking, list(GRADES))


def test_a_rare_grade_weighs_more_where_that_is_asked_for() -> None:
    config = TrainConfig()
    config.model.name = "resnet50"
    assert "class_weights" in make_task(config, list(GRADES), "", SPLIT).hparams
    assert not make_task(config, list(GRADES), "", SPLIT).hparams["class_weights"]
    config.loss.class_weights = True
    poor, moderate, well = make_task(config, list(GRADES), "", SPLIT).hparams["class_weights"]
    assert poor < moderate == well


def test_a_size_that_the_network_can_not_take_is_refused_before_it_is_built() -> None:
    config = TrainConfig()
    config.model.name, config.model.backbone, config.data.image_size = "timm", "uni2-h", 64
    with pytest.raises(UserError, match=r"data\.image_size=64"):
        make_task(config, list(GRADES), "")


def test_a_run_begins_with_the_weights_of_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    donor, net = task().net, task(frozen=True).net
    config = TrainConfig()
    config.model.name, config.model.frozen = "resnet50", True
    assert start_weights(net, config)["initialisation"] == "random"
    assert "the frozen layers keep random weights" in caplog.text
    config.model.frozen, config.model.frozen_epochs = False, 2
    start_weights(net, config)
    assert "model.frozen_epochs=2: the head is first trained on layers with random weights" in caplog.text
    config.model.frozen, config.model.frozen_epochs = True, 0
    torch.save(donor.state_dict(), tmp_path / "a.pt")
    config.model.weights = str(tmp_path / "a.pt")
    facts = start_weights(net, config)
    assert "head included" in facts["initialisation"]
    assert torch.equal(net.conv1.weight, donor.conv1.weight)
    assert facts["trained_parameters"] == 3 * 2048 + 3
    assert facts["parameters"] == sum(parameter.numel() for parameter in net.parameters())
