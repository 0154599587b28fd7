"""Groups that can be chosen, ours and the user's own."""

from pathlib import Path

from livergrade.cli.groups import choices, defaults, groups


def test_groups_are_those_of_the_command(tmp_path: Path) -> None:
    assert groups("train") == ["data", "split", "augment", "model", "optim", "trainer", "experiment"]
    assert groups("evaluate") == ["data", "trainer"]
    assert groups("compare") == []
    assert defaults("train")["model"] == "senet"
    assert defaults("train")["experiment"] is None
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").touch()
    assert {"senet", "mine"} <= set(choices("model", [tmp_path]))
    assert "mine" not in choices("model")
