"""The measures of generated images, on rows so few that the values can be worked out by hand."""

import math

import numpy as np
import pytest
import torch

from course_utils import image_metrics
from course_utils.errors import CourseError
from course_utils.image_metrics import (
    bits_per_dim,
    cubic_kernel,
    density_and_coverage,
    frechet_distance,
    gaussian_distance,
    gaussian_of,
    in_balls,
    kernel_distance,
    label_entropy,
    label_histogram,
    nearest_training,
    precision_and_recall,
    radii,
    square_root,
    unbiased_mmd,
)
from course_utils.seeding import generator
from course_utils.shapes import ShapeError

pytestmark = pytest.mark.usefixtures("one_thread")


def column(*numbers) -> np.ndarray:
    return np.array(numbers, dtype=float)[:, None]                 # (N, 1)


def normal(n: int, width: int, seed: int) -> np.ndarray:
    return torch.randn(n, width, generator=generator(seed)).numpy()


# On a line, k = 1: the balls of REAL are [-1, 1], [0, 2], [1, 3] and [2, 18].
REAL, GENERATED = column(0, 1, 2, 10), column(-0.5, 1.5, 18.5, 19.5, 30)


# --- Fréchet distance


def hand_worked_gaussians(distance) -> None:
    assert distance([0], [[4]], [3], [[9]]) == pytest.approx(3**2 + (2 - 3) ** 2)
    assert distance([0, 1], np.diag([1, 16]), [0, 1], np.diag([9, 4])) == pytest.approx((1 - 3) ** 2 + (4 - 2) ** 2)
    assert distance([1, 2], np.eye(2), [1, 2], np.eye(2)) == pytest.approx(0, abs=1e-10)


def test_the_distance_of_gaussians_is_that_of_their_means_and_of_their_standard_deviations():
    hand_worked_gaussians(gaussian_distance)


def without_traces(mean_a, covariance_a, mean_b, covariance_b):
    gap = np.subtract(mean_a, mean_b)
    return float(gap @ gap)


def without_overlap(mean_a, covariance_a, mean_b, covariance_b):
    return without_traces(mean_a, None, mean_b, None) + np.trace(covariance_a) + np.trace(covariance_b)


def with_half_the_overlap(mean_a, covariance_a, mean_b, covariance_b):
    both = without_overlap(mean_a, covariance_a, mean_b, covariance_b)
    return (gaussian_distance(mean_a, covariance_a, mean_b, covariance_b) + both) / 2


def with_the_mean_not_squared(mean_a, covariance_a, mean_b, covariance_b):
    gap = without_traces(mean_a, None, mean_b, None)
    return gaussian_distance(mean_a, covariance_a, mean_b, covariance_b) - gap + math.sqrt(gap)


@pytest.mark.parametrize("wrong", [without_traces, without_overlap, with_half_the_overlap, with_the_mean_not_squared])
def test_the_values_by_hand_notice_a_part_that_is_missing(wrong):
    with pytest.raises(AssertionError):
        hand_worked_gaussians(wrong)


def test_the_distance_of_four_rows_by_hand():
    """Means 1 and 6, variances 2 and 8, divided by N − 1: 25 + (√2 − √8)² = 27; divided by N it would be 26."""
    found = frechet_distance(column(0, 2), column(4, 8), generator(0))
    assert found.value == pytest.approx(27)
    assert (found.count, found.reference) == (2, 2)


def test_a_flat_covariance_has_a_root_and_a_distance():
    flat = np.ones((2, 2))                                         # rank 1: eigenvalues 2 and 0
    assert square_root(flat) @ square_root(flat) == pytest.approx(flat)
    assert gaussian_distance([0, 0], flat, [0, 0], flat) == pytest.approx(0, abs=1e-7)


def test_the_mean_and_covariance_of_rows_by_hand():
    centre, covariance = gaussian_of(np.array([[0, 0], [2, 4]]))
    assert centre.tolist() == [1, 2] and covariance.tolist() == [[2, 4], [4, 8]]


def test_the_interval_lies_around_the_value_though_every_resample_is_farther_away():
    for seed in range(5):
        found = frechet_distance(normal(80, 4, seed), normal(80, 4, seed + 50), generator(seed))
        assert 0 <= found.low < found.value < found.high


def test_the_interval_holds_the_mean_over_many_sets_of_one_model_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(image_metrics, "RESAMPLES", 100)
    real, target = normal(60, 2, 0), gaussian_of(normal(60, 2, 0))
    truth = np.mean([gaussian_distance(*target, *gaussian_of(1.5 * normal(60, 2, 1000 + n))) for n in range(500)])
    found = [frechet_distance(real, 1.5 * normal(60, 2, n), generator(n)) for n in range(60)]
    assert 0.85 <= np.mean([one.low <= truth <= one.high for one in found]) <= 1.0


def test_as_many_rows_as_features_are_refused_with_the_reason():
    with pytest.raises(CourseError, match="64 real rows and 99 generated; expected 65 or more.*flat covariance"):
        frechet_distance(normal(64, 64, 0), normal(99, 64, 1), generator(0))
    frechet_distance(normal(65, 64, 0), normal(65, 64, 1), generator(0))


# --- KID


def hand_worked_kernels(mmd) -> None:
    """On a line k(0, 1) = 1, k(1, 2) = 27, and across (1 + 1 + 8 + 27)/4; in the plane products are halved first."""
    assert mmd(column(0, 1), column(1, 2)) == pytest.approx(1 + 27 - 2 * 37 / 4)
    assert mmd(np.array([[1, 1], [1, -1]]), np.array([[2, 0], [0, 2]])) == pytest.approx(1 + 1 - 2 * 6)


def test_the_unbiased_discrepancy_by_hand():
    hand_worked_kernels(unbiased_mmd)


def biased(a, b):
    return cubic_kernel(a, a).mean() + cubic_kernel(b, b).mean() - 2 * cubic_kernel(a, b).mean()


def without_division(a, b):
    return unbiased_mmd(a * math.sqrt(a.shape[1]), b * math.sqrt(b.shape[1]))


@pytest.mark.parametrize("wrong", [biased, without_division])
def test_the_values_by_hand_notice_a_bias_and_a_kernel_without_the_width(wrong):
    with pytest.raises(AssertionError):
        hand_worked_kernels(wrong)


def test_over_sets_of_one_distribution_the_mean_is_zero_and_its_error_as_large_as_stated():
    dice = generator(0)
    found = [kernel_distance(normal(200, 3, n), normal(200, 3, n + 900), dice, subset=20) for n in range(100)]
    scores = np.array([one.value / one.standard_error for one in found])
    assert abs(scores.mean()) < 0.4 and 0.8 < scores.std() < 1.4


def test_no_row_is_used_twice_and_the_mean_and_error_are_those_of_the_subsets(monkeypatch):
    seen = []

    def keep(a, b):
        seen.append((a, b))
        return float(len(seen))

    monkeypatch.setattr(image_metrics, "unbiased_mmd", keep)
    found = kernel_distance(column(*range(17)), column(*range(100, 112)), generator(0), subset=4)
    assert (found.subset, found.subsets) == (4, 3)
    for side in (0, 1):
        rows = np.concatenate([pair[side] for pair in seen]).ravel()
        assert len(set(rows)) == 12
    assert found.value == pytest.approx(2) and found.standard_error == pytest.approx(1 / math.sqrt(3))


def test_a_single_subset_and_a_subset_of_one_row_are_refused():
    with pytest.raises(CourseError, match="expected 10 or more of each: two subsets of 5"):
        kernel_distance(normal(9, 2, 0), normal(20, 2, 1), generator(0), subset=5)
    with pytest.raises(CourseError, match="subset is 1; expected 2"):
        kernel_distance(normal(9, 2, 0), normal(20, 2, 1), generator(0), subset=1)


# --- who lies near whom


@pytest.mark.parametrize(("k", "precision", "recall"), [(1, 2 / 5, 3 / 4), (2, 3 / 5, 1), (3, 4 / 5, 1)])
def test_precision_and_recall_on_a_line_by_hand(k, precision, recall):
    found = precision_and_recall(REAL, GENERATED, k)
    assert [one.value for one in found] == pytest.approx([precision, recall])
    assert [(one.count, one.reference) for one in found] == [(5, 4), (4, 5)]


@pytest.mark.parametrize(("k", "density", "coverage"), [(1, 3 / 5, 3 / 4), (2, 6 / 10, 1)])
def test_density_and_coverage_on_a_line_by_hand(k, density, coverage):
    found = density_and_coverage(REAL, GENERATED, generator(0), k)
    assert [one.value for one in found] == pytest.approx([density, coverage])
    assert [(one.count, one.reference) for one in found] == [(5, 4), (4, 5)]


def test_the_defaults_are_those_of_the_papers():
    real, made = normal(40, 2, 0), 1.2 * normal(40, 2, 1)
    assert precision_and_recall(real, made) == precision_and_recall(real, made, 3)
    assert density_and_coverage(real, made, generator(0)) == density_and_coverage(real, made, generator(0), 5)


def test_the_radius_reaches_the_kth_other_row_and_a_copy_is_another_row():
    assert radii(REAL, 1).tolist() == [1, 1, 1, 8]
    assert radii(REAL, 2).tolist() == [2, 1, 2, 9]
    assert radii(column(0, 0, 3), 1).tolist() == [0, 0, 3]


def test_a_neighbour_too_few_or_too_many_would_be_seen(monkeypatch):
    right = radii
    for off in (-1, 1):
        monkeypatch.setattr(image_metrics, "radii", lambda rows, k, off=off: right(rows, k + off))
        with pytest.raises(AssertionError):
            test_precision_and_recall_on_a_line_by_hand(2, 3 / 5, 1)


def test_the_rim_of_a_ball_is_inside():
    assert precision_and_recall(column(0, 1), column(2, 2.001), 1)[0].value == 0.5


def test_balls_count_their_points_and_points_their_balls():
    holders, held = in_balls(GENERATED, REAL, radii(REAL, 1))
    assert holders.tolist() == [1, 2, 0, 0, 0] and held.tolist() == [1, 1, 1, 0]


def test_cut_into_small_blocks_everything_comes_out_the_same(monkeypatch):
    real, made = normal(30, 3, 0), normal(23, 3, 1)

    def found():
        near = nearest_training(made, real)
        shares = *precision_and_recall(real, made), *density_and_coverage(real, made, generator(0))
        return shares, near.index.tolist(), near.distance.tolist()

    whole = found()
    monkeypatch.setattr(image_metrics, "PAIRS_AT_ONCE", 95)
    assert found() == whole


def test_for_rows_of_one_distribution_density_is_one_and_coverage_is_that_of_the_paper():
    density, coverage = density_and_coverage(normal(600, 4, 0), normal(600, 4, 1), generator(0))
    assert density.value == pytest.approx(1, abs=0.1)
    assert coverage.value == pytest.approx(1 - 2**-5, abs=0.03)


def test_a_model_that_draws_one_of_two_kinds_is_precise_and_covers_half():
    kinds = np.concatenate([normal(200, 2, 0), 50 + normal(200, 2, 1)])
    precision, recall = precision_and_recall(kinds, normal(400, 2, 2))
    _, coverage = density_and_coverage(kinds, normal(400, 2, 2), generator(0))
    assert precision.value > 0.9
    assert 0.4 < recall.low < recall.high < 0.6 and 0.4 < coverage.low < coverage.high < 0.6


@pytest.mark.parametrize("k", [0, 4])
def test_neighbours_that_are_not_there_are_refused(k):
    with pytest.raises(CourseError, match=f"k is {k} for 4 rows|expected 5 or more of each: each needs 4 neighbours"):
        precision_and_recall(REAL, GENERATED, k)


# --- nearest training image


def test_the_nearest_training_rows_by_hand():
    found = nearest_training(np.array([[3, 3], [0, 0], [9, 1]]), np.array([[0, 0], [3, 4], [10, 0]]))
    assert found.index.tolist() == [1, 0, 2]
    assert found.distance == pytest.approx([1, 0, math.sqrt(2)])


def test_bytes_do_not_overflow_and_the_first_of_two_equals_is_taken():
    training = torch.tensor([[0], [255], [255]], dtype=torch.uint8)
    found = nearest_training(torch.tensor([[200]], dtype=torch.uint8), training)
    assert found.index.tolist() == [1] and found.distance.tolist() == [55]


def test_no_training_rows_and_rows_of_another_width_are_refused():
    with pytest.raises(CourseError, match="no training rows"):
        nearest_training(column(1), np.zeros((0, 1)))
    with pytest.raises(ShapeError, match=r"training should have shape \(M, 1\); got \(3, 2\)"):
        nearest_training(column(1), np.zeros((3, 2)))


# --- likelihood and labels


def test_bits_are_the_mean_over_images_with_an_interval():
    found = bits_per_dim(np.array([1.0, 3.0]), generator(0))
    assert (found.value, found.low, found.high, found.count) == (2, 1, 3, 2)


def test_bits_that_are_not_finite_are_refused():
    with pytest.raises(CourseError, match="bits of 1 of 2 images are not finite"):
        bits_per_dim([1.0, math.inf], generator(0))


def test_entropy_of_labels_by_hand():
    assert label_entropy([0, 1, 2, 3], 4, generator(0)).value == pytest.approx(2)
    assert label_entropy([0, 0, 1, 2], 4, generator(0)).value == pytest.approx(1.5)
    collapsed = label_entropy([7] * 20, 10, generator(0))
    assert (collapsed.value, collapsed.low, collapsed.high) == (0, 0, 0)
    assert str(collapsed).startswith("0.000 [")                    # and not −0


def test_the_interval_of_the_entropy_stays_between_its_ends_and_around_the_value():
    found = label_entropy(torch.arange(100) % 10, 10, generator(0))
    assert 3 < found.low < found.value <= found.high <= math.log2(10) + 1e-12


def test_the_histogram_counts_classes_that_never_come():
    assert label_histogram(torch.tensor([0, 0, 2]), 4).tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize("labels", [[], [0, 4], [-1]])
def test_labels_that_are_not_classes_are_refused(labels):
    with pytest.raises(CourseError, match="each from 0 to 3"):
        label_histogram(np.array(labels, dtype=int), 4)


def test_logits_are_not_labels():
    with pytest.raises(ShapeError, match="labels are float64; expected whole numbers"):
        label_histogram([0.5, 1.0], 4)


# --- what all of them share


def test_an_estimate_states_how_many_images_it_is_of():
    found = precision_and_recall(REAL, GENERATED, 1)[0]
    assert str(found).startswith("0.400 [") and str(found).endswith("], N = 5 against 4")
    assert str(bits_per_dim([1.0, 2.0], generator(0))).endswith("N = 2")
    assert str(image_metrics.KernelDistance(0.01234, 0.001, 500, 10)) == "0.0123 ± 0.0010, 10 subsets of 500"


def test_the_same_generator_gives_the_same_numbers_and_another_seed_another_interval():
    real, made = normal(50, 3, 0), normal(50, 3, 1)
    first, again, other = (frechet_distance(real, made, generator(seed)) for seed in (1, 1, 2))
    assert first == again != other and first.value == other.value


MEASURES = [
    lambda real, made: frechet_distance(real, made, generator(0)),
    lambda real, made: kernel_distance(real, made, generator(0), subset=5),
    precision_and_recall,
    lambda real, made: density_and_coverage(real, made, generator(0)),
]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_takes_tensors_and_refuses_what_is_no_matrix_of_features(measure):
    real, made = torch.tensor(normal(20, 3, 0)), torch.tensor(normal(20, 3, 1), requires_grad=True)
    assert str(measure(real, made)) == str(measure(real.numpy(), made.detach().numpy()))
    with pytest.raises(ShapeError, match=r"generated should have shape \(N, 3\); got \(20, 2\)"):
        measure(real, made[:, :2])
    with pytest.raises(ShapeError, match=r"real should have shape \(N, D\); got \(20, 3, 1\)"):
        measure(real[..., None], made)
    with pytest.raises(CourseError, match="not finite"):
        measure(real, made / 0)
