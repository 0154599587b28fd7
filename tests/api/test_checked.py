"""Options that Python gave: the type and the bounds of each."""

import pytest

from livergrade import UserError
from livergrade.api.checked import checked
from livergrade.config.schema import PredictConfig


def test_a_value_of_another_type_is_refused_or_read_as_the_command_reads_it() -> None:
    given = PredictConfig(run="runs/first", inputs=["image.png"])
    given.calibrated = "no"  # type: ignore[assignment]
    assert checked(given, PredictConfig).calibrated is False
    for name, value in (("coverage", "a"), ("batch_size", 2.5), ("accelerator", None)):
        wrong = PredictConfig(run="runs/first", inputs=["image.png"])
        setattr(wrong, name, value)
        with pytest.raises(UserError, match=name):
            checked(wrong, PredictConfig)
