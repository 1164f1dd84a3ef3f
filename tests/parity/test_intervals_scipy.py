"""Our intervals against SciPy's: Wilson's formula to the last digits, the bootstrap up to its own dice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course_utils.intervals import bootstrap_interval, mean, ratio_of_sums, wilson_interval
from course_utils.seeding import generator
from tools.verified import Verified

WILSON, BOOTSTRAP = 1e-10, 0.03
VERIFIES = [
    Verified("03", "Wilson's interval", "SciPy", WILSON),
    Verified(
        "04", "bootstrap intervals of means and ratios", "SciPy's percentile bootstrap", BOOTSTRAP, "of the width"
    ),
]


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilsons_interval_is_that_of_scipy(counts, level):
    theirs = stats.binomtest(*counts).proportion_ci(level, method="wilson")
    assert wilson_interval(*counts, level) == pytest.approx((theirs.low, theirs.high), abs=WILSON)


def test_the_comparison_notices_the_correction_for_continuity():
    theirs = stats.binomtest(30, 100).proportion_ci(0.95, method="wilsoncc")
    assert abs(wilson_interval(30, 100)[0] - theirs.low) > 1e-3


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bootstrap_of_a_mean_is_the_percentile_bootstrap_of_scipy(level):
    values = np.random.default_rng(0).exponential(size=60)
    ours = bootstrap_interval(values, mean, generator(0), level, samples=20_000)
    theirs = scipy_interval((values,), lambda x, axis: x.mean(axis), level)
    assert ours == pytest.approx(theirs, abs=BOOTSTRAP * (theirs[1] - theirs[0]))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bootstrap_of_a_ratio_is_the_paired_percentile_bootstrap_of_scipy(level):
    dice = np.random.default_rng(1)
    lengths = dice.integers(2, 12, 80)
    edits = dice.binomial(lengths, 0.1)
    ours = bootstrap_interval(np.stack([edits, lengths], axis=1), ratio_of_sums, generator(0), level, samples=20_000)
    theirs = scipy_interval((edits, lengths), lambda x, y, axis: x.sum(axis) / y.sum(axis), level)
    assert ours == pytest.approx(theirs, abs=BOOTSTRAP * (theirs[1] - theirs[0]))


def scipy_interval(data: tuple, statistic, level: float) -> tuple[float, float]:
    result = stats.bootstrap(
        data, statistic, n_resamples=20_000, paired=True, confidence_level=level, method="percentile", rng=2
    ).confidence_interval
    return result.low, result.high
