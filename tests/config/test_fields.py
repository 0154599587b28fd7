"""Options with their meanings."""

from livergrade.config.fields import options
from livergrade.config.schema import TrainConfig


def test_every_option_says_what_it_means() -> None:
    keys = [key for key, item, _ in options(TrainConfig()) if len(item.metadata["meaning"]) > 3]
    assert len(keys) == len(set(keys)) == len(list(options(TrainConfig())))
