"""Images of tissue that no one should train on."""

import numpy as np

from livergrade.data.quality import Limits, measure, reasons


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
    for image, fault in ((glass, "tissue"), (inked, "pen"), (folded, "fold"), (flat, "focus")):
        (reason,) = reasons(measure(image, 1.0), limits)
        assert reason.startswith(fault)
