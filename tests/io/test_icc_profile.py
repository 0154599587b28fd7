"""Which profiles mean sRGB, told from their bytes."""

import numpy as np
import pytest
from PIL import ImageCms

from livergrade.io.icc_profile import MOST_BYTES, is_srgb
from tests.io import profiles


def table(count: int) -> bytes:
    """sRGB's curve as so many values."""
    levels = np.linspace(0, 1, count)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return profiles.sampled(*np.round(65535 * linear).astype(int))


@pytest.mark.parametrize(
    "profile",
    [
        profiles.rgb(),
        profiles.rgb(curve=table(1024)),
        profiles.grey(),
        profiles.grey(table(256)),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_srgb_is_known_by_its_numbers(profile: bytes) -> None:
    assert is_srgb(profile)


@pytest.mark.parametrize(
    "profile",
    [
        profiles.rgb(profiles.DISPLAY_P3),
        profiles.rgb(profiles.ADOBE_RGB, profiles.sampled(563)),
        profiles.rgb(curve=profiles.sampled()),
        profiles.rgb(curve=profiles.parametric(2.6)),
        profiles.rgb(curve=profiles.parametric(2.4, 1 / 1.055, 0.055 / 1.055)),
        profiles.rgb(curve=profiles.parametric(2.4, 1 / 1.055, 0.055 / 1.055, 0.1)),
        profiles.rgb(curve=profiles.parametric(*profiles.SRGB_CURVE, 0.1, 0.1)),
        profiles.rgb(curve=profiles.parametric(2.4, 0.0, 0.0)),
        profiles.rgb(curve=b"what" + bytes(20)),
        profiles.grey(profiles.parametric(1.8)),
        profiles.profile({"A2B0": bytes(64)} | {}, "CMYK", kind="prtr"),
        profiles.rgb().replace(b"cprt", b"A2B0"),
        profiles.profile({}),
    ],
)
def test_others_are_not(profile: bytes) -> None:
    assert not is_srgb(profile)


def test_what_is_broken_is_none_and_ends_in_no_error() -> None:
    sound = profiles.rgb()
    assert not is_srgb(b"")
    assert not is_srgb(sound + bytes(MOST_BYTES))
    assert not is_srgb(sound[:128] + b"\xff\xff\xff\xff" + sound[132:])
    for length in range(0, len(sound) - 40, 7):
        assert not is_srgb(sound[:length])
    rng = np.random.default_rng(0)
    for _ in range(200):  # any of these, but no exception
        noise = np.frombuffer(sound, np.uint8).copy()
        noise[rng.integers(0, len(noise), 8)] = rng.integers(0, 256, 8)
        is_srgb(noise.tobytes())
