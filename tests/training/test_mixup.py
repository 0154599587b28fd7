"""Views and targets mixed alike."""

import pytest
import torch

from livergrade.training.mixup import apply_mixup


@pytest.mark.parametrize("shape", [(64, 3, 4, 4), (64, 5)])
def test_views_and_targets_are_mixed_alike(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    grades = torch.arange(64) % 4
    targets = torch.eye(4)[grades]
    shown = torch.zeros(shape)
    shown[:, 0] = grades.view(-1, *[1] * (len(shape) - 2)).float()  # what a view shows tells its target
    views, mixture = apply_mixup(shown, targets, 0.5)
    torch.testing.assert_close(
        views[:, 0].flatten(1)[:, 0] if len(shape) > 2 else views[:, 0], mixture @ torch.arange(4.0)
    )
    torch.testing.assert_close(mixture.sum(1), torch.ones(64))
    assert (mixture.max(1).values < 0.999).any()


def test_each_view_keeps_the_grade_that_most_of_it_shows() -> None:
    torch.manual_seed(0)
    targets = torch.eye(3)[torch.arange(300) % 3]
    _, mixture = apply_mixup(torch.zeros(300, 2), targets, 1.0)
    assert (mixture[targets.bool()] >= 0.5).all()


def test_the_seed_says_what_is_drawn() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        drawn.append(apply_mixup(torch.arange(8.0)[:, None], torch.eye(8), 0.4)[0])
    assert torch.equal(*drawn)
