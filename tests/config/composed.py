"""The options of a training run as Hydra composes them."""

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from livergrade.cli.compose import register
from livergrade.config.schema import TrainConfig
from livergrade.runs.paths import CONF


def composed(*words: str) -> TrainConfig:
    GlobalHydra.instance().clear()
    register("train", TrainConfig())
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(compose("train", overrides=list(words)))
    assert isinstance(config, TrainConfig)
    return config
