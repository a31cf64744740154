import numpy as np
import pytest

from voxjax.metrics import calibration


def calibrated_logits(n=4000, classes=8, seed=0):
    """Logits whose softmax is the distribution that the truth is drawn from."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, classes))
    noise = generator.gumbel(size=(n, classes))
    return logits, (logits + noise).argmax(1)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_temperature_equals_a_known_factor(factor):
    logits, targets = calibrated_logits()
    assert calibration.fit_temperature(factor * logits, targets) == pytest.approx(factor, rel=0.06)


def test_the_temperature_has_the_lowest_loss_on_a_fine_grid():
    logits, targets = calibrated_logits(n=20_000)
    found = calibration.fit_temperature(2.5 * logits, targets)
    grid = np.geomspace(0.5, 8, 400)
    best = grid[np.argmin([calibration.nll(2.5 * logits / t, targets) for t in grid])]
    assert found == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_never_raises_the_loss(seed):
    logits, targets = calibrated_logits(n=20, seed=seed)
    fitted = calibration.fit_temperature(logits, targets)
    assert calibration.nll(logits / fitted, targets) <= calibration.nll(logits, targets)


def test_few_clips_move_the_temperature_less_than_many():
    logits, targets = calibrated_logits()
    few = [calibration.fit_temperature(0.4 * logits[at : at + 60], targets[at : at + 60]) for at in range(0, 600, 60)]
    many = calibration.fit_temperature(0.4 * logits, targets)
    assert many < 0.45
    assert all(many + 0.05 < one < 1 for one in few)  # nearer to 1 than with many clips


def test_clips_without_errors_sharpen_little():
    targets = np.arange(40) % 4
    logits = 4 * np.eye(4)[targets]
    assert 0.3 < calibration.fit_temperature(logits, targets) < 1


def test_guessing_is_softened():
    generator = np.random.default_rng(0)
    logits, targets = 10 * generator.normal(size=(500, 4)), generator.integers(0, 4, 500)
    assert calibration.fit_temperature(logits, targets) > 10


def test_calibrated_probabilities_keep_their_order_and_sum_to_1():
    logits, _ = calibrated_logits(n=50)
    logits[0, 0] = 1e4  # no overflow
    probabilities = calibration.calibrated_probabilities(logits, np.linspace(0.5, 3, 50)[:, None])
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_array_equal(probabilities.argmax(1), logits.argmax(1))
    np.testing.assert_allclose(probabilities[-1], calibration.calibrated_probabilities(logits[-1], 3.0))


def test_the_temperature_divides_log_odds():
    probabilities = calibration.calibrated_probabilities(np.array([3.0, 1.0, -1.0]), 4.0)
    np.testing.assert_allclose(np.diff(np.log(probabilities)), [-0.5, -0.5])


@pytest.mark.parametrize(("factor", "clips"), [(0.3, 12), (1.7, 12), (3.0, 60)])
def test_the_temperature_minimises_the_loss_with_a_prior_of_40_clips(factor, clips):
    """The same posterior on a fine grid, from probabilities."""
    logits, targets = calibrated_logits(n=clips, classes=3, seed=4)
    grid = np.geomspace(0.05, 20, 60_001)
    odds = np.exp(factor * logits[None] / grid[:, None, None])
    likelihood = np.take_along_axis(odds / odds.sum(-1, keepdims=True), targets[None, :, None], 2)[..., 0]
    posterior = np.log(likelihood).sum(1) - 0.5 * 40 * np.log(grid) ** 2
    found = calibration.fit_temperature((factor * logits).astype(np.float32), targets)
    assert found == pytest.approx(grid[posterior.argmax()], rel=3e-4)
    assert 0.05 < found < 20 and abs(found - 1) > 0.02


def test_the_temperature_stays_between_its_limits():
    targets = np.arange(60_000) % 2
    right = np.eye(2)[targets]
    assert calibration.fit_temperature(0.1 * right, targets) == pytest.approx(0.05, rel=1e-3)
    assert calibration.fit_temperature(500 * right[::-1], targets) == pytest.approx(20.0, rel=1e-3)


def test_logits_that_no_temperature_changes_keep_1():
    assert calibration.fit_temperature(np.zeros((12, 3)), np.arange(12) % 3) == 1.0


def test_the_loss_is_in_nats_a_clip():
    p = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], np.float32)
    assert calibration.nll(np.log(p), np.array([1, 2])) == pytest.approx(-(np.log(0.25) + np.log(0.7)) / 2)
    assert calibration.nll(np.log(p) + 5, np.array([1, 2])) == pytest.approx(-(np.log(0.25) + np.log(0.7)) / 2)


def test_logits_in_float32_are_computed_with_in_float64():
    logits, targets = calibrated_logits(n=9, classes=3)
    small = logits.astype(np.float32)
    wide = small.astype(np.float64)
    assert calibration.nll(small, targets) == calibration.nll(wide, targets)
    found = calibration.calibrated_probabilities(small, 0.7)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, calibration.calibrated_probabilities(wide, 0.7))
