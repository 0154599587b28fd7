"""Which networks were trained on the images that are explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livergrade.explanations.explained import Chosen
from livergrade.io.kept import file_sha256
from livergrade.runs.run import Run


@dataclass(frozen=True)
class SeenImage:
    """An image that networks were trained on, or that chose their epoch.

    Attributes:
        name: of the image.
        trained: the networks that were trained on it, as ``fold 0, fold 2``; empty: none.
        validated: those whose epoch it helped to choose.
        tested: those that it is a test image of.
    """

    name: str
    trained: str
    validated: str
    tested: str


def seen_images(run: Run, images: Sequence[Chosen]) -> list[SeenImage]:
    """The images that some network of a run or sweep was trained on or selected with, in their order.

    They are known by the SHA-256 of their files, so a named image of the cohort is found under any name.

    Args:
        run: the run, or the ensemble of a sweep.
        images: images whose files can be read.
    """
    members = [
        (_called(member, run), dict(zip(member.split["sha256"], member.split["split"], strict=True)))
        for member in run.members
    ]
    seen = []
    for image in images:
        content = file_sha256(image.path)
        by_part = {
            part: ", ".join(name for name, parts in members if parts.get(content) == part)
            for part in ("train", "val", "test")
        }
        if by_part["train"] or by_part["val"]:
            seen.append(SeenImage(image.name, by_part["train"], by_part["val"], by_part["test"]))
    return seen


def _called(member: Run, run: Run) -> str:
    """What a member is called: by its fold, by its seed if they differ, or as the only network."""
    seeds = {one.config.seed for one in run.members}
    of_fold = [f"fold {member.config.split.fold}"] if member.config.split.name == "kfold" else []
    of_seed = [f"seed {member.config.seed}"] if len(seeds) > 1 else []
    return " of ".join(of_fold + of_seed) or "the network"
