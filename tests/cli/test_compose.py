"""From what was typed to checked options."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from livergrade.cli.compose import parse_config, register
from livergrade.cli.typed_text import keep_text
from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.io.grade_map import typed_grades
from livergrade.runs.folder import read_options, save_config
from livergrade.runs.paths import CONF
from livergrade.runs.same_options import refuse_other_run


def test_every_option_typed_without_a_name_is_told() -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    words = ["data=folder", "data.root=", "data.cache_dir="]
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(UserError) as told:
        parse_config(compose("train", overrides=[*words, "data.manifest=''"]))
    for key in ("data.root", "data.cache_dir", "data.manifest"):
        assert f"{key}=: is empty; leave it out" in str(told.value)


def test_an_added_key_is_refused() -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(UserError, match="foo"):
        parse_config(compose("train", overrides=["+split.foo=1"]))


@pytest.mark.parametrize(
    ("defaults", "model"),
    [("", "senet"), ("model: cbam,", "cbam"), ("model: cbam, livergrade_train,", "senet")],
)
def test_a_primary_file_of_ones_own_is_checked_against_the_schema(
    defaults: str, model: str, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "cbam.yaml").write_text("name: cbam\n")
    (tmp_path / "mine.yaml").write_text(f"defaults: [{defaults} _self_]\ntrain:\n  resume: null\nseed: '3'\n")
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        config = parse_config(compose("mine"), [])
        with pytest.raises(UserError, match=r"^optim\.foo: there is no such option"):
            parse_config(compose("mine", overrides=["+optim.foo=1"]), [])
    assert (config.seed, config.model.name, config.optim.lr) == (3, model, TrainConfig().optim.lr)


def test_the_default_stands_where_a_value_is_marked_as_missing() -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert (
            parse_config(compose("train", overrides=["optim.lr=???"]), []).optim.lr == TrainConfig().optim.lr
        )


@pytest.mark.parametrize("typed", ["data.grades={Größe 1: well, 2: poor, GX: null}", "data.grades={2: poor}"])
def test_a_map_of_grades_is_recorded_as_one(typed: str, tmp_path: Path) -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    words = ["data=manifest", "data.manifest=x.csv", "data.columns.image=slide_id", typed]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = parse_config(compose("train", overrides=keep_text(words, TrainConfig())))
    save_config(tmp_path, config)
    stored = read_options(tmp_path)
    assert stored.data.grades == config.data.grades == typed_grades(typed.partition("=")[2])
    assert stored.data.columns.image == "slide_id"
    refuse_other_run(tmp_path, config, fix="")
    config.data.grades = {"2": "well"}
    with pytest.raises(UserError, match=r"data\.grades: \{.*'2': 'poor'.*\} there, \{'2': 'well'\} now"):
        refuse_other_run(tmp_path, config, fix="")


def test_a_map_that_the_shell_took_apart_is_told() -> None:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    words = ["data=manifest", "data.manifest=x.csv", "data.grades=G1:well"]
    with (
        initialize_config_dir(str(CONF), version_base="1.3"),
        pytest.raises(
            UserError, match=r"data\.grades=G1:well: must be words and their grades, all in quotes"
        ),
    ):
        parse_config(compose("train", overrides=words))
