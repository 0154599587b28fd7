"""From what was typed to checked options."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from livergrade.cli.compose import parse_config, register
from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.runs.paths import CONF


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
