"""What was meant by a name that does not exist."""

from livergrade.io.similar import meant, similar


def test_the_similar_name_comes_first_and_all_are_listed() -> None:
    assert similar("sent", ["cbam", "senet"]) == "did you mean senet? one of: cbam, senet"
    assert similar("xyz", ["cbam", "senet"]) == "must be one of cbam, senet"


def test_capital_letters_do_not_hide_what_was_meant() -> None:
    assert meant("GPU", ["auto", "cpu", "gpu"]) == "did you mean gpu? "
    assert meant("float32", ["onnx"]) == ""
