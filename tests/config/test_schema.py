"""The schema and ``conf/``: what composes, and keys that are refused."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

from livergrade.config.schema import SplitConfig
from livergrade.config.validation import problems
from livergrade.data.kinds import cohort_problems
from livergrade.runs.paths import CONF
from tests.config.composed import composed

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


GROUPS = itertools.groupby(CHOICES, lambda choice: choice.partition("=")[0])
BESIDE = [
    [choice for choice in row if choice]
    for row in itertools.zip_longest(*(list(files) for group, files in GROUPS if group != "experiment"))
]
"""Every file of each group once, with as many of others beside it; an experiment chooses in groups itself."""


@pytest.mark.parametrize(
    "choices",
    [
        *BESIDE,
        *([choice] for choice in CHOICES if choice.startswith("experiment=")),
        *(
            pytest.param([choice], marks=pytest.mark.slow)
            for choice in CHOICES
            if "experiment=" not in choice
        ),
    ],
    ids="+".join,
)
def test_every_conf_file_composes_and_validates(choices: list[str]) -> None:
    config = composed(*choices, *(word for choice in choices for word in NEEDED.get(choice, [])))
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


@pytest.mark.parametrize(
    ("words", "split"),
    [([], 0), (["seed=3"], 0), (["seed=3", "split.seed=${seed}"], 3), (["split.seed=5"], 5)],
)
def test_the_split_follows_the_seed_of_training_only_where_it_is_asked_to(
    words: list[str], split: int
) -> None:
    assert composed(*words).split.seed == split


def test_transfer_begins_with_published_weights_whatever_the_network() -> None:
    config = composed("experiment=transfer")
    assert problems(config) == []
    assert (config.model.name, config.model.backbone) == ("timm", "tf_efficientnet_lite0")
    assert (config.model.weights, config.model.frozen_epochs) == ("efficientnet_lite0", 2)
    assert config.optim.layer_decay == 0.8
    other = composed("experiment=transfer", "model=senet", "model.weights=imagenet")
    assert (other.model.name, other.model.backbone, other.model.frozen_epochs) == ("senet", None, 2)
