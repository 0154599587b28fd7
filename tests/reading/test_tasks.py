"""Who sees which image when."""

from collections import Counter

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from livergrade.reading.tasks import by_doubt, differing, shuffled
from tests.conftest import examples


@given(st.integers(1, 30), st.integers(0, 15), st.text(min_size=1, max_size=3), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(50), deadline=None)
def test_every_image_comes_and_repeats_come_late(images: int, repeats: int, reader: str, seed: int) -> None:
    repeats = min(repeats, images // 2)
    order = shuffled(images, reader, seed, repeats)
    counts = Counter(order)
    assert sorted(counts) == list(range(images))
    assert sorted(counts.values()) == [1] * (images - repeats) + [2] * repeats
    for image in (image for image, count in counts.items() if count == 2):
        first, again = (at for at, number in enumerate(order) if number == image)
        assert again - first >= images // 2
    assert order == shuffled(images, reader, seed, repeats)


def test_each_reader_has_another_order_and_the_same_repeats() -> None:
    orders = [shuffled(40, reader, 0, 5) for reader in ("anna", "ben")]
    assert orders[0] != orders[1]
    twice = [{image for image, count in Counter(order).items() if count == 2} for order in orders]
    assert twice[0] == twice[1]
    assert len(twice[0]) == 5
    assert shuffled(40, "anna", 1) != shuffled(40, "anna", 0)


def test_images_on_which_readers_differ_most_come_first() -> None:
    answers = {0: ["poor", "poor"], 1: ["poor", "well"], 2: ["poor", "well", None], 3: ["well", None]}
    assert differing(answers) == [2, 1, 3]


def test_doubt_is_what_a_network_gives_to_other_grades() -> None:
    table = pd.DataFrame(
        {
            "image": ["a", "a", "b"],
            "grade": ["poor", "poor", "well"],
            "p_poor": [0.9, 0.7, 0.6],
            "p_well": [0.1, 0.3, 0.4],
        }
    )
    assert by_doubt(table, ["poor", "well"]).round(6).to_dict() == {"a": 0.2, "b": 0.6}
