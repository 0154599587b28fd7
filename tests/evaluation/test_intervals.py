"""Resamples of patients and the intervals from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from livergrade.evaluation.intervals import (
    Jackknife,
    draw_patients,
    newcombe,
    score_interval,
    share_of_patients,
    wilson,
)
from tests.conftest import examples


def test_patients_are_drawn_within_their_grade():
    grades = np.array([0] * 5 + [1] * 2 + [3] * 9)
    drawn = draw_patients(grades, 4000, np.random.default_rng(0))
    for grade in (0, 1, 3):
        members = drawn[:, grades == grade]
        assert (members.sum(1) == members.shape[1]).all()
        np.testing.assert_allclose(members.mean(0), 1, atol=0.1)
        np.testing.assert_allclose(members.var(0), 1 - 1 / members.shape[1], atol=0.15)


def test_wilson_against_published_values():
    assert wilson(14 / 15, 15) == pytest.approx((0.702, 0.988), abs=5e-4)
    assert wilson(1, 15) == pytest.approx((0.796, 1), abs=5e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson(70 / 74, 74) == pytest.approx((0.869, 0.979), abs=5e-4)


def test_next_to_0_and_1_the_poisson_limit_holds():
    assert share_of_patients(14 / 15, 15)[1] == pytest.approx(1 - 0.0513 / 15, abs=1e-5)
    assert share_of_patients(2 / 40, 40)[0] == pytest.approx(0.3554 / 40, abs=1e-5)
    assert share_of_patients(3 / 60, 60)[0] == pytest.approx(0.8177 / 60, abs=1e-5)
    for right in (0, 4, 30, 60):
        assert share_of_patients(right / 60, 60) == wilson(right / 60, 60)


@pytest.mark.parametrize("n", [12, 15, 30, 74])
def test_a_share_of_patients_holds_for_every_true_value(n):
    """The exact coverage, which is far below 93 % with Wilson's own limits next to 0 and 1."""
    truths = np.linspace(0.001, 0.999, 999)
    low, high = np.array([share_of_patients(right / n, n) for right in range(n + 1)]).T
    probability = binom.pmf(np.arange(n + 1)[:, None], n, truths)
    coverage = (probability * ((low[:, None] <= truths) & (truths <= high[:, None]))).sum(0)
    assert coverage.min() > 0.905
    assert 0.945 < coverage.mean() < 0.97


def test_the_variance_within_grades_takes_welchs_freedom():
    """Of a mean over two groups, half of the weight each: Welch's standard error and freedom."""
    rng = np.random.default_rng(3)
    grades = np.repeat([0, 1], 200)
    values = np.where(grades == 0, rng.normal(0, 1, 400), rng.normal(5, 3, 400))
    jackknife = Jackknife(grades)
    without = (jackknife.multiplicities @ values) / jackknife.multiplicities.sum(1)
    variance, freedom = jackknife.variance(without, "within")
    parts = [values[grades == grade].var(ddof=1) / 200 / 4 for grade in (0, 1)]
    assert variance == pytest.approx(sum(parts), rel=0.01)
    assert freedom == pytest.approx(sum(parts) ** 2 / sum(part**2 / 199 for part in parts), rel=0.03)
    assert jackknife.variance(without, "larger")[0] > 2 * variance  # the grades differ


def share_of(errors, size=6):
    """Accuracy of patients with so many wrong images of `size`, and its interval."""
    errors = np.asarray(errors, float)
    jackknife = Jackknife(np.arange(len(errors)) % 3)
    values = 1 - (jackknife.multiplicities @ errors) / (size * jackknife.multiplicities.sum(1))
    found = score_interval(values, jackknife, rows=size * len(errors))
    return values[0], found["low"], found["high"]


patterns = st.lists(st.integers(0, 6), min_size=12, max_size=40)


@settings(deadline=None, max_examples=examples(100))
@given(patterns)
def test_no_interval_has_zero_width_and_each_holds_its_value(errors):
    value, low, high = share_of(errors)
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0.01


@settings(deadline=None, max_examples=examples(100))
@given(st.integers(12, 60), st.data())
def test_of_patients_none_narrows_when_one_more_is_wrong(patients, data):
    wrong = data.draw(st.integers(0, patients // 2 - 1))
    one, more = (share_of_patients(1 - count / patients, patients) for count in (wrong, wrong + 1))
    assert more[1] - more[0] >= one[1] - one[0] - 1e-12


@settings(deadline=None, max_examples=examples(100))
@given(patterns, st.integers(0, 39))
def test_of_images_none_narrows_much_when_one_more_is_wrong_where_many_are(errors, which):
    """One more wrong image of a patient with at least the mean number of wrong images.

    Elsewhere it makes the patients more alike, and what is learned of that may narrow an interval more.
    """
    which %= len(errors)
    if errors[which] >= 6 or errors[which] < np.mean(errors) or 2 * sum(errors) + 2 > 6 * len(errors):
        return
    more = [count + (index == which) for index, count in enumerate(errors)]
    (_, low, high), (_, more_low, more_high) = share_of(errors), share_of(more)
    assert more_high - more_low >= 0.98 * (high - low)  # 0.986 was the worst that a search found


def test_the_first_wrong_images_widen_the_interval():
    widths = [high - low for _, low, high in (share_of([n] + [0] * 14) for n in range(7))]
    assert (np.diff(widths) > -1e-9).all()


def test_newcombe_against_published_values():
    low, high = newcombe((56 / 70, *wilson(56 / 70, 70)), (48 / 80, *wilson(48 / 80, 80)))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-4)  # example (a) of the paper


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=20)
    jackknife = Jackknife(np.zeros(20, int), "random")
    without = (jackknife.multiplicities @ values) / jackknife.multiplicities.sum(1)
    variance, freedom = jackknife.variance(without)
    assert freedom == 19
    assert variance == pytest.approx(values.var(ddof=1) / 19)
