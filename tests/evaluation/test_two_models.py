"""Two models of which it is drawn whom they grade correctly."""

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.evaluation.two_models import TwoModels


@pytest.mark.parametrize("typed", [(None, None), (0.3, None), (0.24, 0.14)])
def test_what_is_drawn_is_what_was_asked_for(typed: tuple[float | None, float | None]) -> None:
    models = TwoModels.of(0.8, 0.1, 0.038, *typed)
    rng, fold = np.random.default_rng(0), np.zeros(400, np.int64)
    drawn = np.array([models.draw(4, fold, rng) for _ in range(150)])  # [R, 2, S, P]
    first, second = drawn[:, 0], drawn[:, 1]
    assert first.mean() == pytest.approx(0.85, abs=0.008)
    assert second.mean() == pytest.approx(0.75, abs=0.008)
    others = (first[:, 0] != second[:, 1]).mean()
    assert others == pytest.approx(models.discordance, abs=0.012)
    if typed[0]:
        assert models.discordance == pytest.approx(typed[0], abs=1e-4)
    if typed[1]:
        assert models.seed_discordance == pytest.approx(typed[1], abs=1e-4)
    apart = drawn.mean(3) - drawn.mean((2, 3))[:, :, None]
    spread = np.sqrt((apart**2).sum(2).mean() / 3 - models.seed_discordance / 2 / 400)
    assert spread == pytest.approx(0.038, abs=0.004)


def test_the_discordance_of_the_simulations_is_the_default() -> None:
    assert TwoModels.of(0.8, 0.0, 0.038).discordance == pytest.approx(0.16, abs=0.015)
    assert TwoModels.of(0.8, 0.1, 0.038).discordance == pytest.approx(0.187, abs=0.003)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((0.8, 0.2, 0.038, 0.1), r"discordance=10: .* grade 20\.\d to 34\.\d % of the patients differently"),
        ((0.98, 0.01, 0.15), r"training_sd=15: .* can't spread so far"),
        ((0.8, 0.1, 0.038, 0.2, 0.3), r"seed_discordance=30: .* no more than trainings of two models"),
    ],
)
def test_models_that_cannot_be_are_refused_with_what_can(words: tuple[float, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        TwoModels.of(*words)
