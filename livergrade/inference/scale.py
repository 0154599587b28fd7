"""Grade at the scale that the run was trained at: the side of a slide's tiles, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from livergrade.config.schema import PredictConfig
from livergrade.errors import UserError
from livergrade.evaluation.scale import FACTOR, Scale, is_of_scale
from livergrade.inference.inputs import Input

log = logging.getLogger(__name__)

PAPER_UM = 383.0
"""Side of a tile for a run of unknown scale: the shorter side of the paper's images, 1393 px of 0.275 µm."""


def with_tile_side(config: PredictConfig, scale: Scale | None, inputs: Sequence[Input]) -> PredictConfig:
    """Return the options with ``tile_um``: as it was typed, else the field of view of the run.

    Raises:
        UserError: the typed side differs from the run's field of view by more than
            :data:`livergrade.evaluation.scale.FACTOR`.
    """
    slides = any(item.slide for item in inputs)
    if scale is None:
        if slides and config.tile_um is None:
            log.warning(
                "the run's scale is not known: tiles of %g µm, as the paper's images; set tile_um=<µm> to "
                "the field of view of the run's training images",
                PAPER_UM,
            )
        return replace(config, tile_um=config.tile_um or PAPER_UM)
    if config.tile_um is None:
        return replace(config, tile_um=scale["median"])
    numbers = f"tile_um={config.tile_um:g}, and the run was trained on images of {scale['median']:.1f} µm"
    if not is_of_scale(config.tile_um, scale):
        raise UserError(
            f"{numbers}: they differ by more than {FACTOR:g} times, so the network would see another "
            "magnification; leave out tile_um"
        )
    if slides and abs(config.tile_um / scale["median"] - 1) > 0.01:
        log.warning("%s", numbers)
    return config


def log_unknown_scale(images: Sequence[Input], mpp: float | None, scale: Scale | None) -> None:
    """Say once if the scale of images, or of the run, is not known, so that they can't be compared.

    Args:
        images: the images that are graded.
        mpp: µm per pixel of images of which no table says it.
        scale: the run's scale.
    """
    unknown = sum(image.mpp is None for image in images) if mpp is None else 0
    if scale and unknown:
        log.warning(
            "the scale of %d of %d images is not known; they are treated as images of the run's %.0f µm; "
            "give "
            "mpp=<µm per pixel>, or the column mpp of a table",
            unknown,
            len(images),
            scale["median"],
        )
    if not scale and unknown < len(images):
        log.warning("the run's scale is not known, so mpp of the images is not compared with it")
