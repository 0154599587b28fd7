"""Options of a search are checked as those of a run."""

import pytest

from livergrade.cli.trial_options import check_trials
from livergrade.errors import UserError
from livergrade.multirun.study import read_space


@pytest.mark.slow
def test_a_value_that_needs_another_one_is_right() -> None:
    check_trials(*read_space(["model=senet,cbam", "model.kernel_size=7,3"]))
    with pytest.raises(UserError, match=r"model\.kernel_size=4: must be odd"):
        check_trials(*read_space(["model=cbam,senet", "model.kernel_size=7,4"]))
