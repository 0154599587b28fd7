"""Finished runs, read back from their folders: what was tried, on which split, and what came of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.predictions import class_names, read_predictions
from livergrade.models.catalog import label
from livergrade.runs.paths import job_order

# What does not make two runs different experiments: which repeat it is, and, in MACHINE, where it ran.
REPEATS = ("seed", "split.seed", "split.fold")


def read_options(folder: Path) -> TrainConfig:
    """The options that a run was started with.

    Raises:
        UserError: the folder holds no run, or one of another version, whose options differ.
    """
    stored = folder / "config.yaml"
    if not stored.is_file():
        raise UserError(f"{folder}: is no run (no config.yaml there); name a run's folder")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(TrainConfig), OmegaConf.load(stored))
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{stored}: can't be read as a run's options: {reason}") from None
    assert isinstance(config, TrainConfig)
    return config


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: where it lies.
        config: its options.
        settings: the options that tell experiments apart, dotted key → value.
    """

    folder: Path
    config: TrainConfig
    settings: dict[str, Any]

    @property
    def model(self) -> str:
        """The network's name, or a timm network's own."""
        return label(self.config.model.name, self.config.model.backbone)

    @functools.cached_property
    def tested(self) -> pd.DataFrame:
        """Its checked predictions of the test side, one row a view."""
        table = read_predictions(self.folder / "predictions.csv")
        return table[table["split"] == "test"].reset_index(drop=True)

    @functools.cached_property
    def classes(self) -> list[str]:
        """Grades, worst to best."""
        return class_names(self.tested)

    @functools.cached_property
    def split(self) -> pd.DataFrame:
        """Its ``split.csv``."""
        return pd.read_csv(self.folder / "split.csv", dtype=str, keep_default_na=False)

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Its curves, one row an epoch; empty where it was only evaluated."""
        path = self.folder / "history.csv"
        return pd.read_csv(path) if path.is_file() else pd.DataFrame({"epoch": []})

    def read(self, name: str) -> dict[str, Any]:
        """One of its JSON files.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            return dict(json.loads((self.folder / name).read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.folder / name}: can't be read ({error}); run it again") from None


def find_runs(folders: Sequence[str | Path]) -> tuple[list[Run], list[str]]:
    """Every run in these folders, each a run's own or one that holds runs, as a sweep's does.

    Returns:
        The finished runs in the order given and by job number, and a line for each that is not finished.

    Raises:
        UserError: a folder is not there or holds no finished run; all are listed.
    """
    runs: dict[Path, Run] = {}
    unfinished, found = [], []
    for given in map(Path, folders):
        if not given.is_dir():
            found.append(f"{given}: there is no such folder")
            continue
        before = len(runs)
        for folder in _run_folders(given.absolute()):
            if (folder / "finished.json").is_file():
                config = read_options(folder)
                settings = {
                    key: value for key, _, value in options(config) if key not in (*REPEATS, *MACHINE)
                }
                runs.setdefault(folder, Run(folder, config, settings))
            else:
                unfinished.append(f"{folder}: not finished")
        if len(runs) == before:
            found.append(f"{given}: holds no finished run")
    if found or not folders:
        lines = found or ["no folder was given; name runs or a sweep's folder"]
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in lines))
    return list(runs.values()), unfinished


def _run_folders(folder: Path) -> Iterator[Path]:
    """The folder itself, or the runs at any depth below it; not what lies inside a run."""
    if (folder / "config.yaml").is_file():
        yield folder
        return
    below = [path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"]
    for path in sorted(below, key=job_order):
        yield from _run_folders(path)
