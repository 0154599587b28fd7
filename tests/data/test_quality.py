"""Images of tissue that no one should train on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from livergrade.data.quality import IMPLAUSIBLE, Limits, implausible, measure, reasons


def test_what_is_wrong_with_an_image_is_found() -> None:
    rng = np.random.default_rng(0)
    tissue = np.clip(np.array([190, 110, 170]) + rng.normal(0, 25, (400, 400, 1)), 0, 255).astype(np.uint8)
    limits = Limits(tissue=0.3, focus=6, pen=0.02, fold=0.1, burnt=0.02)
    assert reasons(measure(tissue, 1.0), limits) == []
    glass, inked, folded, flat = tissue.copy(), tissue.copy(), tissue.copy(), tissue.copy()
    glass[:, 100:] = 244
    inked[100:200, 100:200] = (20, 120, 60)
    folded[:, :80] = (40, 8, 30)
    flat[:] = (190, 110, 170)
    told = {
        "too little tissue: 25%, at least 30%": glass,
        "pen marks: 6.25%, at most 2%": inked,
        "folds: 19.3% of the tissue, at most 10%": folded,
        "out of focus: sharpness 0, at least 6": flat,
    }
    assert {text: reasons(measure(image, 1.0), limits) for text, image in told.items()} == {
        text: [text] for text in told
    }


def stained(seed: int = 0) -> NDArray[np.uint8]:
    """Pink with violet spots, ``uint8 [256, 256, 3]``."""
    rng = np.random.default_rng(seed)
    spots = cv2.GaussianBlur(rng.random((256, 256)).astype(np.float32), (0, 0), 3) > 0.51
    image = np.where(spots[..., None], (95, 60, 140), (225, 170, 205)) + rng.normal(0, 6, (256, 256, 1))
    return cv2.GaussianBlur(image.clip(0, 255), (0, 0), 1).astype(np.uint8)


def test_what_can_not_be_h_and_e_is_named_by_absolute_limits() -> None:
    image = stained()
    rng = np.random.default_rng(1)
    assert implausible(image) == ""
    for what, odd in (
        ("nearly black images", image // 16),  # 12 bits in a file of 16
        ("nearly black images", image // 4),  # 14 bits
        ("nearly black images", np.zeros_like(image)),
        ("nearly white images", 255 - image // 16),
        ("images without structure", np.full_like(image, 128)),
        ("images of noise", rng.integers(0, 256, image.shape).astype(np.uint8)),
        ("negative images", 255 - image),
        ("greyscale images", np.repeat(image[..., :1], 3, 2)),
    ):
        assert implausible(odd) == what, what
        assert IMPLAUSIBLE[what], what
    for paler in (1, 0.7, 0.4):  # faint stains and underexposure by a third are none of these
        assert implausible((255 - (255 - image.astype(float)) * paler).astype(np.uint8)) == ""
    assert implausible((image * 0.67).astype(np.uint8)) == ""
