"""``livergrade.compare``, from runs' folders to the page."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import as_own, command, finished_run
from tests.reports.test_run_report import Page

FEW = ("resamples=100", "permutations=100")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two models by patient and by image, one job of which was cut short."""
    sweep = tmp_path_factory.mktemp("compare") / "sweep"
    for number, kind in enumerate(("patient", "image")):
        for model in ("senet", "cbam"):
            finished_run(sweep / f"{number}_{model}", model, kind=kind)
    broken = finished_run(sweep / "7_sknet", "sknet")
    (broken / "finished.json").unlink()
    command("compare", str(sweep), *FEW, outputs=sweep.parent)
    return sweep / "comparison"


def test_what_is_left(compared: Path) -> None:
    told = json.loads((compared / "comparison.json").read_text())
    assert [arm["kind"] for arm in told["arms"]] == ["patient", "image"]
    assert told["left_out"] == [f"{compared.parent}/7_sknet: not finished"]
    assert len(told["leakage_gap"]) == 6
    names = {path.name for path in (compared / "tables").iterdir()}
    for table in ("cohort", "split", "accuracy", "grades", "scores", "pairs"):
        for kind in ("patient", "image"):
            assert {f"{table}_{kind}.{end}" for end in ("csv", "md", "tex")} <= names
    assert "leakage_gap.csv" in names
    figures = {path.stem for path in (compared / "figures").iterdir()}
    assert {"accuracy_patient", "pairs_patient", "confusion_image", "curves_image"} <= figures


def test_the_page_stands_alone_and_says_what_leaks(compared: Path) -> None:
    html = (compared / "report.html").read_text("utf-8")
    page = Page(html)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("img") == 8
    assert all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"@import|url\(|https?://", html)
    assert page.text.count("This split leaks") == 1
    assert "Effect of leakage" in page.text
    assert "7_sknet: not finished" in page.text
    assert page.text.count("Two trainings were compared, one of each model.") == 2
    assert "shows nothing about the architectures" in page.text
    assert (
        "The difference that this study could have detected is unknown: the two models differ in" in page.text
    )
    assert page.text.count("The best of 2 was chosen by the test patients, so it is expected to look") == 2


@pytest.mark.slow
def test_a_relative_folder_and_again(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (compared / "tables" / "accuracy_patient.csv").read_bytes()
    monkeypatch.chdir(compared.parent.parent)
    command("compare", "sweep", *FEW, outputs=compared)
    assert (compared / "tables" / "accuracy_patient.csv").read_bytes() == before


@pytest.mark.slow
def test_several_folders_leave_one_comparison(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / model, model) for model in ("senet", "cbam")]
    command("compare", *map(str, runs), *FEW, outputs=tmp_path / "outputs")
    (folder,) = (tmp_path / "outputs" / "comparisons").iterdir()
    assert (folder / "report.html").is_file()


def test_names_are_escaped_on_the_page(tmp_path: Path) -> None:
    for model in ("senet", "cbam"):
        folder = finished_run(tmp_path / "sweep" / f"<b>{model}", model)
        for name in ("predictions.csv", "split.csv", "config.yaml"):
            text = (folder / name).read_text()
            (folder / name).write_text(text.replace("moderate", "<i>mid"))
        as_own(folder)
    command("compare", str(tmp_path / "sweep"), *FEW, outputs=tmp_path)
    page = Page((tmp_path / "sweep" / "comparison" / "report.html").read_text("utf-8"))
    assert not {"b", "i"} & set(page.tags)
    assert "<i>mid" in page.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no folder was given"),
        (["nowhere"], "there is no such folder"),
        (["nowhere", "resamples=0"], "resamples=0"),
        (["nowhere", "level=slide"], "level=slide"),
    ],
)
def test_mistakes_are_told(
    words: list[str], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command("compare", *words, outputs=tmp_path)
    assert told in capfd.readouterr().err
