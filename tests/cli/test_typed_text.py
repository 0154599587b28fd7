"""What is typed for a text option stays as it is typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from livergrade.cli.typed_text import keep_text
from livergrade.config.schema import PredictConfig, PrepareConfig, TrainConfig

GRADES = [
    "1e5",
    "007",
    "0.50",
    "True",
    "true",
    "nan",
    "NaN",
    "-",
    "null",
    "None",
    "NA",
    "on",
    "1_0",
    "3",
    "x y",
]


def test_a_list_of_grades_is_read_as_it_is_typed() -> None:
    for typed in (",".join(GRADES), ", ".join(GRADES), ",".join(f"'{grade}'" for grade in GRADES)):
        (word,) = keep_text([f"data.classes=[{typed}]"], TrainConfig())
        config = OmegaConf.structured(TrainConfig)
        config.data.classes = OverridesParser.create().parse_override(word).value()
        assert config.data.classes == GRADES


@pytest.mark.parametrize("typed", ["poor,m\u00e4\u00dfig", "poor, ma\u0308\u00dfig ", "'gut',\u809d"])
def test_letters_that_hydra_reads_in_quotes_alone_need_none(typed: str) -> None:
    (word,) = keep_text([f"data.classes=[{typed}]"], TrainConfig())
    expected = [name.strip(" '") for name in typed.split(",")]
    assert OverridesParser.create().parse_override(word).value() == expected


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("run=1e5", "run='1e5'"),
        ("out=0.50", "out='0.50'"),
        ("out=007", "out=007"),
        ("out=null", "out=null"),  # the option's own null
        ("tile_um=1e3", "tile_um=1e3"),  # a number
        ("views=4", "views=4"),  # read and written alike
        ("out={a: b}", "out='{a: b}'"),
        ("inputs=[a=b]", "inputs=['a=b']"),
        ("out=a,b", "out=a,b"),
        ("--cfg", "--cfg"),
        ("no.option=1e5", "no.option=1e5"),
    ],
)
def test_only_texts_that_would_change_are_quoted(typed: str, kept: str) -> None:
    assert keep_text([typed], PredictConfig()) == [kept]


def test_a_map_is_kept_whole_since_hydra_reads_few_words_as_keys() -> None:
    typed = ["grades={Größe 1: well, 007: null}", "grades=null"]
    assert keep_text(typed, PrepareConfig()) == ["grades='{Größe 1: well, 007: null}'", "grades=null"]
