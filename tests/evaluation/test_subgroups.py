"""Parts of a test set by the columns that it carries."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.evaluation.subgroups import subgroups
from livergrade.runs.find import find_runs
from tests.conftest import finished_run


@pytest.fixture
def tested(tmp_path: Path) -> pd.DataFrame:
    return find_runs([finished_run(tmp_path / "run", "senet", patients=120)])[0][0].tested.drop(columns="sex")


def test_groups_of_patients(tested: pd.DataFrame) -> None:
    tested["site"] = np.where(tested["patient"] < "P050", "north", "")
    found = subgroups(tested)
    assert [(group["column"], group["value"], group["level"]) for group in found] == [
        ("site", "north", "patient"),
        ("site", "not given", "patient"),
    ]
    north = tested[tested["site"] == "north"]
    assert found[0]["patients"] == north["patient"].nunique()
    assert found[0]["images"] == len(north)
    assert found[0]["patients"] + found[1]["patients"] == tested["patient"].nunique()
    means = north.groupby("patient")[["p_poor", "p_moderate", "p_well"]].mean()
    called = means.idxmax(axis=1).str.removeprefix("p_")
    right = (called == north.groupby("patient")["grade"].first()).mean()
    assert found[0]["accuracy"]["value"] == pytest.approx(right)
    assert found[0]["accuracy"]["low"] < right


def test_a_column_that_differs_within_patients_makes_groups_of_images(tested: pd.DataFrame) -> None:
    tested["section"] = tested.groupby("patient").cumcount()
    found = subgroups(tested)
    assert {group["level"] for group in found} == {"image"}
    assert sum(group["images"] for group in found) == len(tested)


def test_numbers_of_many_values_are_halved_and_names_left_out(tested: pd.DataFrame) -> None:
    age = tested["patient"].str[1:].astype(int)
    tested["age"] = age.astype(str)
    tested.loc[tested["patient"] == tested["patient"].iloc[0], "age"] = ""
    tested["barcode"] = "B" + tested["patient"]
    tested["same"] = "all"
    found = subgroups(tested)
    assert {group["column"] for group in found} == {"age"}
    above, missing, below = found
    middle = pd.to_numeric(tested.drop_duplicates("patient")["age"]).median()
    assert (above["value"], missing["value"], below["value"]) == (
        f"above {middle:g}",
        "not given",
        f"up to {middle:g}",
    )
    assert missing["patients"] == 1
    assert missing["accuracy"]["low"] is None or missing["accuracy"]["n"] == 1
    assert above["images"] + below["images"] + 2 == len(tested)


def test_where_a_label_is_from_defines_no_group(tested: pd.DataFrame) -> None:
    for column in ("region_class", "region_name", "grade_from"):
        tested[column] = np.where(tested["patient"] < "P050", "poor", "")
    assert subgroups(tested) == []


def test_a_column_that_tells_images_apart_is_no_group(tested: pd.DataFrame) -> None:
    number = pd.factorize(tested["image"])[0]
    tested["row"], tested[""], tested["Unnamed: 3"] = number, number % 2, number % 2
    tested["barcode"] = "B" + tested["image"]
    few = tested[tested["image"].isin(tested["image"].unique()[:6])]
    assert subgroups(tested) == subgroups(few) == []
    tested["afp"] = number + 0.5
    assert {group["column"] for group in subgroups(tested)} == {"afp"}


def test_a_group_is_compared_with_the_others(tested: pd.DataFrame) -> None:
    tested["site"] = np.where(tested["patient"] < "P050", "north", "south")
    north, south = subgroups(tested)
    assert north["difference"]["value"] == pytest.approx(
        north["accuracy"]["value"] - south["accuracy"]["value"]
    )
    assert north["difference"]["low"] == pytest.approx(-south["difference"]["high"])
    assert north["difference"]["low"] < north["difference"]["value"] < north["difference"]["high"]
    assert north["p_holm"] == pytest.approx(min(1, 2 * north["p"]))
    assert (north["p"] < 0.05) == (not north["difference"]["low"] < 0 < north["difference"]["high"])


def test_halves_are_of_patients_and_not_of_images(tested: pd.DataFrame) -> None:
    age = tested["patient"].str[1:].astype(int)
    tested["age"] = age.astype(str)
    old = tested[age > age.median()]
    many = pd.concat([old.assign(image=f"{copy}" + old["image"]) for copy in range(5)])
    above, below = subgroups(pd.concat([tested, many], ignore_index=True))
    assert abs(above["patients"] - below["patients"]) <= 1
