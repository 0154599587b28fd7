"""Two models and their trainings, of which it is drawn whom they grade correctly.

Whether a training grades a patient correctly is read from a latent value: a part that all networks share, a
part of the model, a part of the training on this patient, and the training's own skill. Their shares of the
variance are those that give the discordance, the discordance of seeds and the spread of trainings that are
asked for.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Ints
from livergrade.evaluation.intervals import Bools

COMMON = 0.71
"""Share of the latent variance that networks have in common: equally good ones of 80 % then grade 16 % of the
patients differently, as those of benchmarks/comparisons.py do."""


@dataclass(frozen=True)
class TwoModels:
    """Two models that are compared by patient.

    Attributes:
        accuracy: mean of their accuracies, a share.
        apart: true difference of their accuracies, a share.
        common: share of the latent variance that all networks have in common.
        own: share of it that the trainings of a model have in common, and no other model.
        skill: share of it that is a training's own, the same for all patients.
    """

    accuracy: float
    apart: float
    common: float
    own: float
    skill: float

    @classmethod
    def of(
        cls,
        accuracy: float,
        apart: float,
        training_sd: float,
        discordance: float | None = None,
        seed_discordance: float | None = None,
    ) -> TwoModels:
        """Models with what is known of them; all are shares.

        Args:
            accuracy: mean of their accuracies.
            apart: true difference of their accuracies.
            training_sd: standard deviation of the true accuracies of trainings of one model.
            discordance: share of patients whom a training of each model grades differently, so that one of
                them is right; None: as many as networks of the simulations do, see `COMMON`.
            seed_discordance: the same of two trainings of one model; None: a training of another model errs
                no more differently than one of the same model.

        Raises:
            UserError: no two models can be so; says which numbers fit.
        """
        low, high = (quantile(accuracy + sign * apart / 2) for sign in (-1, 1))
        middle = quantile(accuracy)
        skill = _correlation(middle, middle, 2 * (accuracy * (1 - accuracy) - training_sd**2))
        if skill is None or (common := COMMON) + skill > 1:
            raise UserError(
                f"training_sd={100 * training_sd:g}: trainings of a model with an accuracy of "
                f"{100 * accuracy:g} % can't spread so far; give a lower accuracy or training_sd"
            )
        if discordance is not None:
            fewest, most = (_discordant(high, low, one) for one in (1 - skill, 0))
            if not fewest <= discordance <= most:
                raise UserError(
                    f"discordance={100 * discordance:g}: two models around {100 * accuracy:g} % that are "
                    f"{100 * apart:g} points apart, with training_sd={100 * training_sd:g}, grade "
                    f"{100 * fewest:.1f} to {100 * most:.1f} % of the patients differently"
                )
            common = _correlation(high, low, discordance) or 0.0
        if seed_discordance is None:
            return cls(accuracy, apart, common, 0.0, skill)
        seeds = _correlation(middle, middle, seed_discordance)
        if seeds is None or not common <= seeds <= 1 - skill:
            fewest, most = (_discordant(middle, middle, one) for one in (1 - skill, common))
            raise UserError(
                f"seed_discordance={100 * seed_discordance:g}: two trainings of a model of "
                f"{100 * accuracy:g} % grade at least {100 * fewest:.1f} % of the patients differently, "
                f"with a standard deviation of {100 * training_sd:g} points between trainings, and no more "
                f"than trainings of two models that are equally good, {100 * most:.1f} %"
            )
        return cls(accuracy, apart, common, seeds - common, skill)

    @functools.cached_property
    def thresholds(self) -> tuple[float, float]:
        """Latent value below which each model grades correctly; the first model is the better one."""
        high, low = (quantile(self.accuracy + sign * self.apart / 2) for sign in (1, -1))
        return high, low

    @property
    def discordance(self) -> float:
        """Share of patients whom a training of each model grades differently."""
        return _discordant(*self.thresholds, self.common)

    @property
    def seed_discordance(self) -> float:
        """Share of patients whom two trainings grade differently of a model with the mean accuracy."""
        return _discordant(quantile(self.accuracy), quantile(self.accuracy), self.common + self.own)

    def draw(self, seeds: int, fold: Ints, rng: np.random.Generator) -> Bools:
        """Draw a study: whether each training grades each patient correctly, bool [2, S, P].

        Args:
            seeds: number S of trainings of each model, or of each of its folds.
            fold: fold that tests each patient, int64 [P]; all 0 if there are no folds.
            rng: random generator.
        """
        patients, folds = len(fold), int(fold.max()) + 1
        latent = np.sqrt(self.common) * rng.standard_normal(patients)
        latent = latent + np.sqrt(self.own) * rng.standard_normal((2, 1, patients))
        latent = latent + np.sqrt(self.skill) * rng.standard_normal((2, seeds, folds))[..., fold]
        rest = max(1 - self.common - self.own - self.skill, 0.0)
        latent = latent + np.sqrt(rest) * rng.standard_normal((2, seeds, patients))
        return np.asarray(latent < np.array(self.thresholds)[:, None, None])


def quantile(share: float) -> float:
    """Standard normal value below which a share lies."""
    from scipy.special import ndtri  # slow to import, and not needed for inference

    return float(ndtri(share))


def _discordant(first: float, second: float, correlation: float) -> float:
    """Share of patients with just one of two latent values below its threshold."""
    from scipy.special import ndtr
    from scipy.stats import multivariate_normal

    one, other = float(ndtr(first)), float(ndtr(second))
    if correlation > 0.9999:
        return abs(one - other)
    both = multivariate_normal.cdf([first, second], cov=[[1, correlation], [correlation, 1]])
    return one + other - 2 * float(both)


@functools.lru_cache(maxsize=256)
def _correlation(first: float, second: float, discordance: float) -> float | None:
    """Correlation of two latent values that gives the discordance; None: none from 0 to 1 does."""
    if not _discordant(first, second, 1) - 1e-9 <= discordance <= _discordant(first, second, 0) + 1e-9:
        return None
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _discordant(first, second, middle) > discordance else (low, middle)
    return (low + high) / 2
