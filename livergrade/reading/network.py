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

    def problems(self, readings: pd.DataFrame) -> list[tuple[int, str]]:
        """Which readings are of no image that it was tested on, though it knows the image or its name.

        Args:
            readings: ``image``, ``sha256`` and ``patient`` of each, text.

        Returns:
            Their labels in the table's index, each with the reason.
        """
        content = dict(zip(self.split["image"], self.split["sha256"], strict=True))
        side = dict(zip(self.split["image"], self.split["split"], strict=True))
        patient = dict(zip(self.split["image"], self.split["patient"], strict=True))
        own, found = self._known_as(readings), list[tuple[int, str]]()
        for row, image, of in zip(readings.index, readings["image"], readings["patient"], strict=True):
            name, sha256 = own[image]
            if sha256 and content.get(name, sha256) != sha256:
                found.append((row, f"{self.name} has another content (sha256) under the name of the image"))
            elif not sha256 and of and patient.get(name, of) != of:
                reason = f"{self.name} has an image of another patient under the name of this one"
                found.append(
                    (row, f"{reason}; add a column sha256, by which images are found under any name")
                )
            elif side.get(name, "test") != "test":
                found.append((row, f"{self.name} was trained or validated on the image; leave it out"))
        return found

    def grades_of(self, readings: pd.DataFrame, images: list[str]) -> Ints:
        """Grade of each of the images that readers graded, int64 [N]; −1 where there is none.

        An image is found by its content where the readings have the SHA-256, else by its name.

        Args:
            readings: all readings, without `problems`.
            images: names of the images, as in the readings.

        Raises:
            UserError: the network graded none of them.
        """
        own = self._known_as(readings)
        found = np.array([self.grade.get(own[image][0], NONE) for image in images], np.int64)
        if (found == NONE).all():
            raise UserError(
                f"{self.name}: it graded none of the {len(images)} images of the readings; evaluate the run "
                "on their cohort (livergrade.evaluate) and give the folder of the evaluation as run="
            )
        return found

    def _known_as(self, readings: pd.DataFrame) -> dict[str, tuple[str, str]]:
        """Image of the readings → its name in the run, and its SHA-256 in any of its readings, or blank."""
        own: dict[str, str] = dict(zip(readings["image"], readings["sha256"], strict=True))
        own |= {image: sha for image, sha in zip(readings["image"], readings["sha256"], strict=True) if sha}
        by_content: dict[str, str] = dict(zip(self.split["sha256"], self.split["image"], strict=True))
        return {image: (by_content.get(sha, image) if sha else image, sha) for image, sha in own.items()}


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
