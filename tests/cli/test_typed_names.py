"""Names on the command line are names, whatever signs are in them."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from livergrade.cli.typed_names import keep_names, names_a_file, quoted
from livergrade.config.schema import PredictConfig, TrainConfig

SIGNS = (
    "a=1,b[2].png",
    "it's",
    "a\\b",
    "end\\",
    "\\'",
    "a${oc.env:HOME}",
    "\\${x}",
    "Größe 大#(1)",
    "a,b",
    "~a",
)


@pytest.mark.parametrize("name", SIGNS)
def test_what_is_quoted_is_read_as_it_was_typed(name: str) -> None:
    value = OverridesParser.create().parse_override(f"x=[{quoted(name)}]").value()
    assert OmegaConf.to_container(OmegaConf.create({"x": value}), resolve=True) == {"x": [name]}


@pytest.mark.parametrize("name", ["seed=1", "a,b", "[a]", "${oc.env:HOME}", "Größe", "a(1)"])
def test_a_folder_is_named_with_signs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    words = [f"run={name}", f"+out={name}", f"hydra.run.dir={name}", "views=2", "tile_um=1"]
    kept = keep_names(words, PredictConfig())
    assert kept == [f"{key}={quoted(name)}" for key in ("run", "+out", "hydra.run.dir")] + words[3:]
    assert keep_names([f"data.manifest={name}"], TrainConfig()) == [f"data.manifest={quoted(name)}"]


def test_what_is_no_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "3").touch()
    words = [
        "predict.py",
        "run=a",
        "run=a,b",
        "run='a=b'",
        "views=3",
        "views=null",
        "run=",
        "inputs=[a=b]",
        "-m",
    ]
    assert keep_names(words, PredictConfig()) == words


def test_a_word_with_an_equals_sign_may_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "x=1.png",
        "views=1",
        "data.outside=true",
        "-a.png",
        "+b.png",
        "~c.png",
        "-m",
        "-run",
        "a.png",
    ):
        (tmp_path / name).touch()
    words = ("x=1.png", "./views=1", "views=1", "+views=1", "data.outside=true", "y=1.png", "hydra.verbose=1")
    assert [word for word in words if names_a_file(word, PredictConfig())] == ["x=1.png", "./views=1"]
    words = ("-a.png", "+b.png", "~c.png", "-run", "-m", "a.png", "-d.png", "--multirun", "~e")
    assert [word for word in words if names_a_file(word, PredictConfig())] == list(words[:4])
