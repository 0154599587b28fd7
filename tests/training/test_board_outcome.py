"""What TensorBoard shows of a finished run."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util

from livergrade.runs.run import Run
from livergrade.training.board_outcome import run_options
from tests.conftest import GRADES, finished_run


@pytest.fixture(scope="module")
def events(tiny_run: Path) -> EventAccumulator:
    return EventAccumulator(str(tiny_run / "tensorboard"), size_guidance={"tensors": 0}).Reload()


def test_every_tag_says_something(events: EventAccumulator) -> None:
    tags = set(events.Tags()["scalars"])
    assert not {"epoch", "hp_metric"} & tags
    assert {"accuracy/train", "accuracy/val", "accuracy/test", "accuracy/images", "accuracy/patients"} <= tags
    assert {f"recall/patients/{grade}" for grade in GRADES} <= tags
    assert {point.step for tag in tags for point in events.Scalars(tag)} == {1}
    assert all("Step: the epoch" in events.summary_metadata[tag].summary_description for tag in tags)


def test_numbers_are_those_of_the_report(events: EventAccumulator, tiny_run: Path) -> None:
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    for part, level in (("test", "view"), ("images", "image"), ("patients", "patient")):
        (point,) = events.Scalars(f"macro_f1/{part}")
        assert point.value == pytest.approx(metrics[level]["macro_f1"]["value"], abs=1e-6)


def test_charts_have_the_sets_and_the_grades_together(events: EventAccumulator) -> None:
    (told,) = events.Tensors("custom_scalars__config__")
    charts = layout_pb2.Layout.FromString(tensor_util.make_ndarray(told.tensor_proto).item())
    assert [category.title for category in charts.category] == [
        "Training, validation and test",
        "Validation, by grade",
        "Test, by grade",
    ]
    accuracy = charts.category[0].chart[0]
    assert (accuracy.title, len(accuracy.multiline.tag)) == ("accuracy", 3)
    assert {chart.title: len(chart.multiline.tag) for chart in charts.category[2].chart} == {
        "precision": 3,
        "recall": 3,
        "f1": 3,
        "auroc": 3,
    }


def test_curves_of_validation_and_test_by_grade(events: EventAccumulator) -> None:
    curves = {tag for tag in events.Tags()["tensors"] if tag.startswith("pr/")}
    assert curves == {
        f"pr/{part}/{grade}" for part in ("val", "test", "images", "patients") for grade in GRADES
    }


def test_texts_tell_verdict_split_and_options(events: EventAccumulator) -> None:
    def page(tag: str) -> str:
        return tensor_util.make_ndarray(events.Tensors(tag)[0].tensor_proto).item().decode()

    assert "test patients correctly" in page("1 verdict")
    assert "Tested: epoch 1 of 1." in page("1 verdict")
    assert "| poor | 2 patients, 4 images |" in page("2 split")
    assert "| data.image\\_size | 32 |" in page("3 options that differ from the defaults")
    assert "| optim.name |" in page("4 all options")


def test_hparams_begin_with_the_model(events: EventAccumulator) -> None:
    told = events.summary_metadata
    experiment = metadata.parse_experiment_plugin_data(told[metadata.EXPERIMENT_TAG].plugin_data.content)
    assert experiment.hparam_infos[0].name == "model"
    columns = {column.name.tag for column in experiment.metric_infos}
    assert {"accuracy/patients", "accuracy_low/patients", "recall/patients/poor"} <= columns
    start = told[metadata.SESSION_START_INFO_TAG].plugin_data.content
    row = metadata.parse_session_start_info_plugin_data(start)
    assert row.hparams["model"].string_value == "test_resnet"
    assert row.hparams["optim.lr"].number_value == 0.01
    assert row.group_name.startswith("test_resnet ")
    assert not {"data.manifest", "data.cache_dir", "trainer.accelerator", "trainer.progress"} & set(
        row.hparams
    )
    assert metadata.SESSION_END_INFO_TAG in told


def test_options_of_a_job_are_the_model_and_what_varies(tmp_path: Path) -> None:
    run = Run(finished_run(tmp_path / "run", "senet", seed=2))
    chosen = run_options(run, ["model=senet", "seed=2", "augment=strong", "trainer.devices=1"])
    assert list(chosen.items()) == [("model", "senet"), ("seed", 2), ("augment", "strong")]
