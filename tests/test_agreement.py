"""The command as it is typed, its files, and the example of the documentation."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livergrade.reading.plots import plot_pairs
from livergrade.reading.results import MADE, Agreement
from livergrade.reading.sentences import cautions
from livergrade.reading.tables import pair_table
from tests.conftest import GRADES, command, finished_run
from tests.reading.made import made, simulated

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("undrawn")


def read_by_three(run: Path, path: Path) -> Path:
    split = pd.read_csv(run / "split.csv", dtype=str)
    rng, rows = np.random.default_rng(0), []
    for reader in ("Dr Ä", "B", "C <b>"):
        for image, grade in split[split["split"] == "test"][["image", "grade"]].to_numpy():
            rows.append((reader, image, grade if rng.random() < 0.8 else rng.choice(GRADES)))
    pd.DataFrame(rows, columns=["reader", "image", "grade"]).to_csv(path, index=False)
    return path


def test_readers_and_a_network(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run, out = finished_run(tmp_path / "senet" / "run", "senet", patients=60), tmp_path / "out"
    readings = read_by_three(run, tmp_path / "readings.csv")
    command("agreement", f"readings={readings}", f"run={run}", f"out={out}", outputs=tmp_path)
    found = json.loads((out / "agreement.json").read_text())
    assert found.keys() == Agreement.__annotations__.keys()
    told = capfd.readouterr().out
    assert "Two of the 3 readers give the same grade" in told
    assert all(sentence in told for sentence in found["sentences"])
    page = (out / "agreement.html").read_text()
    assert "C &lt;b&gt;" in page
    assert "<b>" not in page
    assert "The alternative annotator test" in page
    pairs = pd.read_csv(out / "tables" / "network.csv")
    assert pairs["second"].tolist() == ["B", "C <b>", "Dr Ä", "consensus"]
    agreed = pd.read_csv(out / "consensus.csv", dtype=str)
    assert len(agreed) == found["images"]
    assert (agreed["network"] == agreed["grade_B"]).mean() == pytest.approx(pairs["agreement"][0])
    for folder, names in MADE.items():
        for path in (out / folder).iterdir():
            told_of = re.fullmatch(names, path.name) or path.is_dir() or path.suffix == ".log"
            assert told_of or path.name.startswith("."), path
    # Again, without the network: nothing of the first start stays.
    manifest = f"manifest={run / 'split.csv'}"
    command("agreement", f"readings={readings}", manifest, f"out={out}", outputs=tmp_path)
    assert not (out / "tables" / "network.csv").exists()
    assert json.loads((out / "agreement.json").read_text())["network"] is None


def test_the_example_of_the_documentation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "agreement.md").read_text("utf-8")
    block = re.search(r"<!-- example -->\n```\n(.*?)\n```", page, re.DOTALL)
    assert block
    typed, _, expected = block[1].partition("\n\n")
    (word,) = typed.removeprefix("python -m livergrade.agreement ").split()
    command("agreement", word.replace("examples", str(ROOT / "examples")), outputs=tmp_path)
    assert expected in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "readings: is missing; give a table of readings"),
        (["readings={}", "run=nowhere"], "run=nowhere: there is no such folder"),
        (["readings={}", "classes=[a,b]"], "row 2: grade 'poor' is none of a, b"),
        (["readings={}"], "row 2: the image has no patient"),
        (["readings={}", "consensus=best"], "must be one of majority, worst"),
    ],
)
def test_what_cannot_be_measured_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    readings = tmp_path / "readings.csv"
    readings.write_text("reader,image,grade\nA,a.png,poor\nB,a.png,well\n")
    with pytest.raises(SystemExit):
        command("agreement", *(word.format(readings) for word in words), outputs=tmp_path)
    error = capfd.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["readings.csv"]


def test_wrong_cells_and_images_that_were_trained_on_are_told_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = finished_run(tmp_path / "senet" / "run", "senet")
    split = pd.read_csv(run / "split.csv", dtype=str)
    trained = split[split["split"] != "test"]["image"].iloc[0]
    tested = split[split["split"] == "test"]["image"].iloc[0]
    rows = [("A", trained, "poor", "read"), ("A", tested, "poorly", "read"), ("A", trained, "poor", "audit")]
    table = pd.DataFrame(rows, columns=["reader", "image", "grade", "mode"])
    table.to_csv(tmp_path / "readings.csv", index=False)
    with pytest.raises(SystemExit):
        command("agreement", f"readings={tmp_path / 'readings.csv'}", f"run={run}", outputs=tmp_path)
    error = capfd.readouterr().err
    assert "row 2: senet/run was trained or validated on the image; leave it out" in error
    assert "row 3: grade 'poorly' is none of" in error
    assert "row 4" not in error


def test_wrong_cells_and_images_without_a_patient_are_told_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    readings = tmp_path / "readings.csv"
    readings.write_text(
        "reader,image,grade,patient,excluded,undone\nA,a.png,poorly,P,,\nA,b.png,well,,,\n,c.png,poor,P,,\n"
        "A,d.png,,,blurred,\nA,e.png,well,,,true\nB,a.png,poor,,,\n"
    )
    with pytest.raises(SystemExit):
        command("agreement", f"readings={readings}", outputs=tmp_path)
    error = capfd.readouterr().err
    assert "row 2: grade 'poorly' is none of" in error
    assert "row 3: the image has no patient" in error
    assert "row 4: reader is blank" in error
    assert not any(f"row {row}" in error for row in (5, 6, 7))  # excluded, taken back, of the patient above


def test_what_to_know_before_it_is_read() -> None:
    (alone, few) = cautions(made(simulated(4, 1, 1)), None, None)
    assert alone.startswith("One reader alone (A)")
    assert few.startswith("4 patients: an interval that holds takes 12")


def test_undefined_values_are_drawn_and_listed_as_such() -> None:
    from livergrade.reading.agreement import reader_pairs

    pairs = reader_pairs(made(np.zeros((20, 2), np.int64)))
    assert len(plot_pairs(pairs, []).axes) == 2
    table = pair_table("pairs", "Pairs", pairs)
    assert table.rows[0][3:] == ["100.0 (82.0–100.0)", "n/a", "n/a"]
    assert table.note == "undefined: all grades are the same"


def test_one_reader_alone_is_told_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.csv").write_text("reader,image,patient,grade\nanna,a.png,P1,poor\n")
    command("agreement", f"readings={tmp_path / 'one.csv'}", f"out={tmp_path / 'out'}", outputs=tmp_path)
    told = capfd.readouterr().out
    assert "One reader alone (anna): agreement of readers is unknown.\nOne patient: an interval" in told
