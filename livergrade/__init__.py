"""Grade H&E histology by degree of differentiation."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livergrade.api.loaded_run import load_run as load_run
    from livergrade.api.loaded_run import predict_images as predict_images
    from livergrade.api.parts import build_model as build_model
    from livergrade.api.parts import make_split as make_split
    from livergrade.api.parts import read_cohort as read_cohort
    from livergrade.api.start import compare_runs as compare_runs
    from livergrade.api.start import evaluate_run as evaluate_run
    from livergrade.api.start import fit as fit
    from livergrade.cli.make_config import make_config as make_config
    from livergrade.data.datamodule import GradingData as GradingData
    from livergrade.errors import UserError as UserError
    from livergrade.training.task import GradingTask as GradingTask

__version__ = "0.1.0"

_FROM = {
    "GradingData": "livergrade.data.datamodule",
    "GradingTask": "livergrade.training.task",
    "UserError": "livergrade.errors",
    "build_model": "livergrade.api.parts",
    "compare_runs": "livergrade.api.start",
    "evaluate_run": "livergrade.api.start",
    "fit": "livergrade.api.start",
    "load_run": "livergrade.api.loaded_run",
    "make_config": "livergrade.cli.make_config",
    "make_split": "livergrade.api.parts",
    "predict_images": "livergrade.api.loaded_run",
    "read_cohort": "livergrade.api.parts",
}
"""Each name that is public, and the module that is loaded when it is first used; see docs/python.md."""
__all__ = [*_FROM]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a function or a class
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FROM[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FROM])
