"""Tags of TensorBoard's curves."""

import re

import pytest

from livergrade.training.board_tags import BY_GRADE, OVERALL, SETS, describe, layout, name_of, tag_of


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("train/loss", "loss/train"),
        ("val/f1/poor", "f1/val/poor"),
        ("val/f1/G4/5", "f1/val/G4/5"),
        ("val/loss_smooth", "loss_smooth/val"),
        ("patients/accuracy_low", "accuracy_low/patients"),
        ("lr", "lr"),
    ],
)
def test_a_tag_tells_its_name(name: str, tag: str) -> None:
    assert tag_of(name) == tag
    assert name_of(tag) == name


def test_every_tag_is_described_with_its_step() -> None:
    tags = [f"{metric}/{part}" for metric in OVERALL for part in SETS]
    tags += [f"{metric}/{part}/poor" for metric in (*BY_GRADE, "accuracy") for part in SETS]
    for tag in [*tags, "lr", "loss_smooth/val"]:
        assert re.fullmatch(r"[A-Z].*\. Step: the epoch.* counted from 1.*\.", describe(tag)), tag
    assert "Grade: poor." in describe("accuracy/val/poor")


def test_a_chart_takes_its_tags_alone() -> None:
    charts = layout(["low+", "low"])
    assert list(charts) == ["Training, validation and test", "Validation, by grade", "Test, by grade"]
    kind, patterns = charts["Validation, by grade"]["f1"]
    assert kind == "Multiline"
    of_tag = {
        tag: [bool(re.match(str(one), tag)) for one in patterns] for tag in ("f1/val/low", "f1/val/low+")
    }
    assert of_tag == {"f1/val/low": [False, True], "f1/val/low+": [True, False]}
    assert len(charts["Training, validation and test"]["accuracy"][1]) == 3
