"""A trained network, ready to grade images with the run's test-time augmentation, on the network's device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor

from livergrade.config.schema import PredictConfig
from livergrade.config.views import view_count
from livergrade.data.augment import ViewParams, make_views
from livergrade.data.cache import cached_size
from livergrade.errors import UserError
from livergrade.evaluation.ood import distances
from livergrade.evaluation.scale import other_scale
from livergrade.evaluation.temperature import scaled
from livergrade.explanations.maps import class_activation
from livergrade.inference.readers import ReadBatch, read_ahead
from livergrade.io.field_of_view import field_of_view
from livergrade.io.images import ImageError, read_square, square_of
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.similar import meant
from livergrade.models.build import normalisation
from livergrade.models.hooks import has_maps
from livergrade.models.mean_network import members_of
from livergrade.runs.run import Run


class Grader:
    """The best network of a finished run, or those of all members of an ensemble, which answer as one.

    Args:
        run: the run.
        views: ``all``, ``upright`` or a number of angles, as text; None for the run's ``augment.test_views``.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        calibrated: whether :meth:`grade` calibrates the probabilities with the run's temperature, if any.

    Raises:
        UserError: there is no such run, or no GPU although one is requested.
    """

    def __init__(
        self, run: Run, views: str | None = None, accelerator: str = "auto", *, calibrated: bool = False
    ) -> None:
        run.require_trained()
        options = run.config
        if accelerator == "gpu" and not torch.cuda.is_available():
            raise UserError("accelerator=gpu: PyTorch finds no GPU here; leave it out to grade on the CPU")
        gpu = accelerator != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if gpu else "cpu")
        self.format = torch.channels_last if gpu else torch.contiguous_format
        # On a GPU as the run was trained and tested, on a CPU always in float32.
        trained_in = run.environment.get("precision", "bf16-mixed") if gpu else "32-true"
        self.autocast = {"bf16": torch.bfloat16, "16": torch.float16}.get(trained_in.partition("-")[0])
        self.classes = options.data.classes
        self.net = run.network().to(self.device).to(memory_format=self.format)
        self.members = [str(run.folder) for run in run.members]
        self.ensemble = len(self.members) > 1
        self.model = run.model
        self.image_size, self.border = options.data.image_size, options.augment.border
        self.size = cached_size(self.image_size, self.border)
        # Side of a view as a share of the side of the center crop.
        self.view_fraction = 1 / math.sqrt(2) if self.border == "crop" else 1.0
        self.reading = options.data.reading()
        self.appearance, self.scale = run.appearance, run.scale
        self.calibration = run.calibration
        self.temperature: float | None = self.calibration["temperature"] if calibrated else None
        self.normalisation = normalisation(options.model.name, **options.model.architecture())
        angles = round(360 / options.augment.step_degrees)
        requested = views or options.augment.test_views
        count = view_count(requested, angles)
        if count is None:
            raise UserError(
                f"views={requested}: {meant(requested, ('all', 'upright'))}must be all, upright or a number "
                f"from 1 to {angles}"
            )
        self.degrees = [index * angles // count * options.augment.step_degrees for index in range(count)]

    def require_maps(self) -> None:
        """Check that the network supports class-activation maps.

        Raises:
            UserError: it does not.
        """
        if not has_maps(self.net):
            raise UserError(f"{self.model} has no layer for class-activation maps, so none can be shown")

    def warnings(self, *, calibrated: bool) -> list[str]:
        """Return warnings that probabilities are not calibrated, or unlike images not detected, one per line.

        Args:
            calibrated: whether calibrated probabilities were requested.
        """
        lines = []
        if calibrated and not self.temperature:
            lines.append(f"probabilities are not calibrated: {self.calibration.get('reason')}")
        if math.isinf(self.limit):
            lines.append("images unlike the training images are not detected: the run has no limit for them")
        return lines

    def read(self, image: Path | Image, mpp: float | None, reading: PixelReading) -> NDArray[np.uint8]:
        """Read the center crop of an image, ``uint8 [S, S, 3]`` with ``S`` = :attr:`size`.

        Args:
            image: a file, or a picture in memory.
            mpp: µm per pixel of the image; None: unknown, and it counts as of the run's scale.
            reading: how its samples are read.

        Raises:
            ImageError: it can't be read, or shows much more or less tissue than the run's training images.
        """
        if self.scale and mpp and (problem := other_scale(field_of_view(image, mpp), self.scale)):
            raise ImageError(problem)
        if isinstance(image, Path):
            return read_square(image, self.size, reading)
        return square_of(image, self.size, reading)

    def read_ahead(
        self, read: Callable[[int], NDArray[np.uint8]], count: int, config: PredictConfig
    ) -> Iterator[ReadBatch]:
        """Read images or tiles for this grader, as `livergrade.inference.readers.read_ahead` does."""
        return read_ahead(
            read,
            count,
            batch_size=config.batch_size,
            workers=config.workers,
            measure=self.appearance is not None,
            pin=self.device.type == "cuda",
        )

    def view(self, images: Tensor, degrees: float) -> Tensor:
        """Return the network's input for a batch of center crops, rotated anticlockwise.

        Args:
            images: ``uint8 [B, S, S, 3]`` with ``S`` = :attr:`size`, on :attr:`device`.
            degrees: angle of rotation.

        Returns:
            ``float32 [B, 3, image_size, image_size]``, normalised.
        """
        params = ViewParams.upright(len(images), self.device)
        return make_views(
            images,
            replace(params, degrees=params.degrees + degrees),
            size=self.image_size,
            border=self.border,
            normalisation=self.normalisation,
        )

    def activation(self, images: Tensor) -> NDArray[np.float32]:
        """Return the HiResCAM of the upright views of a batch of center crops.

        Computed by :func:`livergrade.explanations.maps.class_activation`.

        Args:
            images: ``uint8 [B, S, S, 3]`` with ``S`` = :attr:`size`.

        Returns:
            ``float32 [B, classes, h, w]``, for the central :attr:`view_fraction` of the crop's side.
        """
        _, maps = class_activation(self.net, self.view(images.to(self.device), 0.0))
        hires_cam: NDArray[np.float32] = maps["hires_cam"].cpu().numpy()
        return hires_cam

    def distances(self, appearance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the OOD distances of center crops to the training images, ``float64 [B]``.

        NaN if the run has no OOD statistics.

        Args:
            appearance: of center crops of side :attr:`size`, ``float64 [B, F]``
                (:func:`livergrade.evaluation.ood.appearance`).
        """
        if not self.appearance:
            return np.full(len(appearance), np.nan)
        return distances(appearance, self.appearance)

    def ood_score(self, distance: float) -> dict[str, float]:
        """Return ``distance`` of an image, and ``unlike``: 1 if it is above the OOD threshold, else 0.

        Without a threshold ``unlike`` is NaN: nothing was compared.
        """
        fitted = math.isfinite(self.limit)
        return {"distance": float(distance), "unlike": float(distance > self.limit) if fitted else math.nan}

    @property
    def limit(self) -> float:
        """OOD threshold: images with a larger distance are out of distribution; infinite if not fitted."""
        limit = self.appearance["limit"] if self.appearance else None
        return math.inf if limit is None else float(limit)

    def grade(self, images: Tensor) -> NDArray[np.float64]:
        """Grade a batch of center crops, each at every angle.

        Args:
            images: ``uint8 [B, S, S, 3]`` with ``S`` = :attr:`size`.

        Returns:
            Probabilities, ``float64 [B, views, classes]``; of an ensemble the mean over its members.
        """
        return self.grade_members(images)[0]

    @torch.inference_mode()
    def grade_members(self, images: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Grade a batch as `grade` does, and tell how far the members of an ensemble differ.

        Args:
            images: ``uint8 [B, S, S, 3]`` with ``S`` = :attr:`size`.

        Returns:
            Probabilities, ``float64 [B, views, classes]``, and the standard deviation over the members of
            the predicted grade's probability, the mean over the views, ``float64 [B]``; NaN of a single run.
        """
        on_device = images.to(self.device, non_blocking=True)
        per_view = []
        for degrees in self.degrees:
            view = self.view(on_device, degrees).contiguous(memory_format=self.format)
            with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
                logits = [net(view) for net in members_of(self.net)]
            per_view.append(torch.stack([one.float().softmax(1) for one in logits], 1))
        members: NDArray[np.float64] = torch.stack(per_view, 2).double().cpu().numpy()  # [B, M, views, K]
        members /= members.sum(3, keepdims=True)
        probabilities = members.mean(1)
        if self.temperature:
            probabilities, members = (scaled(values, self.temperature) for values in (probabilities, members))
        if not self.ensemble:
            return probabilities, np.full(len(images), np.nan)
        predicted = probabilities.mean(1).argmax(1)
        return probabilities, members.mean(2)[np.arange(len(images)), :, predicted].std(1)
