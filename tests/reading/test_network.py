"""A run as one more reader: only of what it was tested on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.reading.network import read_network
from tests.conftest import finished_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tested a quarter of 30 patients."""
    return finished_run(tmp_path_factory.mktemp("runs") / "senet" / "one", "senet")


def given(images: list[str], contents: list[str] | None = None) -> pd.DataFrame:
    patients = [image.partition("_")[0] for image in images]
    return pd.DataFrame(
        {
            "image": images,
            "sha256": contents or [""] * len(images),
            "patient": [f"P{patient}" for patient in patients],
        }
    )


def test_its_grades_are_found_by_name_and_by_content(folder: Path) -> None:
    network = read_network(str(folder))
    tested = network.split[network.split["split"] == "test"]
    names, contents = tested["image"].tolist()[:3], tested["sha256"].tolist()[:3]
    by_name = network.grades_of(given(names), names)
    assert by_name.tolist() == [network.grade[name] for name in names]
    renamed = [f"x{name}" for name in names]
    assert np.array_equal(network.grades_of(given(renamed, contents), renamed), by_name)
    assert network.grades_of(given([*names, "new.png"]), [*names, "new.png"])[-1] == -1


def test_what_it_was_trained_on_is_refused_under_any_name(folder: Path) -> None:
    network = read_network(str(folder))
    trained = network.split[network.split["split"] != "test"].iloc[0]
    for name, sha in ((trained["image"], ""), ("renamed.png", trained["sha256"])):
        wanted = [(0, "senet/one was trained or validated on the image; leave it out")]
        assert network.problems(given([name], [sha])) == wanted
    tested = network.split[network.split["split"] == "test"]["image"].iloc[0]
    assert network.problems(given([tested])) == []
    ((_, other),) = network.problems(given([tested], ["f" * 64]))
    assert "another content (sha256) under the name" in other
    ((row, another),) = network.problems(given(["new.png", tested]).assign(patient=["P", "somebody"]))
    assert row == 1
    assert "another patient under the name of this one; add a column sha256" in another
    with pytest.raises(UserError, match=r"graded none of the 1 images.*livergrade\.evaluate"):
        network.grades_of(given(["new.png"]), ["new.png"])


def test_no_run_an_unfinished_one_and_a_leaking_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_network(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no finished run"):
        read_network(str(tmp_path))
    leaking = finished_run(tmp_path / "leaking", "senet", kind="image")
    with pytest.raises(UserError, match="Its agreement would show nothing"):
        read_network(str(leaking))
