"""Two readings have the same key exactly if they give the same pixels."""

from livergrade.io.pixel_reading import AS_FILED, PixelReading


def test_keys_differ_where_pixels_may() -> None:
    keys = [reading.key() for reading in (AS_FILED, PixelReading(bits=12), PixelReading(bits=14))]
    assert len(set(keys)) == 3
    assert PixelReading(bits=12).key() == keys[1]
