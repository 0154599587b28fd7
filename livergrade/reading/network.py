"""What a finished run says of the images that readers graded: those of its test split alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Ints
from livergrade.evaluation.levels import aggregate
from livergrade.io.regular_files import is_folder
from livergrade.io.visible import shown
from livergrade.reading.ratings import NONE
from livergrade.runs.run import Run, display_name

_LISTED = 5


@dataclass(frozen=True)
class Network:
    """A network's grades.

    Attributes:
        name: of the run.
        classes: grades, worst to best.
        grade: image → index of its grade.
        split: ``split.csv`` of the run: ``image, patient, grade, split, sha256``.
    """

    name: str
    classes: list[str]
    grade: dict[str, int]
    split: pd.DataFrame

    def grades_of(self, readings: pd.DataFrame, images: list[str]) -> Ints:
        """Grade of each of the images that readers graded, int64 [N]; −1 where there is none.

        An image is found by its content where the readings have the SHA-256, else by its name.

        Args:
            readings: all readings, each with its patient.
            images: names of the images, as in the readings.

        Raises:
            UserError: images were trained or validated on, or have another content or patient than in the
                run; all are listed. Or the network graded none of them.
        """
        own = dict(zip(readings["image"], readings["sha256"], strict=True))
        own |= {image: sha for image, sha in zip(readings["image"], readings["sha256"], strict=True) if sha}
        by_content = dict(zip(self.split["sha256"], self.split["image"], strict=True))
        content = dict(zip(self.split["image"], self.split["sha256"], strict=True))
        side = dict(zip(self.split["image"], self.split["split"], strict=True))
        patient = dict(zip(self.split["image"], self.split["patient"], strict=True))
        patients = dict(zip(readings["image"], readings["patient"], strict=True))
        found, seen, other, another = np.full(len(images), NONE, np.int64), [], [], []
        for row, image in enumerate(images):
            name = by_content.get(own[image], image) if own[image] else image
            if own[image] and content.get(name, own[image]) != own[image]:
                other.append(image)
            elif not own[image] and patient.get(name, patients[image]) != patients[image]:
                another.append(image)
            elif side.get(name, "test") != "test":
                seen.append(image)
            else:
                found[row] = self.grade.get(name, NONE)
        lines = []
        if seen:
            lines.append(
                f"{self.name}: was trained or validated on {_some(seen)}: leave them out of the readings"
            )
        if other:
            lines.append(f"{self.name}: has another content (sha256) under the names of {_some(other)}")
        if another:
            lines.append(
                f"{self.name}: has images of another patient under the names of {_some(another)}; add a "
                "column sha256, by which images are found under any name"
            )
        if lines:
            raise UserError("\n  ".join(lines))
        if (found == NONE).all():
            raise UserError(
                f"{self.name}: it graded none of the {len(images)} images of the readings; evaluate the run "
                "on their cohort (livergrade.evaluate) and give the folder of the evaluation as run="
            )
        return found


def read_network(folder: str) -> Network:
    """Read the test predictions of a run, or of an evaluation.

    Raises:
        UserError: it is no finished run, or its split leaks.
    """
    if not is_folder(Path(folder)):
        raise UserError(f"run={shown(folder)}: there is no such folder")
    run = Run(Path(folder))
    if not run.finished:
        raise UserError(
            f"run={shown(folder)}: holds no finished run; give the folder of one run, or of an evaluation"
        )
    leakage = run.metrics["leakage"]
    if leakage["leaking"]:
        raise UserError(
            f"run={shown(folder)}: {leakage['sentence']} Its agreement would show nothing; give a run with "
            "split=patient"
        )
    images = aggregate(run.tested)["image"]
    grade = dict(zip(images.names, map(int, images.predicted), strict=True))
    return Network(display_name(run.folder), run.classes, grade, run.split)


def _some(images: list[str]) -> str:
    """How many images, and the first of them."""
    named = shown(", ".join(images[:_LISTED]), 300) + (", …" if len(images) > _LISTED else "")
    return f"{len(images)} image{'s' * (len(images) > 1)} of the readings ({named})"
