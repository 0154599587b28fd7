"""What is said of words on the command line that can't be used."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from livergrade.cli.refusals import refusal
from livergrade.config.schema import TrainConfig
from tests.conftest import command, telling


@pytest.mark.parametrize(
    ("words", "told"),
    telling(
        [
            (["optim.lrr=1"], "optim.lrr: there is no such option; did you mean optim.lr?"),
            (["+optim.lrr=1"], "optim.lrr: there is no such option; did you mean optim.lr?"),
            (["++image_size=64"], "image_size: there is no such option; did you mean data.image_size?"),
            (["~optim.lrr"], "optim.lrr: there is no such option; did you mean optim.lr?"),
            (["~data.root"], "data.root: can't be taken away; write data.root=<value>, or leave it out"),
            (["~seed"], "seed: can't be taken away; write seed=<value>, or leave it out"),
            (
                ["~augment"],
                "~augment: a group can't be taken away; choose another with augment=<name>, or leave it",
            ),
            (
                ["-m", "~model=senet"],
                "~model=senet: a group can't be taken away; choose another with model=<name>",
            ),
            (["~train"], "~train: can't be taken away; leave it out"),
            (["~hydra/launcher"], "~hydra/launcher: can't be taken away; leave it out"),
            (["~"], "~: there is no such option"),
            (["+optim.lr=1"], "optim.lr: is an option already; write optim.lr=<value>, without +"),
            (["+model=senet"], "model: is an option already; write model=<value>, without +"),
            (
                ["model=nosuch"],
                "model=nosuch: must be one of cbam, efficientnet_lite0, resnet50, senet, sknet, timm, vgg16",
            ),
            (["optim.lr=fast"], "optim.lr=fast: must be a number"),
            (["augment.flip=ture"], "augment.flip=ture: did you mean true? must be true or false"),
            (["seed=1.5"], "seed=1.5: must be a whole number"),
            (["data.classes=3"], "data.classes=3: must be a list, as [a,b]"),
            (
                ["data.classes=[a"],
                "data.classes=[a: can't be read (no viable alternative at input '[a'); write",
            ),
            (
                ["seed=it's"],
                "seed=it's: can't be read (a ' or \" begins a text in quotes that does not end); write",
            ),
            (
                ["data.classes=['a, b',it's]"],
                "data.classes=['a, b',it's]: can't be read (a ' or \" begins a text",
            ),
        ],
        fast=(0, 4, 6, 11, 13, 14, 15, 19, 20),
    ),
)
def test_a_refusal_is_one_line_without_advice_that_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as end:
        command("train", *words, f"hydra.run.dir={tmp_path / 'a' / 'out'}", outputs=tmp_path)
    assert end.value.code == 1
    (line,) = [
        line
        for line in capfd.readouterr().err.splitlines()
        if line and not line.startswith("Error executing")
    ]
    assert line.startswith(told)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("grades", [["poor", "well's"], ["it's x y", 'a"b', "c"]])
def test_a_list_with_an_apostrophe_is_told_as_it_can_be_typed(grades: list[str]) -> None:
    word = f"data.classes=[{','.join(grades)}]"
    told = refusal(error_of(word), TrainConfig())
    (typed,) = shlex.split(told.partition("; write ")[2])
    assert OverridesParser.create().parse_override(typed).value() == grades


def error_of(word: str) -> OverrideParseException:
    with pytest.raises(OverrideParseException) as error:
        OverridesParser.create().parse_overrides([word])
    return error.value
