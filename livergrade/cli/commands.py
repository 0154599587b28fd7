"""Every command: its name, summary, example and options, for its start, its help and its completion.

Neither Hydra nor torch is imported here, so that a list of the commands is shown at once.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from livergrade.config.schema import (
    AgreementConfig,
    CompareConfig,
    DataConfig,
    EvaluateConfig,
    ExplainConfig,
    ExportConfig,
    PlanConfig,
    PredictConfig,
    PrepareConfig,
    ReviewConfig,
    TrainConfig,
    TuneConfig,
)

CALLED: ContextVar[str] = ContextVar("CALLED", default="python -m livergrade.")
"""What was typed before the name of the command, as its help shows it."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: of the command, of its YAML file under ``conf/``, of its module, and of its log.
        example: example arguments, for the help text.
        summary: first line of the help text.
        schema: the options, a dataclass with their defaults.
        words: list option that collects the arguments without ``key=``; none if empty.
        all_words: it also collects ``key=value`` if the key is no option of the command.
        refused: options that the command refuses, of its schema or, with ``all_words``, of ``train``: help
            and completion leave them out.
    """

    name: str
    example: str
    summary: str
    schema: Any
    words: str = ""
    all_words: bool = False
    refused: tuple[str, ...] = ()


_EVERY = (
    Command(
        "train",
        "model=senet",
        "Train and test one model. The results are written to one folder, with a report.",
        TrainConfig(),
    ),
    Command(
        "evaluate",
        "run=outputs/senet/<time> data=manifest data.manifest=other_hospital.csv",
        "Evaluate a trained run again, or on another cohort. The results are written to evaluations/ of the "
        "run.",
        EvaluateConfig(data=DataConfig()),
        refused=("data.image_size", "data.classes", "data.split_file", "data.icc"),
    ),
    Command(
        "compare",
        "outputs/sweeps/<time>",
        "Compare finished runs. Give a sweep's folder, or folders of runs; comparison/ is written there.",
        CompareConfig(),
        words="runs",
    ),
    Command(
        "predict",
        "run=outputs/senet/<time> images/*.png slide.svs",
        "Grade images and whole slides with a trained network.",
        PredictConfig(),
        words="inputs",
    ),
    Command(
        "explain",
        "run=outputs/senet/<time>",
        "Explain the grades of a trained network with maps, and test whether the maps are faithful.",
        ExplainConfig(),
        words="images",
    ),
    Command(
        "export",
        "run=outputs/senet/<time>",
        "Write a trained network as one ONNX file that grades images without PyTorch, with a model card,\n"
        "or as a folder for WSInfer and QuPath.",
        ExportConfig(),
        words="images",
    ),
    Command(
        "check",
        "data=manifest data.manifest=cohort.csv model=senet",
        "Check the machine, the cohort, the split and the weights of a run before it is trained.",
        TrainConfig(),
    ),
    Command(
        "prepare",
        "slides/ regions=marked/ table=slides.csv",
        "Crop images from whole slides, with a manifest. Without regions=, propose regions as GeoJSON.",
        PrepareConfig(),
        words="slides",
    ),
    Command(
        "plan",
        "accuracy=85 half_width=5 apart=8",
        "Plan a study: patients for an interval, patients and trainings for a comparison; or, with run=, "
        "what\nthe cohort of a finished run or sweep can show.",
        PlanConfig(),
    ),
    Command(
        "agreement",
        "readings=readings.csv run=outputs/senet/<time>",
        "Measure how well readers agree, and how well a network agrees with them as one more reader.",
        AgreementConfig(),
    ),
    Command(
        "review",
        "manifest=cohort.csv readers=[anna,ben]",
        "Let pathologists read images on a local page: blinded, several readers, every reading kept.",
        ReviewConfig(data=DataConfig()),
        refused=(
            *("data.image_size", "data.batch_size", "data.workers", "data.cache", "data.cache_limit"),
            "data.split_file",
        ),
    ),
    Command(
        "tune",
        "trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'",
        "Search hyperparameters with Optuna. Options not listed below go to livergrade.train: key=value for\n"
        "every trial; key=a,b and key=interval(low,high) are searched.",
        TuneConfig(),
        words="space",
        all_words=True,
        refused=("split.val_folds", "split.val_fold", "split.fold", "split.folds"),
    ),
)

COMMANDS: dict[str, Command] = {command.name: command for command in _EVERY}
"""Every command by its name, in the order in which they are listed."""
