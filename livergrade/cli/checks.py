"""From the composed options of a command to checked values, as the dataclass that its task takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig

from livergrade.cli.commands import COMMANDS
from livergrade.cli.compose import make_absolute, parse_config, to_dataclass, typed_words
from livergrade.config.schema import EvaluateConfig, ReviewConfig
from livergrade.errors import UserError

_RUN = "is missing; give the folder of a run, as in run=outputs/senet/<time>"
NEEDED = {
    "evaluate": {"run": _RUN},
    "predict": {"run": _RUN, "inputs": "are missing; give images, slides, folders, or a CSV"},
    "explain": {"run": _RUN},
    "export": {"run": _RUN},
    "agreement": {"readings": "is missing; give a table of readings, as in readings=readings.csv"},
    "prepare": {"slides": "are missing; give files or a folder, as in livergrade prepare slides/"},
}
"""Options that a command needs, and the message if one of them is not given."""


def checked_options(name: str, composed: DictConfig, typed: Sequence[str] | None = None) -> Any:  # noqa: ANN401
    """The options of a command, as the dataclass of its schema, with checked values.

    Args:
        name: of the command.
        composed: the options as Hydra composed them.
        typed: the words that were given; None: those of the command that Hydra has started.

    Raises:
        UserError: an option is missing, or values can't be used; all of those are listed.
    """
    if name in ("train", "check"):
        return parse_config(composed, typed)
    config = to_dataclass(composed, type(COMMANDS[name].schema))
    for key, message in NEEDED.get(name, {}).items():
        if not getattr(config, key):
            raise UserError(f"{key}: {message}")
    if isinstance(config, EvaluateConfig):
        _check_evaluation(config, typed_words(typed))
    if isinstance(config, ReviewConfig):
        _check_review(config, typed_words(typed))
    if name == "prepare" and config.regions and not config.table:
        raise UserError("table: images need patient and grade; give table=<CSV with slide,patient,grade>")
    return config


def _refuse(name: str, words: Sequence[str], reason: str) -> None:
    """Refuse typed options of the shared groups that a command does not take."""
    for key in COMMANDS[name].refused:
        if any(word.startswith(f"{key}=") for word in words):
            raise UserError(f"{key}: {reason}; leave it out")


def _check_review(config: ReviewConfig, words: Sequence[str]) -> None:
    """Check that the images of a review are named once, or the folder of one that is gone on with.

    Raises:
        UserError: several sources are named or none, or options have no effect.
    """
    assert config.data
    _refuse("review", words, "has no effect on a review")
    if config.manifest:
        if config.data.name or config.data.manifest:
            raise UserError("manifest: and data= both name images; leave out one of the two")
        config.data.name, config.data.manifest = "manifest", config.manifest
    named = {"manifest or data": config.data.name, "run": config.run, "of": config.of}
    given = [key for key, value in named.items() if value]
    if len(given) > 1:
        raise UserError(f"{', '.join(given)}: both name images; leave out one of the two")
    if not given and not config.out:
        raise UserError(
            "manifest: which images should be read? Give a table, as in manifest=cohort.csv, run=<folder> or "
            "data=synthetic; or out=<folder> of a review to go on with"
        )
    if given and not config.readers and not config.readings:
        raise UserError("readers: who reads? Give their names, as in readers=[anna,ben]")
    if config.mode == "adjudicate" and given and not config.of:
        raise UserError("of: mode=adjudicate needs the folder of the review whose readers differ")
    if config.mode == "audit" and given and not config.run:
        raise UserError("run: mode=audit needs the folder of a finished run")
    if config.readings and (config.mode != "read" or not given):
        raise UserError("readings: begin a review of mode=read; give its images, as in manifest=cohort.csv")
    if config.of and config.mode != "adjudicate":
        raise UserError("of: is for mode=adjudicate; leave it out")
    make_absolute(config.data)


def _check_evaluation(config: EvaluateConfig, words: Sequence[str]) -> None:
    """Check the cohort of an evaluation; the grades and the input size are those of the run.

    Raises:
        UserError: an option is the run's, or is of another cohort, and none is named.
    """
    _refuse("evaluate", words, "is the trained run's")
    assert config.data
    if config.recalibrate and not config.data.name:
        raise UserError("recalibrate: is for another cohort, as data=manifest; the run's own is calibrated")
    if config.data.name:
        make_absolute(config.data)
    elif word := next((word for word in words if re.match(r"\+*data\.(?!outside=)", word)), None):
        raise UserError(
            f"{word}: is of another cohort, as data=manifest; the run's own has the run's options"
        )
