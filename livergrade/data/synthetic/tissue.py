"""Draw one region of liver-like tissue, stained with haematoxylin and eosin, as in a microscope.

The layout is in micrometres and is sampled afterwards, so a region is the same tissue at any resolution.
Each part of the tissue takes up some of each stain; the image follows from the Beer–Lambert law with one
optical-density vector per stain (Ruifrok & Johnston, Anal Quant Cytol Histol 23:291, 2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from livergrade.data.synthetic.anatomy import ANATOMY, Anatomy, Patient
from livergrade.data.synthetic.canvas import Array, Canvas, Mask


@dataclass
class Section:
    """State of the section: uptake of the stains, and absorption by the red cells' own colour."""

    haematoxylin: Array
    eosin: Array
    red: Array

    def cover(self, share: Array, haematoxylin: float | Array, eosin: float | Array) -> None:
        """Replace the fraction `share` of each pixel by new material."""
        self.haematoxylin += share * (haematoxylin - self.haematoxylin)
        self.eosin += share * (eosin - self.eosin)


@dataclass(frozen=True)
class Architecture:
    """Positions of the parts of the tissue. Coverages are between 0 and 1 for each pixel."""

    differentiation: Array
    blood: Array  # depth in µm inside the nearest blood space, negative outside
    stroma: Array
    fibres: Array  # constant along the fibres of the stroma
    lumen: Array
    acini: Array  # lumens with their cells
    gland_xy: Array
    gland_um: Array  # radius of the lumen, 0 where there is no gland
    cell_um: float


@dataclass(frozen=True)
class Cells:
    """Possible hepatocyte sites, (N, 2) in µm, and whether each is occupied."""

    xy: Array
    present: Mask


@dataclass(frozen=True)
class Nuclei:
    """Nuclei as parallel arrays of length N; `xy` is (N, 2)."""

    xy: Array
    radius_um: Array
    aspect: Array
    angle_rad: Array
    haematoxylin: Array
    irregularity: Array
    vesicular: Array
    nucleolus_um: Array

    def keep(self, mask: Mask) -> Nuclei:
        """The nuclei for which `mask` holds."""
        return Nuclei(*(getattr(self, f.name)[mask] for f in fields(self)))


def draw_region(
    patient: Patient,
    size_um: tuple[float, float],
    shape: tuple[int, int],
    um_per_px: float,
    anatomy: Anatomy = ANATOMY,
) -> NDArray[np.uint8]:
    """Draw a region of tissue.

    Args:
        patient: Patient of the tissue.
        size_um: Height and width of the layout; the same tissue at any sampling.
        shape: Rows and columns of the image, in pixels.
        um_per_px: Micrometres per pixel.
        anatomy: Sizes and stain uptake of the parts.

    Returns:
        RGB image, (rows, columns, 3) uint8.
    """
    canvas = Canvas(size_um, shape, um_per_px, patient.seed)
    place = _architecture(canvas, patient, anatomy)
    cells = _cells(canvas, place)
    section = _cytoplasm(canvas, patient, anatomy, place, cells)
    room = _soft(place.blood, um_per_px)
    section.cover(room, 0.0, np.maximum(0.03 + 0.04 * canvas.noise("plasma", 9), np.float32(0)))
    _stroma(canvas, anatomy, place, section)
    vacuoles, centres = _vacuoles(canvas, patient, place, cells)
    _lumens(canvas, anatomy, place, section)
    section.cover(vacuoles, 0.0, 0.0)
    _red_cells(canvas, patient, anatomy, place, room * (1 - vacuoles), section)
    empty = np.maximum(place.lumen, vacuoles)
    for nuclei in (
        _hepatocyte_nuclei(canvas, patient, anatomy, place, centres),
        _other_nuclei(canvas, patient, anatomy, place),
    ):
        _stain_nuclei(canvas, anatomy, nuclei, empty, section)
    return _photograph(canvas, patient, section)


def _soft(depth_um: Array, um_per_px: float) -> Array:
    """Coverage of a pixel by a shape, from the depth of the pixel inside the shape."""
    return np.asarray(np.clip(depth_um / np.float32(max(um_per_px, 0.8)) + np.float32(0.5), 0, 1), np.float32)


def _architecture(canvas: Canvas, p: Patient, a: Anatomy) -> Architecture:
    """Lay out blood spaces, fibrous bands and glands."""
    d = p.differentiation + p.differentiation_spread * canvas.noise("differentiation", 300)
    cell_um = float(a.cell_spacing_um.at(p.differentiation)) * p.cell_size
    gland_xy, gland_um = _glands(canvas, a, d)
    acini = canvas.blobs("acini", gland_xy, np.where(gland_um > 0, gland_um + 0.95 * cell_um, 0), 0.0)
    lumen = canvas.blobs("gland lumens", gland_xy, gland_um, 0.18)

    plate_um = float(a.plate_um.at(p.differentiation)) * p.plate_width
    width = a.sinusoid_um.at(d) * p.sinusoid_width
    sinusoids = np.full(canvas.shape, -1e3, np.float32)
    for part, closed in (("plates", 0.0), ("links", 0.45)):  # links connect the sinusoids, and are rarer
        run = canvas.noise(part, 2 * plate_um, banded=True, stretch=p.stretch, angle_rad=p.direction_rad)
        run += 0.13 * canvas.noise(f"{part} detail", 26)
        variation = canvas.noise(f"{part} width", 45)
        half = width * np.clip(a.sinusoid_open.at(d) - closed + 0.55 * variation, -0.2, 1.8) / 2
        np.maximum(sinusoids, half - _distance_to_zero(run, canvas.um_per_px), out=sinusoids)
    sinusoids += canvas.texture("sinusoid edge", ((5.0, 0.7), (12.0, 0.5)))

    fibres = canvas.noise("bands", a.band_um) + 0.2 * canvas.noise("bands detail", 60)
    fibrosis = p.fibrosis * np.maximum(1 + 0.7 * canvas.noise("fibrosis", 450), 0)
    # the band is where the noise is near zero; its slope there, about 3 per period, turns it into a depth
    bands = 0.32 * a.band_um * (1.25 * fibrosis - np.abs(fibres))

    vessel_xy = canvas.sites("vessels", a.vessel_spacing_um, 0.4)
    rng = canvas.rng("vessel size")
    vessel_um = rng.uniform(*a.vessel_um, len(vessel_xy)).astype(np.float32)
    vessels = canvas.blobs("vessels", vessel_xy, vessel_um, 0.15)
    vessels = _depth(vessels, 8.0, canvas.um_per_px)
    wall = vessels + a.vessel_wall_um * (1 + 0.5 * canvas.noise("vessel wall", 30))

    outside_glands = -_depth(acini, 3.0, canvas.um_per_px)
    blood = np.minimum(np.minimum(sinusoids, -bands - 1), outside_glands)
    stroma = np.minimum(np.maximum(bands, wall), outside_glands)
    return Architecture(
        differentiation=d,
        blood=np.maximum(blood, vessels),
        stroma=_soft(np.minimum(stroma, -vessels), canvas.um_per_px),
        fibres=fibres,
        lumen=lumen,
        acini=acini,
        gland_xy=gland_xy,
        gland_um=gland_um,
        cell_um=cell_um,
    )


def _depth(coverage: Array, reach_um: float, um_per_px: float) -> Array:
    """Depth in µm inside a shape, near its edge: within `reach_um` the blurred edge is a linear ramp."""
    ramp = np.asarray(cv2.GaussianBlur(coverage, (0, 0), reach_um / um_per_px), np.float32) - np.float32(0.5)
    return ramp * np.float32(reach_um * math.sqrt(2 * math.pi))


def _distance_to_zero(field: Array, um_per_px: float) -> Array:
    """Distance in µm to the zero level of a smooth field, to first order."""
    scale = 1 / (32 * um_per_px)
    dx = cv2.Scharr(field, cv2.CV_32F, 1, 0, scale=scale)
    dy = cv2.Scharr(field, cv2.CV_32F, 0, 1, scale=scale)
    slope = np.asarray(cv2.magnitude(dx, dy), np.float32)
    floor = np.float32(0.5) * slope.mean(dtype=np.float32)  # where two level sets touch, the slope vanishes
    return np.asarray(np.abs(field) / np.maximum(slope, floor), np.float32)


def _glands(canvas: Canvas, a: Anatomy, d: Array) -> tuple[Array, Array]:
    """Sites of pseudoacini and the radii (µm) of their lumens, 0 if there is none."""
    rng = canvas.rng("glands")
    xy = canvas.sites("glands", a.gland_spacing_um, 0.25)
    per_mm2 = 1e6 / (a.gland_spacing_um**2 * math.sqrt(3) / 2)
    frequency = math.exp(0.4 * rng.standard_normal())
    keep = rng.random(len(xy)) < a.glands_per_mm2.at(canvas.at(d, xy)) / per_mm2 * frequency
    radius = np.clip(a.gland_lumen_um * rng.lognormal(0, 0.45, len(xy)), 4, 22).astype(np.float32)
    return xy, np.where(keep, radius, np.float32(0))


def _cells(canvas: Canvas, place: Architecture) -> Cells:
    """Place the hepatocytes: in plates outside the sinusoids, and in rings around glandular lumens."""
    clear_um = 4.5
    xy = canvas.sites("cells", place.cell_um, 0.33)
    slope = canvas.slope(place.blood, xy, 2.0)
    slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-3)
    xy = xy - slope * np.clip(clear_um + canvas.at(place.blood, xy), 0, 7)[:, None]
    free = (canvas.at(place.blood, xy) < -1) & (canvas.at(place.stroma, xy) < 0.5)
    free &= canvas.at(place.acini, xy) < 0.5

    rng = canvas.rng("gland cells")
    slots = len(place.gland_xy), 18
    middle = place.gland_um + 0.55 * place.cell_um
    n = np.clip(np.rint(2 * math.pi * middle / (0.58 * place.cell_um)), 6, slots[1])[:, None]
    angle = 2 * math.pi * (np.arange(slots[1]) + rng.uniform(-0.2, 0.2, slots)) / n
    ring = (middle[:, None] + rng.uniform(-1, 1.5, slots)) * np.exp(1j * angle)
    around = (place.gland_xy[:, None] + np.stack([ring.real, ring.imag], -1)).reshape(-1, 2)
    present = ((np.arange(slots[1]) < n) & (place.gland_um[:, None] > 0)).ravel()
    present &= ((around > 0) & (around < canvas.size_um[::-1])).all(1)
    return Cells(np.concatenate([xy, around.astype(np.float32)]), np.concatenate([free, present]))


def _cytoplasm(canvas: Canvas, p: Patient, a: Anatomy, place: Architecture, cells: Cells) -> Section:
    """Granular cytoplasm with a different tone for each cell, and the borders between cells."""
    px = np.float32(canvas.um_per_px)
    owner, _ = canvas.territories(cells.xy[cells.present])
    rng = canvas.rng("cell tone")
    n = len(cells.xy)
    tone = rng.normal(1, 0.07, n) * np.where(rng.random(n) < p.clearing, 0.6, 1.0)
    same = np.ones(canvas.shape, np.uint8)
    same[:, 1:] &= owner[:, 1:] == owner[:, :-1]
    same[1:] &= owner[1:] == owner[:-1]
    to_border = cv2.distanceTransform(same, cv2.DIST_L2, 3) * px
    wide = np.hypot(np.float32(0.6), 0.5 * px)
    border = np.exp(-((to_border / wide) ** 2)) * (np.float32(0.6) / wide)
    body = tone[cells.present].astype(np.float32)[owner] * (1 + canvas.texture("granules", a.granules))
    patches = 1 + 0.10 * canvas.noise("patches", 80)
    return Section(
        haematoxylin=a.cytoplasm_haematoxylin.at(place.differentiation) * (0.3 + 0.7 * body) * patches,
        eosin=np.maximum(a.cytoplasm_eosin * body + a.cell_border_eosin * border, 0),
        red=np.zeros(canvas.shape, np.float32),
    )


def _stroma(canvas: Canvas, a: Anatomy, place: Architecture, section: Section) -> None:
    """Collagen in wavy fibres that run along the bands."""
    per_fibre = np.float32(2 * 0.32 * a.band_um / a.fibre_um)  # strand nodes per unit of `fibres`
    across = place.fibres * per_fibre + np.float32(1.2) * canvas.noise("fibre waves", 22)
    along = canvas.noise("fibre ends", 180) * np.float32(12)
    strands = canvas.rng("strands").standard_normal((512, 128), np.float32)
    strands = np.asarray(cv2.GaussianBlur(strands, (0, 0), 1.0), np.float32) * np.float32(3.5)
    fibre = cv2.remap(strands, along + 64, across + 256, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    eosin = a.stroma_eosin * (1 + 0.28 * fibre + canvas.texture("collagen", a.collagen))
    section.cover(place.stroma, a.stroma_haematoxylin, np.maximum(eosin, np.float32(0.05)))


def _lumens(canvas: Canvas, a: Anatomy, place: Architecture, section: Section) -> None:
    """Lumens of the pseudoacini, some with secretion, and the denser border of the cells around them."""
    section.eosin += 4 * a.cell_border_eosin * place.lumen * (1 - place.lumen)
    secretion = np.maximum(canvas.noise("secretion", 12), np.float32(0))
    section.cover(place.lumen, 0.02, np.float32(0.08) * secretion)


def _vacuoles(canvas: Canvas, p: Patient, place: Architecture, cells: Cells) -> tuple[Array, Cells]:
    """Fat: round empty vacuoles in some cells, and the displaced nuclei of these cells."""
    rng = canvas.rng("fat")
    n = len(cells.xy)
    zone = np.exp(0.7 * canvas.noise("fat zone", 220) - 0.25)
    fatty = cells.present & (rng.random(n) < p.fat * canvas.at(zone, cells.xy))
    fatty &= canvas.at(place.acini, cells.xy) < 0.5
    radius = np.minimum(p.vacuole_um * rng.lognormal(0, 0.45, n), 18).astype(np.float32)
    fatty[fatty] = _without_overlap(cells.xy[fatty], radius[fatty])
    angle = rng.uniform(0, 2 * math.pi, n)
    aside = (radius + 1.5)[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    holes = canvas.blobs("vacuoles", cells.xy, np.where(fatty, radius, 0), 0.05)
    return holes, Cells(np.where(fatty[:, None], cells.xy + aside, cells.xy), cells.present)


def _without_overlap(xy: Array, radius: Array) -> Mask:
    """Of overlapping circles keep the largest; a wall of cytoplasm remains between neighbours."""
    order = np.argsort(-radius)
    distance = np.hypot(*(xy[order, None] - xy[None, order]).transpose(2, 0, 1))
    meet = np.triu(distance < 1.06 * (radius[order, None] + radius[order]), 1)
    keep = np.ones(len(xy), bool)
    for i in range(len(xy)):
        if keep[i]:
            keep &= ~meet[i]
    mask = np.empty_like(keep)
    mask[order] = keep
    return mask


def _red_cells(
    canvas: Canvas, p: Patient, a: Anatomy, place: Architecture, room: Array, section: Section
) -> None:
    """Red cells in the congested part of the blood spaces."""
    rng = canvas.rng("red cells")
    xy = canvas.sites("red cells", 0.8 * a.red_cell_um, 0.33)
    slope = canvas.slope(place.blood, xy, 2.0)  # in a narrow sinusoid they form a line along its middle
    depth = canvas.at(place.blood, xy)[:, None]
    xy = xy + np.where((depth > -3) & (depth < 2), slope * np.clip(2 - depth, 0, 4), 0).astype(np.float32)
    congestion = canvas.at(canvas.noise("congestion", 90), xy) + rng.normal(0, 0.5, len(xy))
    present = (canvas.at(room, xy) > 0.6) & (congestion > 1.2 - 2.4 * p.congestion)
    radius = np.where(present, rng.uniform(0.4, 0.52, len(xy)) * a.red_cell_um, 0).astype(np.float32)
    uptake = a.red_cell_uptake * (1 + 0.15 * canvas.noise("red cell tone", 5))
    section.red += uptake * room * canvas.blobs("red cells", xy, radius, 0.12)


def _hepatocyte_nuclei(canvas: Canvas, p: Patient, a: Anatomy, place: Architecture, cells: Cells) -> Nuclei:
    """Round nuclei; larger, darker and more variable with loss of differentiation, some in mitosis."""
    rng = canvas.rng("hepatocyte nuclei")
    n = len(cells.xy)
    d = canvas.at(place.differentiation, cells.xy)
    size, shape, stain, pale = rng.standard_normal((4, n)).astype(np.float32)
    mitosis = rng.random(n) < a.mitoses.at(d)
    shown = rng.random(n) < a.nucleus_shown.at(d)

    def either(dividing: float, resting: Array) -> Array:
        return np.where(mitosis, np.float32(dividing), resting)

    size_um = a.nucleus_um.at(d) * np.float32(p.nucleus_size) * np.exp(a.nucleus_spread.at(d) * size)
    uptake = a.nucleus_haematoxylin.at(d) * np.exp(a.nucleus_haematoxylin_spread.at(d) * stain)
    vesicular = np.asarray(np.clip(a.nucleus_vesicular.at(d) + 0.2 * pale, 0, 0.95), np.float32)

    return Nuclei(
        xy=cells.xy + rng.normal(0, 1.0, (n, 2)).astype(np.float32),
        radius_um=either(4.2, size_um / np.float32(2)),
        aspect=either(2.4, np.exp(a.nucleus_elongation.at(d) * shape)),
        angle_rad=rng.uniform(0, math.pi, n).astype(np.float32),
        haematoxylin=either(1.4, uptake),
        irregularity=either(0.3, a.nucleus_irregularity.at(d)),
        vesicular=either(0.0, vesicular),
        nucleolus_um=either(0.1, a.nucleolus_um.at(d) / np.float32(2)),
    ).keep(shown & cells.present)


def _other_nuclei(canvas: Canvas, p: Patient, a: Anatomy, place: Architecture) -> Nuclei:
    """Lymphocytes in aggregates, fibroblasts along fibres, endothelium and Kupffer cells along sinusoids."""
    rng = canvas.rng("other nuclei")
    xy = canvas.sites("other nuclei", 1.05 * a.lymphocyte_um, 0.4)
    n = len(xy)
    draw = rng.random(n)
    stroma = canvas.at(place.stroma, xy) > 0.6
    wall = np.abs(canvas.at(place.blood, xy)) < 1.4
    crowd = canvas.at(canvas.noise("lymphocytes", 60) + 0.6 * canvas.noise("lymphocytes wide", 220), xy)
    dense = np.clip(crowd - (1.9 - 1.8 * p.lymphocytes), 0, 1)
    lymphocyte = draw < np.where(stroma, 0.05 + 0.75 * dense, 0.003 + 0.12 * dense * p.lymphocytes)
    spindle = ~lymphocyte & (draw > np.where(stroma, 0.88, np.where(wall, 0.80, 1.0)))
    keep = (lymphocyte | spindle) & (canvas.at(place.acini, xy) < 0.5) & (canvas.at(place.blood, xy) < 2)
    slope = np.where(stroma[:, None], canvas.slope(place.fibres, xy, 4.0), canvas.slope(place.blood, xy, 2.0))
    along = np.arctan2(slope[:, 1], slope[:, 0]) + math.pi / 2 + rng.normal(0, 0.2, n)
    diameter = np.where(lymphocyte, a.lymphocyte_um, a.spindle_um) * rng.lognormal(0, 0.12, n)
    uptake = np.where(lymphocyte, a.lymphocyte_haematoxylin, a.spindle_haematoxylin)
    return Nuclei(
        xy=xy,
        radius_um=(diameter / 2).astype(np.float32),
        aspect=np.where(lymphocyte, rng.uniform(1, 1.25, n), rng.uniform(2, 4.5, n)).astype(np.float32),
        angle_rad=along.astype(np.float32),
        haematoxylin=(uptake * rng.lognormal(0, 0.18, n)).astype(np.float32),
        irregularity=np.full(n, 0.08, np.float32),
        vesicular=np.full(n, 0.15, np.float32),
        nucleolus_um=np.full(n, 0.1, np.float32),
    ).keep(keep)


def _stain_nuclei(canvas: Canvas, a: Anatomy, nuclei: Nuclei, empty: Array, section: Section) -> None:
    """Draw outline, membrane, chromatin and nucleolus. Parts thinner than a pixel keep their integral."""
    if not len(nuclei.xy):
        return
    px = np.float32(canvas.um_per_px)
    owner, distance = canvas.territories(nuclei.xy)
    root = np.sqrt(nuclei.aspect)
    reach = nuclei.radius_um * np.maximum(root, 1 / root) * (1 + 2 * nuclei.irregularity) + px
    where = np.flatnonzero(distance < reach[owner])
    k = owner.ravel()[where]
    row, column = np.divmod(where, canvas.shape[1])
    dx = (column.astype(np.float32) + 0.5) * px - nuclei.xy[k, 0]
    dy = (row.astype(np.float32) + 0.5) * px - nuclei.xy[k, 1]
    cosine, sine = np.cos(nuclei.angle_rad), np.sin(nuclei.angle_rad)
    long, short = nuclei.radius_um * root, nuclei.radius_um / root
    u = (cosine / long)[k] * dx + (sine / long)[k] * dy
    v = (cosine / short)[k] * dy - (sine / short)[k] * dx
    r = np.sqrt(u * u + v * v) + nuclei.irregularity[k] * canvas.noise("nuclear outline", 4.5).ravel()[where]
    cover = np.clip(0.5 + (1 - r) * np.minimum(long, short)[k] / px, 0, 1) * (1 - empty.ravel()[where])

    wide = np.hypot(np.float32(a.membrane_um), 0.5 * px)
    membrane = np.exp(-(((r - 0.93) * nuclei.radius_um[k] / wide) ** 2)) * (np.float32(a.membrane_um) / wide)
    chromatin = canvas.texture("chromatin", a.chromatin).ravel()[where]
    spot = nuclei.nucleolus_um**2 + (0.4 * px) ** 2
    aside = 0.3 * nuclei.radius_um
    spot_x, spot_y = aside * np.cos(7 * nuclei.angle_rad), aside * np.sin(7 * nuclei.angle_rad)
    to_spot = (dx - spot_x[k]) ** 2 + (dy - spot_y[k]) ** 2
    nucleolus = (nuclei.nucleolus_um**2 / spot)[k] * np.exp(-to_spot / spot[k])
    pale = nuclei.vesicular[k]
    uptake = nuclei.haematoxylin[k] * (
        1 - 0.45 * pale + 0.6 * pale * membrane + (0.25 + 0.75 * pale) * chromatin + 0.5 * nucleolus
    )
    for layer, new in ((section.haematoxylin, np.maximum(uptake, 0.12)), (section.eosin, np.float32(0.12))):
        flat = layer.ravel()
        flat[where] += cover * (new - flat[where])


def _photograph(canvas: Canvas, p: Patient, section: Section) -> NDArray[np.uint8]:
    """Apply the Beer–Lambert law to the lamp's light; add defocus blur and sensor noise."""
    thickness = p.thickness * (1 + 0.05 * canvas.noise("thickness", 250))
    uptake = cv2.merge([layer * thickness for layer in (section.haematoxylin, section.eosin, section.red)])
    vectors = np.array([p.haematoxylin_vector, p.eosin_vector, p.red_cell_vector])
    vectors *= np.array([[p.haematoxylin], [p.eosin], [1]]) / np.linalg.norm(vectors, axis=1, keepdims=True)
    log_light = cv2.transform(uptake, np.column_stack([-math.log(10) * vectors.T, np.log(p.lamp)]))
    blur_px = math.hypot(p.focus_um / canvas.um_per_px, 0.3)  # the pixel's own aperture
    light = cv2.GaussianBlur(cv2.exp(log_light), (0, 0), blur_px)
    sensor = np.float32(1.3) * canvas.noise("sensor", 2 * canvas.um_per_px)
    return np.asarray(cv2.add(light, cv2.merge([sensor] * 3), dtype=cv2.CV_8U), np.uint8)
