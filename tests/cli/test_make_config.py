"""Options from words, without a command."""

import contextlib
from pathlib import Path

import hydra
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from livergrade.cli.make_config import make_config
from livergrade.config.schema import EvaluateConfig, PredictConfig, TrainConfig
from livergrade.errors import UserError


def test_options_are_those_of_the_command() -> None:
    GlobalHydra.instance().clear()
    config = make_config("model=cbam", "augment=strong", "data.image_size=32")
    assert isinstance(config, TrainConfig)
    assert (config.model.name, config.data.image_size, config.optim.name) == ("cbam", 32, "adamw")
    assert not GlobalHydra.instance().is_initialized()
    assert isinstance(make_config("run=a", "data.outside=true", command="evaluate"), EvaluateConfig)
    predict = make_config("run=a", "b.png", "c d.png", command="predict")
    assert isinstance(predict, PredictConfig)
    assert predict.inputs == ["b.png", "c d.png"]


def test_an_application_of_hydra_goes_on_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: ${mine:}\n")
    GlobalHydra.instance().clear()
    OmegaConf.register_new_resolver("mine", lambda: 1, replace=True)
    with initialize_config_dir(str(tmp_path), job_name="mine", version_base=None):
        OmegaConf.register_new_resolver("now", lambda: 2, replace=True)  # Hydra's own has this name
        for words in (["model=cbam"], ["modle=cbam"]):
            with contextlib.suppress(UserError):
                make_config(*words)
        composed = compose("mine", overrides=["+b=${now:}"], return_hydra_config=True)
    assert (composed.a, composed.b, composed.hydra.job.name) == (1, 2, "mine")
    assert composed.hydra.runtime.version_base == hydra.__version__.rpartition(".")[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=sent"], r"^model=sent: did you mean senet\? one of: cbam, .*vgg16$"),
        (["modle=senet"], r"^modle: there is no such option; did you mean model\?$"),
        (["experimnt=quick"], r"did you mean experiment\?$"),
        (["trainer.max_epoch=3"], r"^trainer\.max_epoch: .*did you mean trainer\.max_epochs\?$"),
        (["model=senet,cbam"], "is of several runs"),
        (["hydra.run.dir=a"], "name the folder with out="),
        (["-m"], "flags are of the command line"),
        (["~augment"], "a group can't be taken away"),
        (["model=null"], "choose one of"),
        (["seed=-1", "data.image_size=1"], r"(?s)seed=-1: .*data\.image_size=1: "),
        ([3], "is not a word"),
    ],
)  # fmt: skip
def test_words_are_refused_as_by_the_command(words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_config(*words)


def test_a_command_that_there_is_not_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(UserError, match=r"^command=evalute: did you mean evaluate\? one of: train, "):
        make_config(command="evalute")


def test_groups_of_ones_own_are_found(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 7\noptim:\n  lr: 0.5\n")
    config = make_config("experiment=mine", config_dir=tmp_path)
    assert (config.seed, config.optim.lr) == (7, 0.5)
    with pytest.raises(UserError, match=r"experiment=min: did you mean mine\? one of: best, .*mine"):
        make_config("experiment=min", config_dir=tmp_path)
    with pytest.raises(UserError, match="there is no such folder"):
        make_config(config_dir=tmp_path / "none")


def test_ones_own_defaults_are_read_by_each_command(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "predict.yaml").write_text("views: upright\n")
    (tmp_path / "local" / "default.yaml").write_text("trainer:\n  max_epochs: 3\n")
    assert make_config("run=a", "b.png", command="predict", config_dir=tmp_path).views == "upright"
    assert make_config("run=a", "b.png", "views=all", command="predict", config_dir=tmp_path).views == "all"
    assert make_config(config_dir=tmp_path).trainer.max_epochs == 3
    with pytest.raises(UserError, match=r"predict\.yaml, line 1: viwes: .* did you mean views"):
        (tmp_path / "local" / "predict.yaml").write_text("viwes: upright\n")
        make_config("run=a", "b.png", command="predict", config_dir=tmp_path)
