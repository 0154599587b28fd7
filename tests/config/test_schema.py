from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from livergrade.cli.compose import checked, register
from livergrade.config.fields import options
from livergrade.config.schema import SplitConfig, TrainConfig
from livergrade.config.validation import problems
from livergrade.data.kinds import cohort_problems
from livergrade.errors import UserError
from livergrade.runs.paths import CONF

CHOICES = sorted(
    f"{path.parent.name}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in ("hydra", "local")
)
NEEDED = {
    "data=manifest": ["data.manifest=cohort.csv"],
    "model=timm": ["model.backbone=convnext_tiny"],
    "data=folder": ["data.root=images", r"data.patient_pattern='(?P<patient>P\d+)'"],
}


def composed(*words: str) -> TrainConfig:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("train", overrides=list(words)))
    assert isinstance(config, TrainConfig)
    return config


@pytest.mark.parametrize("choice", CHOICES)
def test_every_conf_file_composes_and_validates(choice: str) -> None:
    config = composed(choice, *NEEDED.get(choice, []))
    assert [*problems(config), *cohort_problems(config.data)] == []


def test_groups_are_there() -> None:
    assert {f"model={name}" for name in ("vgg16", "resnet50", "cbam", "senet", "sknet")} < set(CHOICES)
    assert {
        "experiment=paper",
        "experiment=paper_patient",
        "experiment=best",
        "split=kfold",
        "data=folder",
    } < set(CHOICES)


@pytest.mark.parametrize("word", ["model.foo=1", "data.bach_size=2", "nonsense=1"])
def test_an_unknown_key_is_refused_on_the_command_line(word: str) -> None:
    with pytest.raises(ConfigCompositionException):
        composed(word)


def test_an_added_key_is_refused() -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(UserError, match="foo"):
        checked(compose("train", overrides=["+split.foo=1"]))


def test_an_unknown_key_is_refused_in_a_yaml_file(tmp_path: Path) -> None:
    for source in CONF.rglob("*.yaml"):
        target = tmp_path / source.relative_to(CONF)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    with (tmp_path / "model" / "senet.yaml").open("a") as file:
        file.write("reductoin: 8\n")
    GlobalHydra.instance().clear()
    with (
        initialize_config_dir(str(tmp_path), version_base="1.3"),
        pytest.raises(ConfigCompositionException, match="reductoin"),
    ):
        compose("train")


def test_all_wrong_values_are_told_at_once() -> None:
    config = composed("data.image_size=1", "split=kfold", "split.fold=9", "augment.step_degrees=7")
    found = "\n".join(problems(config))
    assert all(key in found for key in ("data.image_size=1", "split.fold=9", "augment.step_degrees=7"))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("model.head=coral", "model.head=coral: must be one of softmax, corn"),
        ("loss.neighbours=0.6", "loss.neighbours=0.6: must be at least 0 and at most 0.5"),
        ("augment.mixup=-1", "augment.mixup=-1.0: must be at least 0"),
        ("optim.ema=1", "optim.ema=1.0: must be at least 0 and at most 0.99999"),
        ("optim.nesterov=true", "optim.nesterov: needs momentum"),
    ],
)
def test_what_training_takes_is_checked(word: str, told: str) -> None:
    (found,) = problems(composed(word))
    assert told in found


@pytest.mark.parametrize("views", ["0", "37", "some", "1.5"])
def test_view_counts_are_checked(views: str) -> None:
    assert problems(composed(f"augment.test_views={views}"))


def test_paper_protocol_to_the_letter() -> None:
    config = composed("experiment=paper", "model=sknet")
    assert (config.optim.name, config.optim.lr, config.optim.momentum) == ("sgd", 0.001, 0.0)
    assert (config.optim.schedule, config.trainer.max_epochs) == ("constant", 300)
    assert (config.augment.step_degrees, config.augment.train_views, config.augment.test_views) == (
        10,
        "all",
        "all",
    )
    assert (config.split.name, config.split.test_fraction, config.split.val_fraction) == ("image", 0.2, 0.0)
    assert config.model.name == "sknet"


def test_paper_patient_differs_in_the_split_alone() -> None:
    paper, patient = composed("experiment=paper"), composed("experiment=paper_patient")
    assert patient.split.name == "patient"
    assert replace(patient, split=SplitConfig()) == replace(paper, split=SplitConfig())


def test_every_option_says_what_it_means() -> None:
    keys = [key for key, item, _ in options(TrainConfig()) if len(item.metadata["meaning"]) > 3]
    assert len(keys) == len(set(keys)) == len(list(options(TrainConfig())))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["model=vgg16", "model.reduction=8"],
            "model.reduction=8: is of no use with model=vgg16; say model=cbam",
        ),
        (
            ["model=senet", "model.backbone=resnet18"],
            "model.backbone=resnet18: is of no use with model=senet",
        ),
        (["model=timm"], "model.backbone: model=timm needs the network"),
        (["model=cbam", "model.kernel_size=4"], "model.kernel_size=4: must be odd"),
        (["model=sknet", "model.groups=5"], "model.groups=5: must divide 128"),
        (["model.frozen=true", "optim.layer_decay=0.5"], "optim.layer_decay: is of no use"),
        (["model.frozen=true", "trainer.devices=2"], "set trainer.devices=1"),
    ],
)
def test_options_of_the_network_that_do_not_fit(words: list[str], told: str) -> None:
    found = problems(composed(*words))
    assert len(found) == 1
    assert told in found[0]
