"""Canvas of one tissue region, on which shapes are drawn as optical densities."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Canvas:
    """Tissue of extent `size_um` (height, width), sampled at `shape` pixels with spacing `um_per_px`.

    The layout covers the whole extent, which does not depend on the sampling; the pixels start at its upper
    left corner. Each part of the tissue has its own random generator, and draws for every possible site
    before the pixels decide which sites are used: an additional or missing cell moves no other cell.
    """

    size_um: tuple[float, float]
    shape: tuple[int, int]
    um_per_px: float
    seed: tuple[int, ...]

    def rng(self, part: str) -> np.random.Generator:
        """Random generator of one tissue part: no part depends on how, or whether, another was drawn."""
        return np.random.default_rng([*self.seed, zlib.crc32(part.encode())])

    def noise(
        self,
        part: str,
        grain_um: float,
        *,
        banded: bool = False,
        stretch: float = 1.0,
        angle_rad: float = 0.0,
    ) -> Array:
        """Smooth noise of mean 0 and variance 1, sampled at the pixels.

        Args:
            part: Name of the random generator.
            grain_um: Approximate width of the features; the period if `banded`.
            banded: Keep one octave, so that the level sets form a labyrinth.
            stretch: Ratio of the feature length along `angle_rad` to that across it.
            angle_rad: Direction of the stretch.
        """
        px = self.um_per_px
        if grain_um < 1.4 * px:  # averaged out within a pixel
            return np.zeros(self.shape, np.float32)
        step = grain_um / 5.7 if banded else grain_um / 2  # 5.7: the period of the band below, in nodes
        n = math.ceil(self.size_um[0] / step) + 1, math.ceil(self.size_um[1] / step) + 1
        # random bytes are fast, and the filter makes them nearly Gaussian
        node_shape = n if stretch == 1 else (math.ceil(math.hypot(*n)),) * 2
        random_bytes = self.rng(part).bytes(math.prod(node_shape))
        nodes = np.frombuffer(random_bytes, np.uint8).reshape(node_shape).astype(np.float32)
        nodes = (nodes - np.float32(127.5)) / np.float32(math.sqrt((256**2 - 1) / 12))
        smooth = np.asarray(cv2.GaussianBlur(nodes, (5, 5), 1.0), np.float32)
        if banded:
            smooth -= np.asarray(cv2.GaussianBlur(nodes, (9, 9), 1.6), np.float32)
            smooth /= smooth.std()
        else:
            smooth /= np.float32((cv2.getGaussianKernel(5, 1.0) ** 2).sum())
        if stretch != 1:
            cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
            rotation = np.array([[cosine / stretch, sine / stretch], [-sine, cosine]])
            shift = np.array(node_shape) / 2 - rotation @ np.array(n[::-1]) / 2
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            smooth = cv2.warpAffine(smooth, np.column_stack([rotation, shift]), n[::-1], flags=flags)  # type: ignore[assignment]
        if step > 4 * px:  # nodes so far apart that linear interpolation would be visible
            smooth = cv2.resize(smooth, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
        size = round(n[1] * step / px), round(n[0] * step / px)
        return np.asarray(cv2.resize(smooth, size)[: self.shape[0], : self.shape[1]], np.float32)

    def texture(self, part: str, grains: tuple[tuple[float, float], ...]) -> Array:
        """Sum of noises, each given by its grain in µm and its standard deviation."""
        layers = (np.float32(deviation) * self.noise(f"{part} {um}", um) for um, deviation in grains)
        return sum(layers, np.zeros(self.shape, np.float32))

    def sites(self, part: str, spacing_um: float, jitter: float) -> Array:
        """Points (N, 2), x and y in µm, of a hexagonal lattice, each shifted by up to `jitter` spacings."""
        height, width = self.size_um
        row_um = spacing_um * math.sqrt(3) / 2
        y, x = np.mgrid[0 : int(height / row_um) + 2, 0 : int(width / spacing_um) + 2].astype(np.float32)
        xy = np.stack([(x + 0.5 * (y % 2)) * spacing_um, y * row_um], -1).reshape(-1, 2)
        xy += self.rng(part).uniform(-jitter, jitter, xy.shape).astype(np.float32) * spacing_um
        return self.inside(xy)

    def inside(self, xy: Array) -> Array:
        """The points inside the canvas."""
        height, width = self.size_um
        return xy[((xy > 0) & (xy < (width - 0.01, height - 0.01))).all(1)]

    def pixels(self, xy: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the pixel at each point; the nearest pixel for points outside."""
        rows, cols = self.shape
        column, row = np.clip((xy / self.um_per_px).astype(np.intp), 0, (cols - 1, rows - 1)).T
        return row, column

    def at(self, field: Array, xy: Array) -> Array:
        """Values of a pixel field at points."""
        return field[self.pixels(xy)]

    def slope(self, field: Array, xy: Array, reach_um: float) -> Array:
        """Gradient (N, 2) per µm of a pixel field at points, by central differences."""
        reach = max(reach_um, self.um_per_px)
        steps = np.array([[reach, 0], [0, reach]], np.float32)
        rise = np.stack([self.at(field, xy + s) - self.at(field, xy - s) for s in steps], -1)
        return np.asarray(rise / (2 * reach), np.float32)

    def territories(self, xy: Array) -> tuple[NDArray[np.int32], Array]:
        """Index of the nearest point, and the distance to it in µm, for every pixel."""
        where = self.pixels(xy)
        blank = np.ones(self.shape, np.uint8)
        blank[where] = 0
        distance, labels = cv2.distanceTransformWithLabels(
            blank, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        index = np.zeros(int(labels.max()) + 1, np.int32)
        index[labels[where]] = np.arange(len(xy), dtype=np.int32)
        return index[labels], np.asarray(distance, np.float32) * np.float32(self.um_per_px)

    def blobs(self, part: str, xy: Array, radius_um: Array, wobble: float) -> Array:
        """Pixel coverage by round shapes; the radius varies along the outline by `wobble` of itself.

        Shapes of radius 0 are skipped.
        """
        mask = np.zeros(self.shape, np.uint8)
        angle = np.linspace(0, 2 * math.pi, 20, endpoint=False, dtype=np.float32)
        order = np.arange(2, 5, dtype=np.float32)[:, None]
        amplitude, phase = self.rng(part).standard_normal((2, len(xy), 3)).astype(np.float32)
        amplitude /= order[:, 0]
        waves = np.einsum("nk,kv->nv", amplitude * np.cos(3 * phase), np.cos(order * angle))
        waves += np.einsum("nk,kv->nv", amplitude * np.sin(3 * phase), np.sin(order * angle))
        radius = radius_um[:, None] * np.clip(1 + wobble * waves, 0.4, 1.6)
        outline = xy[:, None] + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        bits = 4
        for polygon in np.rint((outline[radius_um > 0] / self.um_per_px - 0.5) * 2**bits).astype(np.int32):
            cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, bits)
        return mask.astype(np.float32) / np.float32(255)
