"""Groups that can be chosen, ours and the user's own."""

from pathlib import Path

from livergrade.cli.groups import choices, config_dirs, defaults, groups


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


def test_folders_of_groups_are_found_in_every_form() -> None:
    words = ["--config-dir", "a", "-cd", "b", "--config-dir=c", "model=senet"]
    assert config_dirs(words) == [Path("a"), Path("b"), Path("c")]
