"""Parameters that differ between grades and patients in the synthetic cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livergrade.data.synthetic.canvas import Array


@dataclass(frozen=True)
class Trend:
    """A quantity that changes with differentiation: its value at -1 (poor) and at +1 (well)."""

    poor: float
    well: float

    def at(self, differentiation: float | Array) -> Array:
        """Value at `differentiation`, linear between the two ends, and constant a little beyond them."""
        weight = np.clip((np.asarray(differentiation, np.float32) + 1) / 2, -0.25, 1.25)
        return np.asarray(self.poor + (self.well - self.poor) * weight, np.float32)


@dataclass(frozen=True)
class Anatomy:
    """Sizes (µm), densities and stain uptake (optical density) of the parts of liver tissue.

    The changes with differentiation follow the description of the grades by Edmondson & Steiner
    (Cancer 7:462, 1954) and the WHO classification; stain uptake was matched to scanned liver sections.
    """

    cell_spacing_um: Trend = Trend(13.6, 20.2)
    plate_um: Trend = Trend(95.0, 42.0)  # distance between sinusoids
    sinusoid_um: Trend = Trend(4.6, 5.2)
    sinusoid_open: Trend = Trend(-0.15, 0.68)  # share of the full width, before local variation
    nucleus_um: Trend = Trend(9.3, 7.3)
    nucleus_spread: Trend = Trend(0.22, 0.08)  # standard deviation of the log diameter
    nucleus_irregularity: Trend = Trend(0.13, 0.04)  # of the radius
    nucleus_elongation: Trend = Trend(0.24, 0.08)  # standard deviation of the log axis ratio
    nucleus_haematoxylin: Trend = Trend(0.80, 0.62)
    nucleus_haematoxylin_spread: Trend = Trend(0.27, 0.14)  # standard deviation of the log uptake
    nucleus_vesicular: Trend = Trend(0.60, 0.45)  # 0 solid, 1 pale inside a clear membrane
    nucleus_shown: Trend = Trend(0.92, 0.80)  # share of cells cut through their nucleus
    nucleolus_um: Trend = Trend(2.3, 1.3)
    mitoses: Trend = Trend(0.014, 0.0005)  # share of nuclei
    glands_per_mm2: Trend = Trend(4.0, 75.0)  # pseudoacini
    cytoplasm_haematoxylin: Trend = Trend(0.175, 0.11)

    gland_lumen_um: float = 9.0  # median radius
    gland_spacing_um: float = 58.0
    vessel_spacing_um: float = 420.0
    vessel_um: tuple[float, float] = (14.0, 38.0)  # radius
    vessel_wall_um: float = 4.0
    band_um: float = 330.0  # distance between fibrous bands
    fibre_um: float = 2.6
    red_cell_um: float = 6.6
    lymphocyte_um: float = 5.8
    spindle_um: float = 4.6
    membrane_um: float = 0.5
    # textures, as pairs of grain (µm) and standard deviation
    granules: tuple[tuple[float, float], ...] = ((0.8, 0.10), (1.6, 0.12), (3.2, 0.13), (7.0, 0.08))
    chromatin: tuple[tuple[float, float], ...] = ((0.7, 0.15), (1.2, 0.28), (2.2, 0.22))
    collagen: tuple[tuple[float, float], ...] = ((1.8, 0.12), (12.0, 0.15))
    cytoplasm_eosin: float = 0.215
    cell_border_eosin: float = 0.09
    stroma_eosin: float = 0.33
    stroma_haematoxylin: float = 0.06
    red_cell_uptake: float = 0.43
    lymphocyte_haematoxylin: float = 1.15
    spindle_haematoxylin: float = 0.95


@dataclass(frozen=True)
class Patient:
    """Random effects of one patient: the tissue, and how it was cut, stained and photographed.

    Multipliers are around 1. Stain vectors are the optical densities of red, green and blue at unit uptake.
    """

    seed: tuple[int, ...]
    differentiation: float = 0.0
    differentiation_spread: float = 0.25  # within the region
    haematoxylin_vector: tuple[float, float, float] = (0.57, 0.71, 0.41)
    eosin_vector: tuple[float, float, float] = (0.17, 0.83, 0.52)
    red_cell_vector: tuple[float, float, float] = (0.13, 0.79, 0.59)
    haematoxylin: float = 1.0
    eosin: float = 1.0
    thickness: float = 1.0
    focus_um: float = 0.35  # standard deviation of the blur
    lamp: tuple[float, float, float] = (243.0, 243.0, 243.0)  # grey levels of empty glass
    cell_size: float = 1.0
    nucleus_size: float = 1.0
    plate_width: float = 1.0
    sinusoid_width: float = 1.0
    stretch: float = 1.5  # of the plates, along `direction_rad`
    direction_rad: float = 0.0
    fat: float = 0.022  # share of cells with a vacuole
    vacuole_um: float = 6.0  # median radius
    fibrosis: float = 0.08  # share of the area
    lymphocytes: float = 0.25  # 0 none, 1 crowded
    congestion: float = 0.22  # share of the blood spaces filled with red cells
    clearing: float = 0.15  # share of cells with pale, glycogen-rich cytoplasm


ANATOMY = Anatomy()
