"""The report: self-contained, escaped, and telling what the run folder's files say."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.subgroups import subgroups
from livergrade.evaluation.summary import evaluate
from livergrade.evaluation.uncertainty import fit_calibration, uncertainty_metrics
from livergrade.io.files import write_json
from livergrade.reports.run_plots import plot_run
from livergrade.reports.run_report import write_report
from livergrade.reports.style import save
from livergrade.reports.thumbnails import write_thumbnails
from livergrade.reports.uncertainty_plots import plot_uncertainty
from livergrade.runs.folder import FORMAT, save_config
from tests.conftest import prediction_columns
from tests.evaluation.test_uncertainty import cohort

pytestmark = pytest.mark.usefixtures("undrawn")

CLASSES = ("poor", "<b>mid</b>", "well & good")
LINKS = {"src", "href", "action", "data", "poster", "srcset", "background", "xlink:href"}


class Page(HTMLParser):
    """Tags, links and visible text of a page; fails on a tag closed out of order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.pieces, self.open = [], [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in LINKS]
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.pieces.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.pieces).split())


def write_run(folder, *, name="synthetic", leaking=False, drawn=True):
    """A run folder of nine test patients in three grades; patient 00, truly the worst, is called the best."""
    folder.mkdir()
    rows, split = [], []
    for patient in range(18):
        grade, part = patient % 3, "test" if patient < 9 else "train"
        for image in range(2):
            path = f"images/{patient:02d}_{image}.png"
            split.append((path, f"{patient:02d}", CLASSES[grade], part, f"{patient}{image}"))
            p = np.full(3, 0.2)
            p[2 if patient == 0 else grade] = 0.6
            if part == "test":
                rows.append((path, f"{patient:02d}", part, 0.0, CLASSES[grade], CLASSES[p.argmax()], *p))
    if leaking:
        split.append(("images/extra.png", "03", CLASSES[0], "val", "extra"))
    split = pd.DataFrame(split, columns=["image", "patient", "grade", "split", "sha256"])
    predictions = pd.DataFrame(rows, columns=prediction_columns(CLASSES))
    metrics = evaluate(predictions, split)
    split.to_csv(folder / "split.csv", index=False)
    predictions.to_csv(folder / "predictions.csv", index=False)
    write_json(metrics, folder / "metrics.json")
    config = TrainConfig(seed=3)
    config.split.seed, config.data.name, config.data.image_size = 0, name, 96
    config.data.classes, config.trainer.max_epochs = ["a", "b"], 40
    save_config(folder, config)
    environment = {
        "versions": {"torch": "2.6.0"},
        "seconds": 3725.4,
        "parameters": 26031811,
        "device": "<cpu>",
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    if drawn:
        for label, figure in plot_run(predictions, metrics).items():
            save(figure, folder / "figures" / label)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run that a test may spoil."""
    return shutil.copytree(finished, tmp_path / "run")


def page_of(folder):
    return Page(write_report(folder).read_text("utf-8"))


def test_on_paper_nothing_scrolls_and_nothing_is_folded(run):
    printed = write_report(run).read_text("utf-8").partition("@media print")[2].partition("</style>")[0]
    assert ".scroll, .tall { overflow: visible; max-height: none; }" in printed
    assert (
        "details::details-content { display: block; block-size: auto; content-visibility: visible; }"
        in printed
    )


def test_the_page_stands_alone(run):
    path = write_report(run)
    page = Page(path.read_text("utf-8"))
    assert path == run / "report.html"
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("img") == 5
    assert all(link.startswith("data:image/") for link in page.links)
    assert not re.search(r"@import|url\(|https?://", path.read_text("utf-8"))
    assert not [name for name in run.iterdir() if name.name.startswith(".")]


def test_names_are_escaped(run):
    html = write_report(run).read_text("utf-8")
    assert "<b>mid</b>" not in html
    assert "<cpu>" not in html
    page = Page(html)
    assert "b" not in page.tags
    for name in (*CLASSES, "<cpu>"):
        assert name in page.text


def test_the_headline_is_the_patient_level(run):
    text = page_of(run).text
    accuracy = json.loads((run / "metrics.json").read_text())["patient"]["accuracy"]
    assert accuracy["reason"] == "9 test patients: a reliable interval needs 12"
    assert "88.9 % accuracy by patient , no interval" in text
    assert "8 of 9 test patients correct; always answering “poor” or “" in text  # a tie has no winner
    assert "” would reach 33.3 %" in text
    assert "8 of 9 test patients correct" in text
    assert text.index("88.9 %") < text.index("Cohort and split")


def test_cohort_and_split_are_counted(run):
    text = page_of(run).text
    assert "Training Test All patients images patients images patients images" in text
    assert "poor 3 6 3 6 6 12 <b>mid</b> 3 6 3 6 6 12 well & good 3 6 3 6 6 12 All 9 18 9 18 18 36" in text


def test_every_level_and_figure_has_its_row(run):
    text = page_of(run).text
    for level in ("patient", "image", "view"):
        assert f"By grade, {level} level" in text
    for heading in (
        "Balanced accuracy",
        "Macro F1",
        "Quadratic-weighted kappa",
        "Errors of two grades or more",
    ):
        assert heading in text
    kappa = json.loads((run / "metrics.json").read_text())["image"]["quadratic_kappa"]
    assert kappa["low"] is None
    assert f"{kappa['value']:.3f}" in text


def test_wrong_patients_come_first_and_are_marked(run):
    html = write_report(run).read_text("utf-8")
    assert html.count('<tr class="wrong">') == 1
    text = Page(html).text
    assert "1 of 9 patients were graded incorrectly, 1 by two grades or more" in text
    assert "Result 00 poor well & good 0.600 2 0 ✗ wrong by 2 grades 03 poor poor 0.600 2 2 correct" in text


def test_a_synthetic_cohort_is_named_in_the_title(run):
    html = write_report(run).read_text("utf-8")
    assert "synthetic cohort" in re.search("<title>(.*)</title>", html)[1]
    assert "synthetic cohort" in re.search("<h1>(.*)</h1>", html)[1]
    (run / "config.yaml").write_text(
        (run / "config.yaml").read_text().replace("name: synthetic", "name: manifest")
    )
    html = write_report(run).read_text("utf-8")
    assert "synthetic" not in re.search("<title>(.*)</title>", html)[1]
    assert "synthetic" not in re.search("<h1>(.*)</h1>", html)[1]
    told = Page(html).text.partition("Configuration")[0].lower()  # which names data.synthetic.seed
    assert "synthetic" not in told
    assert "computer-generated" not in told


def test_a_leaking_split_has_a_banner(run, tmp_path):
    assert "This split leaks" not in page_of(run).text
    html = write_report(write_run(tmp_path / "leaking", leaking=True, drawn=False)).read_text("utf-8")
    assert "LEAKING SPLIT" in re.search("<title>(.*)</title>", html)[1]
    assert 'class="banner"' in html
    text = Page(html).text
    assert "This split leaks. 2 of 18 test images share a patient with training or validation" in text
    assert "1 patient with images in more than one part is counted in each" in text


def test_configuration_and_environment_are_told(run):
    text = page_of(run).text
    for pair in (
        "trainer.max_epochs 40",
        "model.weights none",
        "data.classes a, b",
        "versions.torch 2.6.0",
        "seconds 1 h 2 min 5 s",
        "parameters 26,031,811",
    ):
        assert pair in text
    assert "For research only. Not a medical device" in text


@pytest.mark.parametrize("content", [None, "{}", '{"seconds": null, "versions": {}}'])
def test_a_poor_environment_does_not_break_it(run, content):
    (run / "environment.json").unlink()
    if content:
        (run / "environment.json").write_text(content)
    assert "88.9 %" in page_of(run).text


@pytest.mark.parametrize(
    "content", [f"format: {FORMAT}\nseed: 1\n", "seed: 1\n", "format: 99\nseed: 1\n", "[]", "format: {"]
)
def test_a_folder_of_another_format_is_refused_in_one_line(run, content):
    (run / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml: .*(format|options|lacks)") as told:
        write_report(run)
    assert "\n" not in str(told.value)


def test_it_needs_no_figures_and_takes_unknown_ones(run):
    (run / "figures" / "my_<own>.png").write_bytes((run / "figures" / "roc.png").read_bytes())
    assert page_of(run).tags.count("img") == 6
    shutil.rmtree(run / "figures")
    assert page_of(run).tags.count("img") == 0


@pytest.mark.parametrize("name", ["config.yaml", "split.csv", "predictions.csv", "metrics.json"])
def test_a_missing_file_is_named(run, name):
    (run / name).unlink()
    with pytest.raises(UserError, match=re.escape(name)):
        write_report(run)


def test_broken_files_are_named_and_the_old_page_stays(run):
    write_report(run)
    before = (run / "report.html").read_bytes()
    (run / "metrics.json").write_text("{")
    with pytest.raises(UserError, match=r"metrics\.json: is not valid JSON"):
        write_report(run)
    assert (run / "report.html").read_bytes() == before


def test_a_split_with_a_foreign_grade_is_refused_by_row(run):
    split = pd.read_csv(run / "split.csv", dtype=str)
    split.loc[4, "grade"] = "good"
    split.to_csv(run / "split.csv", index=False)
    with pytest.raises(UserError, match=r"split\.csv: row 6: grade 'good'"):
        write_report(run)


def test_the_same_folder_gives_the_same_page(run):
    assert write_report(run).read_bytes() == write_report(run).read_bytes()


def test_the_verdict_claims_what_the_interval_holds(run):
    text = page_of(run).text
    assert "senet graded 8 of 9 test patients correctly; these are too few patients for an interval" in text


def test_the_worst_images_are_shown_with_their_probabilities(run):
    text = page_of(run).text
    assert text.count("true poor, predicted well & good") == 2
    assert "patient 00, images/00_0.png" in text
    write_thumbnails(["gone.png", "gone.png"], run, run / "mistakes")
    assert page_of(run).tags.count("img") == 5
    Image.new("RGB", (600, 500), "plum").save(run / "there.png")
    write_thumbnails(["gone.png", "there.png"], run, run / "mistakes")
    assert page_of(run).tags.count("img") == 6


def test_metrics_of_an_earlier_version_have_their_page(run):
    metrics = json.loads((run / "metrics.json").read_text())
    predictions = pd.read_csv(run / "predictions.csv", dtype={"patient": str})
    predictions["site"] = np.where(predictions["patient"] < "04", "north", "south")
    metrics["subgroups"] = [
        {key: value for key, value in group.items() if key not in ("difference", "p", "p_holm")}
        for group in subgroups(predictions)
    ]
    for level in ("view", "image", "patient"):
        for name in ("ece_debiased", "calibration_slope", "calibration_intercept"):
            del metrics[level][name]
    for key in ("intervals", "mix"):
        del metrics["how"][key]
    write_json(metrics, run / "metrics.json")
    assert "site north" in page_of(run).text


def test_groups_of_the_test_set_have_their_table(run):
    assert "Subgroups of the test set" not in page_of(run).text
    predictions = pd.read_csv(run / "predictions.csv", dtype={"patient": str})
    predictions["<i>site"] = np.where(predictions["patient"] < "04", "=north", "south")
    predictions.to_csv(run / "predictions.csv", index=False)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["subgroups"] = subgroups(predictions)
    write_json(metrics, run / "metrics.json")
    assert "<i>site =north 4 8 patient 75.0 %" in page_of(run).text


def test_the_data_have_one_fingerprint(run):
    found = re.search("sha256 ([0-9a-f]{64})", page_of(run).text)[1]
    split = pd.read_csv(run / "split.csv", dtype=str)
    split.iloc[::-1].to_csv(run / "split.csv", index=False)
    assert re.search("sha256 ([0-9a-f]{64})", page_of(run).text)[1] == found
    split.loc[3, "sha256"] = "other"
    split.to_csv(run / "split.csv", index=False)
    assert re.search("sha256 ([0-9a-f]{64})", page_of(run).text)[1] != found


def test_undefined_figures_are_explained(run):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["image"]["quadratic_kappa"] = {
        "value": None,
        "low": None,
        "high": None,
        "n": 18,
        "reason": "one grade",
    }
    metrics["patient"]["accuracy"] |= {"low": None, "high": None}
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = page_of(run).text
    assert "One grade. 1 estimate by image: Quadratic-weighted kappa." in text
    assert "n/a" in text
    assert "accuracy by patient , no interval" in text


def measured(run, *, val):
    """A run whose figures of caution are measured; its predictions are simulated."""
    predictions = cohort(val=val)
    split = predictions[["image", "patient", "grade", "split"]].drop_duplicates("image")
    metrics = evaluate(predictions, split)
    metrics |= uncertainty_metrics(predictions, fit_calibration(predictions))
    split.assign(sha256="0" * 64).to_csv(run / "split.csv", index=False)
    predictions.to_csv(run / "predictions.csv", index=False)
    write_json(metrics, run / "metrics.json")
    for name, figure in plot_uncertainty(metrics).items():
        save(figure, run / "figures" / name)
    return metrics


def test_caution_has_its_sections(run):
    assert "Selective prediction" not in page_of(run).text  # a run of an earlier version
    metrics = measured(run, val=15)
    page = page_of(run)
    assert page.tags.count("img") == 8
    calibration, sets = metrics["calibration"], metrics["conformal"]
    assert f"One temperature, {calibration['temperature']:.2f}, fitted on 15" in page.text
    assert "No interval of a temperature is given" in page.text
    assert "fitted on 15 validation patients (60 images)" in page.text
    covered = sets["patient"]["covered"]
    shares = f"{100 * covered['value']:.1f} % {100 * covered['low']:.1f}"
    assert f"Sets that contain the true grade, target 90 % {shares}" in page.text
    assert "Answered Patients Probability from Incorrect 100 % 21" in page.text
    assert (
        f"(AURC), the mean error over all shares answered, is {metrics['abstention']['aurc']['value']:.3f}"
        in page.text
    )
    assert "augment.test_views=all measures the effect of more views" in page.text
    assert "The split leaks: none of this" not in page.text
    of_poor = sets["patient"]["by_grade"]["poor"]["covered"]
    assert f"poor {of_poor['n']} {100 * of_poor['value']:.1f} %" in page.text
    assert "No interval: poor, 7 test patients: a reliable interval needs 12" in page.text
    assert (
        "conformal.by_grade=true requires it for each, with 9 validation patients of each grade" in page.text
    )
    assert "The run's calibration does not fit" not in page.text


def test_recalibration_is_offered_or_marked(run):
    predictions = cohort(sharpened=5.0)
    measured(run, val=40)
    calibration = fit_calibration(cohort(val=40))
    metrics = json.loads((run / "metrics.json").read_text())
    for recalibrate, told in (
        (False, "The run's calibration does not fit this cohort: temperatures"),
        (True, "Recalibrated on this cohort. The temperature of each patient was fitted on all other"),
    ):
        found = uncertainty_metrics(predictions, calibration, recalibrate=recalibrate)
        write_json(metrics | found, run / "metrics.json")
        assert told in page_of(run).text


def test_sets_by_grade_or_why_not_are_told(run):
    for val, told in (
        (30, "with 30 validation patients and a threshold for each grade"),
        (15, "One threshold for all grades: 90 % coverage of each grade needs 9 validation patients"),
    ):
        metrics = measured(run, val=val)
        predictions = cohort(val=val)
        found = uncertainty_metrics(predictions, fit_calibration(predictions), by_grade=True)
        write_json(metrics | found, run / "metrics.json")
        assert told in page_of(run).text


def test_without_validation_the_sections_say_so(run):
    measured(run, val=0)
    text = page_of(run).text
    assert "Nothing was calibrated: the split has no validation patients to fit on" in text
    assert "No sets can be given: the split has no validation patients" in text
    assert "predicted grade, which was not calibrated" in text


def test_few_validation_patients_are_told_how_to_be_more(run):
    measured(run, val=6)
    assert "6 validation patients are too few to guarantee 90 % coverage, which needs 9" in page_of(run).text


def test_the_scale_is_told_or_that_it_is_unknown(run):
    assert "Scale: unknown." in page_of(run).text
    scale = {"images": 9, "low": 640.0, "median": 697.0, "high": 700.0, "network_um": 10.9}
    write_json(scale, run / "scale.json")
    write_report(run)
    assert "training images show 640 to 700 (median 697) µm of tissue" in page_of(run).text
