"""A folder that WSInfer and QuPath's WSInfer extension run: a TorchScript network and ``config.json``.

Both programs cut patches of a size that ``config.json`` tells, scale them to [0, 1] and apply softmax to what
the network returns. The network therefore has everything from such a patch on inside, and returns the
logarithm of the calibrated probabilities, which softmax leaves as they are.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor, nn

from livergrade.config.schema import ExportConfig
from livergrade.deploy.exportable import ExportableModel, exportable
from livergrade.deploy.model_card import card_pages
from livergrade.deploy.parity import draw_noise, images_to_check
from livergrade.errors import UserError
from livergrade.evaluation.scale import FACTOR, Scale, in_words, is_of_scale
from livergrade.inference.grader import Grader
from livergrade.inference.input_tables import named_by
from livergrade.io.files import atomic_write, write_json
from livergrade.io.images import ImageError, read_square
from livergrade.reports.verdict import limits, verdict
from livergrade.runs.run import Run, display_name

log = logging.getLogger(__name__)

SPEC = "1.0"
"""Version of the format of ``config.json``."""


class WsinferConfig(TypedDict):
    """Content of ``config.json``, as WSInfer's model zoo defines it.

    Attributes:
        spec_version: `SPEC`.
        architecture: name of the network; not used by the programs.
        num_classes: number of grades.
        class_names: the grades, worst to best.
        patch_size_pixels: side of a patch, pixels.
        spacing_um_px: µm per pixel of a patch.
        transform: what is done to a patch, step by step.
    """

    spec_version: str
    architecture: str
    num_classes: int
    class_names: list[str]
    patch_size_pixels: int
    spacing_um_px: float
    transform: list[dict[str, Any]]


class PatchNetwork(nn.Module):
    """Patches to logarithms of calibrated probabilities.

    Args:
        pipeline: views, normalisation, network and temperature.
    """

    def __init__(self, pipeline: ExportableModel) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, patches: Tensor) -> Tensor:
        """Grade patches.

        Args:
            patches: ``float32 [B, 3, size, size]``, 0 to 1.

        Returns:
            Logarithms of the mean probabilities over the views, ``float32 [B, classes]``; finite also where
            a grade has no probability.
        """
        mean = self.pipeline.grade((patches * 255).round()).mean(1)
        return mean.clamp_min(torch.finfo(torch.float32).tiny).log()


def tile_side(given: float | None, scale: Scale | None) -> float:
    """Side in µm of the tissue that a patch shows: as ``livergrade.predict`` cuts a slide's tiles.

    Args:
        given: as it was typed; None: as the run's training images.
        scale: of the run.

    Raises:
        UserError: the run's scale is not known and no side was given, or it is another scale than the run's.
    """
    if scale is None and given is None:
        raise UserError(
            "to=wsinfer: the run's scale is not known, so the size of a patch is unknown; give tile_um=<µm "
            "on the shorter side of the run's training images>"
        )
    if scale and given and not is_of_scale(given, scale):
        raise UserError(
            f"tile_um={given:g}, and the run was trained on images of {scale['median']:.1f} µm: they "
            f"differ by more than {FACTOR:g} times, so the network would see another "
            "magnification; leave out tile_um"
        )
    return given or (scale or {"median": 0.0})["median"]


def write_wsinfer(out: Path, run: Run, grader: Grader, config: ExportConfig) -> str:
    """Write the folder, and keep the network only if it agrees with the run's.

    Args:
        out: the folder.
        run: the run.
        grader: its network, on the CPU.
        config: the options.

    Returns:
        A sentence on what was written and how far it is from the run's network.

    Raises:
        UserError: the run's scale is not known, or probabilities differ by more than ``tolerance``.
    """
    side = tile_side(config.tile_um, run.scale)
    log.info("writing %s as TorchScript", grader.model)
    images, source = images_to_check(
        run, config.images, config.n, outside=config.data.outside, named=named_by(config.data)
    )
    target = out / "torchscript_model.pt"
    with atomic_write(target) as part:
        _trace(PatchNetwork(exportable(grader)), grader.size, part)
        agreement = _check(part, grader, images, source, config)
        if not agreement["max_difference_of_means"] <= config.tolerance:
            raise UserError(
                f"{target}: not written, because its probabilities differ from the run's network by up to "
                f"{agreement['max_difference_of_means']:.2g} ({agreement['images']} {source}), more than "
                f"tolerance={config.tolerance:g}; raise tolerance if your use allows it"
            )
    told = wsinfer_config(grader, side)
    write_json(told, out / "config.json")
    _write_readme(out / "README.md", run, grader, told, agreement)
    return (
        f"{target.stat().st_size / 1e6:.1f} MB; patches of {side:.1f} µm; probabilities differ from those of "
        f"the run's network by at most {agreement['max_difference_of_means']:.1e}, over "
        f"{agreement['images']} images ({agreement['source']})"
    )


def wsinfer_config(grader: Grader, side: float) -> WsinferConfig:
    """Content of ``config.json``: patches are the central squares that the run's views are made of.

    Args:
        grader: the network.
        side: of the tissue that a patch shows, µm.
    """
    return {
        "spec_version": SPEC,
        "architecture": grader.model,
        "num_classes": len(grader.classes),
        "class_names": list(grader.classes),
        "patch_size_pixels": grader.size,
        "spacing_um_px": side / grader.size,
        "transform": [{"name": "Resize", "arguments": {"size": grader.size}}, {"name": "ToTensor"}],
    }


def _trace(net: nn.Module, size: int, target: Path) -> None:
    """Write a network as TorchScript: the older format, as PyTorch warns, but the one the programs read."""
    example, buffer = torch.rand(2, 3, size, size), io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net.eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
    with ZipFile(buffer) as whole, ZipFile(target, "w") as kept:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):  # source lines, with folders of this machine
                kept.writestr(entry, whole.read(entry))


def _check(
    file: Path, grader: Grader, images: Sequence[Path], source: str, config: ExportConfig
) -> dict[str, Any]:
    """Grade the central squares of images with the file and with the run's network, and compare.

    Raises:
        UserError: an image can't be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = torch.jit.load(str(file))  # type: ignore[no-untyped-call]
    reading = config.data.reading(grader.reading)
    differences, differ = [], 0
    with TemporaryDirectory() as folder, torch.inference_mode():
        for path in images or draw_noise(Path(folder)):
            try:
                crop = torch.tensor(read_square(path, grader.size, reading))[None]
            except ImageError as error:
                raise UserError(f"{path} {error}; name other images") from None
            found = net(crop.permute(0, 3, 1, 2) / 255).softmax(1)[0].numpy()
            expected = grader.grade(crop)[0].mean(0)
            differences.append(float(np.abs(found - expected).max()))
            differ += int(found.argmax() != expected.argmax())
    return {
        "images": len(differences),
        "source": source,
        "max_difference_of_means": max(differences),
        "grades_differ": differ,
    }


def _write_readme(
    path: Path, run: Run, grader: Grader, told: WsinferConfig, agreement: dict[str, Any]
) -> None:
    """Write what QuPath shows of the model: where it goes, what it was checked on, and what it can't do."""
    text = (
        card_pages()
        .get_template("wsinfer_readme.md.j2")
        .render(
            model=run.model,
            members=len(run.members),
            run_name=display_name(run.folder),
            verdict=verdict(run.metrics, run.model),
            limits=limits(run.metrics, run.config),
            scale=in_words(run.scale),
            views=grader.degrees,
            temperature=grader.temperature,
            icc=grader.reading.icc,
            config=told,
            side=told["spacing_um_px"] * told["patch_size_pixels"],
            agreement=agreement,
        )
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
