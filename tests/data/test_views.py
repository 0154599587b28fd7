"""Which views of which images a pass shows, in which order."""

from dataclasses import replace

import numpy as np
import pytest

from livergrade.config.schema import AugmentConfig
from livergrade.data.views import ViewBatches, ViewKey, ViewSampler

ROWS = np.array([3, 5, 8])


def test_all_views_of_every_row_once() -> None:
    keys = list(ViewSampler(ROWS, "all", AugmentConfig(), train=True))
    assert sorted(key[:2] for key in keys) == [(row, angle) for row in ROWS for angle in range(36)]
    assert keys != sorted(keys)


def test_upright_and_evenly_spread_views() -> None:
    assert [key[:2] for key in ViewSampler(ROWS, "upright", AugmentConfig())] == [(row, 0) for row in ROWS]
    assert [key[:2] for key in ViewSampler(ROWS[:1], "4", AugmentConfig())] == [
        (3, 0),
        (3, 9),
        (3, 18),
        (3, 27),
    ]
    varied = AugmentConfig(crop=0.7, stain=0.2, contrast=0.2, brightness=0.1)
    assert {key[2:] for key in ViewSampler(ROWS, "all", varied)} == {ViewKey(0, 0)[2:]}


def test_training_varies_what_is_asked_for_and_nothing_else() -> None:
    columns = {
        "flip": ["mirrored"],
        "crop": ["side", "right", "down"],
        "stain": ["red", "green", "blue"],
        "contrast": ["contrast"],
        "brightness": ["brightness"],
    }
    still = AugmentConfig(flip=False, stain=0.0)
    for name, own in columns.items():
        varied = replace(still, **{name: {"flip": True, "crop": 0.7}.get(name, 0.2)})
        keys, same = list(ViewSampler(ROWS, "all", varied, train=True)), ViewKey(0, 0)
        changed = [
            field
            for field in ViewKey._fields[2:]
            if any(getattr(key, field) != getattr(same, field) for key in keys)
        ]
        assert changed == own, name
    sides = [key.side for key in ViewSampler(ROWS, "all", replace(still, crop=0.7), train=True)]
    assert 0.7 <= min(sides) < 0.75
    assert 0.95 < max(sides) <= 1


@pytest.mark.parametrize(("views", "count"), [("sample", 1), ("5", 5)])
def test_sampled_views_change_with_the_epoch_and_come_back(views: str, count: int) -> None:
    plan = ViewSampler(ROWS, views, AugmentConfig(stain=0.1), seed=1, train=True)
    passes = []
    for epoch in (0, 1, 0):
        plan.set_epoch(epoch)
        passes.append(list(plan))
    assert passes[0] == passes[2] != passes[1]
    assert len(plan) == len(set(passes[0])) == 3 * count
    angles = {key[1] for epoch in range(300) for key in (plan.set_epoch(epoch), *plan)[1:]}
    assert angles == set(range(36))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_same_pass(world: int) -> None:
    seven = AugmentConfig(step_degrees=360 / 7)
    whole = list(ViewSampler(ROWS, "all", seven, seed=2, train=True))
    parts = [
        ViewSampler(ROWS, "all", seven, seed=2, train=True, rank=rank, world=world) for rank in range(world)
    ]
    assert len({len(list(part)) for part in parts}) == 1
    dealt = [key for keys in zip(*parts, strict=True) for key in keys]
    assert dealt[: len(whole)] == whole


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_hold_the_views_of_the_epoch_that_is_set_before_the_first(drop_last: bool) -> None:
    plan = ViewSampler(ROWS, "5", AugmentConfig(stain=0.1), seed=1, train=True)
    batches = ViewBatches(plan, 4, drop_last=drop_last)
    begun = iter(batches)
    plan.set_epoch(3)
    found = list(begun)
    assert [len(batch) for batch in found] == ([4, 4, 4] if drop_last else [4, 4, 4, 3])
    assert len(batches) == len(found)
    assert [tuple(row) for batch in found for row in batch] == list(plan)[: sum(map(len, found))]
    of_keys = ViewBatches(list(plan), 4)
    assert np.array_equal(np.concatenate(list(of_keys)), plan.table())
