"""What a command can't do without."""

import pytest

from livergrade.cli.make_config import make_config
from livergrade.errors import UserError


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        ("evaluate", [], "^run: is missing; give the folder of a run"),
        ("evaluate", ["run=a", "data.icc=apply"], r"^data\.icc: is the trained run's; leave it out$"),
        ("evaluate", ["run=a", "data.workers=2"], r"^data\.workers=2: is of another cohort"),
        ("evaluate", ["run=a", "recalibrate=true"], "^recalibrate: is for another cohort"),
        ("predict", ["a.png"], "^run: is missing; give the folder of a run"),
        ("predict", ["run=a"], "^inputs: are missing; give images"),
        ("explain", [], "^run: is missing; give the folder of a run"),
        ("export", [], "^run: is missing; give the folder of a run"),
        ("prepare", [], "^slides: are missing; give files or a folder"),
        ("prepare", ["slides/", "regions=r"], "^table: images need patient and grade"),
    ],
)
def test_what_is_missing_is_asked_for(command: str, words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_config(*words, command=command)
