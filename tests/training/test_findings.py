"""What checks say."""

from livergrade.training.findings import PASS, WARN, join_some, warn_if


def test_a_warning_has_a_fix_and_a_pass_has_none() -> None:
    assert vars(warn_if(["a"], "x", "a", "mend it")) == {
        "level": WARN,
        "what": "x",
        "message": "a",
        "fix": "mend it",
    }
    assert vars(warn_if([], "x", "none", "mend it"))["level"] == PASS
    assert warn_if([], "x", "none", "mend it").fix == ""


def test_long_lists_are_cut() -> None:
    assert join_some(["a", "b"]) == "a; b"
    assert join_some(list("abcdefg")) == "a; b; c; d; e; and 2 more"
