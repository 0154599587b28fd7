"""The words of a command line before Hydra reads them."""

import pytest

from livergrade.cli.words import collect_positionals, without_null_groups
from livergrade.errors import UserError


def test_bare_words_become_the_option() -> None:
    words = ["--cfg", "job", "a/b", "it's", "seed=3"]
    assert collect_positionals(words, "runs") == [
        "--cfg",
        "job",
        "seed=3",
        r"runs=['a/b','it\'s']",
    ]
    assert collect_positionals(["runs=[a]"], "runs") == ["runs=[a]"]
    words = ["-a.png", "b.png", "--cfg", "job"]
    assert collect_positionals(words, "inputs", files={"-a.png"}) == [
        "--cfg",
        "job",
        "inputs=['-a.png','b.png']",
    ]
    words = ["trials=3", "model=a,b", "hydra.run.dir=x", "seed=1"]
    assert collect_positionals(words, "space", {"trials", "space"}) == [
        "trials=3",
        "hydra.run.dir=x",
        "space=['model=a,b','seed=1']",
    ]


def test_null_is_no_group_but_the_default_of_some() -> None:
    words = ["run=a", "data=null", "views=null"]
    assert without_null_groups(words, "evaluate") == [
        "run=a",
        "views=null",
    ]
    with pytest.raises(UserError, match=r"model=null: choose one of cbam, .*senet"):
        without_null_groups(["model=null"], "train")
