"""What is said of words on the command line that can't be used."""

from pathlib import Path

import pytest

from tests.conftest import command


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["optim.lrr=1"], "optim.lrr: there is no such option; did you mean optim.lr?"),
        (["+optim.lrr=1"], "optim.lrr: there is no such option; did you mean optim.lr?"),
        (["++image_size=64"], "image_size: there is no such option; did you mean data.image_size?"),
        (["~optim.lrr"], "optim.lrr: there is no such option; did you mean optim.lr?"),
        (["~data.root"], "data.root: can't be taken away; write data.root=<value>, or leave it out"),
        (["+optim.lr=1"], "optim.lr: is an option already; write optim.lr=<value>, without +"),
        (["+model=senet"], "model: is an option already; write model=<value>, without +"),
        (["model=nosuch"], "model=nosuch: must be one of cbam, resnet50, senet, sknet, timm, vgg16"),
        (["optim.lr=fast"], "optim.lr=fast: Value 'fast' of type 'str' could not be converted to Float"),
        (["data.classes=[a"], "data.classes=[a: can't be read (no viable alternative at input '[a'); write"),
    ],
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
