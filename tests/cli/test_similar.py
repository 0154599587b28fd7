"""What was meant by a name that there is not."""

from livergrade.cli.similar import similar


def test_the_similar_name_comes_first_and_all_are_listed() -> None:
    assert similar("sent", ["cbam", "senet"]) == "did you mean senet? one of: cbam, senet"
    assert similar("xyz", ["cbam", "senet"]) == "must be one of cbam, senet"
