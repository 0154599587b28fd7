"""Values that can't be used are told, all at once."""

from copy import deepcopy
from functools import reduce

import pytest

from livergrade.cli.commands import COMMANDS
from livergrade.config.fields import options
from livergrade.config.validation import problems
from tests.config.composed import composed
from tests.conftest import telling


def test_all_wrong_values_are_told_at_once() -> None:
    config = composed("data.image_size=1", "split=kfold", "split.fold=9", "augment.step_degrees=7")
    found = "\n".join(problems(config))
    assert all(key in found for key in ("data.image_size=1", "split.fold=9", "augment.step_degrees=7"))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("model.head=coral", "model.head=coral: did you mean corn? one of: softmax, corn"),
        ("loss.neighbours=0.6", "loss.neighbours=0.6: must be at least 0 and at most 0.5"),
        ("augment.mixup=-1", "augment.mixup=-1.0: must be at least 0"),
        ("optim.ema=1", "optim.ema=1.0: must be at least 0 and at most 0.99999"),
        ("optim.nesterov=true", "optim.nesterov: needs momentum"),
        ("split.val_fold=2", "split.val_fold=2: has no effect without split.val_folds"),
    ],
)
def test_what_training_takes_is_checked(word: str, told: str) -> None:
    (found,) = problems(composed(word))
    assert told in found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistyped_choice_of_any_command_names_the_nearest_and_all(command: str) -> None:
    for key, item, _ in options(COMMANDS[command].schema):
        for choice in item.metadata["choices"]:
            config = deepcopy(COMMANDS[command].schema)
            *holders, name = key.split(".")
            setattr(reduce(getattr, holders, config), name, typed := choice + choice[-1])
            all_of_them = ", ".join(item.metadata["choices"])
            assert f"{key}={typed}: did you mean {choice}? one of: {all_of_them}" in problems(config)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("augment.test_views=uprigth", "did you mean upright? must be all, upright or a number from 1 to 36"),
        ("augment.train_views=sampel", "did you mean sample? must be all, sample, upright or a number"),
    ],
)
def test_a_mistyped_word_for_views_names_the_nearest(word: str, told: str) -> None:
    assert problems(composed(word)) == [f"{word}: {told}" + " from 1 to 36" * ("sample" in told)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["split.val_folds=3", "split.val_fold=3"], "split.val_fold=3: folds are numbered 0 to 2"),
        (["split.val_folds=3", "split=image"], "split.val_folds: are of patients"),
    ],
)
def test_folds_that_validate_are_of_patients_and_numbered(words: list[str], told: str) -> None:
    (found,) = problems(composed(*words))
    assert told in found


@pytest.mark.parametrize("views", ["0", "37", "some", "1.5"])
def test_view_counts_are_checked(views: str) -> None:
    assert problems(composed(f"augment.test_views={views}"))


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            (
                ["model=vgg16", "model.reduction=8"],
                "model.reduction=8: has no effect with model=vgg16; set model=cbam",
            ),
            (
                ["model=senet", "model.backbone=resnet18"],
                "model.backbone=resnet18: has no effect with model=senet",
            ),
            (
                ["model=efficientnet_lite0", "model.backbone=resnet18"],
                "are weights of tf_efficientnet_lite0, not of resnet18; type model=efficientnet_lite0 alone",
            ),
            (["model=senet", "model.weights=efficientnet_lite0"], "of tf_efficientnet_lite0, not of senet"),
            (["model=timm"], "model.backbone: model=timm needs the network"),
            (["model=cbam", "model.kernel_size=4"], "model.kernel_size=4: must be odd"),
            (["model=sknet", "model.groups=5"], "model.groups=5: must divide 128"),
            (["model.frozen=true", "optim.layer_decay=0.5"], "optim.layer_decay: has no effect"),
            (["model.frozen=true", "trainer.devices=2"], "set trainer.devices=1"),
            (["model.frozen=true", "model.frozen_epochs=2"], "model.frozen_epochs=2: has no effect with"),
            (["model.frozen_epochs=10"], "none of the 10 epochs (trainer.max_epochs) is left"),
            (["model.frozen_epochs=1", "trainer.strategy=fsdp"], "trainer.strategy=fsdp; set auto or ddp"),
        ],
        fast=(0, 3, 5, 9, 11),
    ),
)
def test_options_of_the_network_that_do_not_fit(words: list[str], told: str) -> None:
    found = problems(composed(*words))
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize("name", ["unsure", "unlike training"])
def test_no_grade_has_the_name_of_an_answer_that_is_none(name: str) -> None:
    config = composed(f"data.classes=[poor,'{name}']")
    told = f"data.classes: {name} is what is answered where no grade is given; rename the grade"
    assert told in problems(config)


def test_fewer_training_patients_need_a_split_by_patient() -> None:
    for words, by in (("split=image", "split=image"), ("data.split_file=split.csv", "data.split_file")):
        (found,) = problems(composed("split.train_patients=20", words))
        assert found == (f"split.train_patients=20: has no effect with {by}; draw a split by patient")
    assert problems(composed("split.train_patients=20", "split=kfold")) == []
