"""Soft voting: weights, and the diversity of members."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import optimize, special, stats

from voxjax.errors import VoxJaxError
from voxjax.metrics import soft_voting

TRUTH = np.random.default_rng(1).integers(0, 4, 120)


def member(skill, seed):
    """Random probabilities; the true class has `skill` nats more."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 1, (120, 4)) + skill * np.eye(4)[TRUTH]
    values = np.exp(scores)
    return values / values.sum(1, keepdims=True)


def nll(probabilities):
    return -np.mean(np.log(probabilities[np.arange(120), TRUTH]))


def vote(probabilities, weights, available=None):
    """Probabilities of the vote, from those of its members."""
    return np.exp(soft_voting.soft_vote(np.log(probabilities), weights, available))


def test_a_vote_is_the_weighted_mean():
    two = np.array([[[0.8, 0.2]], [[0.2, 0.8]]])
    np.testing.assert_allclose(vote(two, np.array([3.0, 1.0])), [[0.65, 0.35]])
    np.testing.assert_allclose(vote(two[:1], np.array([0.2])), two[0])


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -0.1], [np.nan, 1.0], [1.0]])
def test_invalid_weights_are_errors(weights):
    with pytest.raises(VoxJaxError, match="weights of a vote"):
        vote(np.full((2, 1, 2), 0.5), np.array(weights))


def logits(members=3, clips=40, classes=4, seed=11):
    return np.random.default_rng(seed).normal(0, 3, (members, clips, classes)).astype(np.float32)


def test_a_soft_vote_is_the_logarithm_of_the_weighted_mean_of_softmaxes():
    scores, weights = logits(), np.array([0.5, 0.2, 0.3])
    found = soft_voting.soft_vote(scores, weights)
    expected = np.log(sum(w * special.softmax(s.astype(np.float64), -1) for w, s in zip(weights, scores, strict=True)))
    assert found.dtype == np.float64 and found.shape == (40, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(soft_voting.soft_vote(scores, 7.0 * weights), found, rtol=1e-12)


def test_a_soft_vote_takes_logits_or_log_probabilities():
    scores, weights = logits(), np.array([0.5, 0.2, 0.3])
    log_p = special.log_softmax(scores.astype(np.float64), axis=-1)
    np.testing.assert_allclose(
        soft_voting.soft_vote(log_p, weights), soft_voting.soft_vote(scores, weights), rtol=1e-12
    )


def test_a_probability_of_zero_has_a_finite_logarithm():
    found = soft_voting.soft_vote(np.array([[[1e5, 0.0]], [[1e5, 0.0]]]), np.ones(2))
    np.testing.assert_allclose(found, [[0.0, np.log(1e-300)]], atol=1e-12)


def test_members_without_an_available_modality_get_no_weight():
    """Each clip's vote equals that of its available members, with any logits of the rest."""
    scores, weights = logits(), np.array([0.5, 0.2, 0.3])
    available = np.random.default_rng(2).uniform(size=(3, 40)) < 0.6
    available[0, 0], available[:, 1] = True, True
    dirty = np.where(available[..., None], scores, np.nan)
    found = soft_voting.soft_vote(dirty, weights, available)
    for clip in np.flatnonzero(available.any(axis=0)):
        voters = available[:, clip]
        alone = soft_voting.soft_vote(scores[voters][:, [clip]], weights[voters])
        np.testing.assert_allclose(found[[clip]], alone, rtol=1e-12)
    assert np.allclose(found[~available.any(axis=0)], np.log(0.25))
    assert not available.any(axis=0).all(), "a clip without any member is among them"
    everyone = soft_voting.soft_vote(scores, weights, np.ones((3, 40), bool))
    np.testing.assert_allclose(everyone, soft_voting.soft_vote(scores, weights), rtol=1e-12)


def test_available_members_of_weight_zero_leave_equal_probabilities():
    found = soft_voting.soft_vote(logits(2, 1, 4), np.array([0.0, 1.0]), np.array([[True], [False]]))
    np.testing.assert_allclose(found, np.log(0.25))


def test_equal_weights_are_equal():
    np.testing.assert_allclose(soft_voting.WEIGHTINGS["equal"](np.zeros((5, 120, 4)), TRUTH), 0.2)


def test_validation_weights_favour_the_better_member_and_are_not_worse_than_equal_ones():
    members = np.stack([member(3.0, 2), member(0.1, 3), member(0.1, 4)])
    weights = soft_voting.validation_weights(members, TRUTH)
    assert weights.sum() == pytest.approx(1) and weights.min() > 0
    assert weights[0] > 0.6 > 0.4 > weights[1]
    assert nll(vote(members, weights)) < nll(vote(members, np.ones(3)))


def test_equal_members_have_equal_weights_in_any_order():
    a, b = member(2.0, 5), member(0.5, 6)
    weights = soft_voting.validation_weights(np.stack([a, b, a]), TRUTH)
    assert weights[0] == pytest.approx(weights[2])
    np.testing.assert_allclose(
        soft_voting.validation_weights(np.stack([b, a, a]), TRUTH), weights[[1, 0, 2]], atol=1e-9
    )


def test_diversity_of_known_predictions():
    truth = np.array([0, 0, 1, 1])
    predicted = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    found = soft_voting.diversity(predicted, truth)
    np.testing.assert_allclose(found["disagreement_matrix"], [[0, 0.25, 0.25], [0.25, 0, 0.5], [0.25, 0.5, 0]])
    assert found["disagreement"] == pytest.approx(1 / 3)
    # Errors are 0001 and 0101; the third member has none, and so no correlation.
    assert found["error_correlation"] == pytest.approx(np.corrcoef([0, 0, 0, 1], [0, 1, 0, 1])[0, 1])
    assert found["error_correlation_matrix"][0][2] is None


def test_diversity_without_errors():
    found = soft_voting.diversity(np.tile(TRUTH, (3, 1)), TRUTH)
    assert found["error_correlation"] is None and found["disagreement"] == 0


def test_equal_priors_raise_the_probability_of_a_rare_class():
    """Bayes' rule: likelihoods of 3 and 1 and frequencies of 1 and 9 give 0.75 under equal priors."""
    learnt = np.array([[3 * 0.1, 1 * 0.9]])
    got = soft_voting.with_equal_priors(learnt / learnt.sum(), np.array([[10.0, 90.0]]))
    np.testing.assert_allclose(got, [[0.75, 0.25]])
    with pytest.raises(VoxJaxError, match="clips of each class"):
        soft_voting.with_equal_priors(learnt, np.array([[0.0, 1.0]]))


def test_members_that_are_not_available_do_not_vote():
    two = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.6, 0.4]]])
    weights = np.array([3.0, 1.0])
    everywhere = vote(two, weights, np.ones((2, 2), bool))
    np.testing.assert_array_equal(everywhere, vote(two, weights))
    some = vote(two, weights, np.array([[True, False], [True, True]]))
    np.testing.assert_allclose(some, [everywhere[0], two[1, 1]])
    logits = np.log(two)
    logits[0, 1] = np.nan  # of the member that is not available
    found = soft_voting.soft_vote(logits, weights, np.array([[True, False], [True, True]]))
    np.testing.assert_allclose(np.exp(found), some)
    nobody = soft_voting.soft_vote(np.log(two), weights, np.array([[True, False], [True, False]]))
    assert np.isfinite(nobody).all()


def test_logits_have_the_vote_of_their_log_probabilities():
    logits = np.random.default_rng(0).normal(0, 30, (3, 50, 4)).astype(np.float32)
    shifted = logits + np.float32(100)
    weights = np.array([1.0, 2.0, 0.5])
    np.testing.assert_allclose(
        soft_voting.soft_vote(logits, weights), soft_voting.soft_vote(shifted, weights), atol=1e-4
    )
    np.testing.assert_allclose(np.exp(soft_voting.soft_vote(logits, weights)).sum(axis=1), 1.0, atol=1e-9)


def test_entropy_is_scipys_relative_to_that_of_equal_probabilities():
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(5), (2, 7))
    np.testing.assert_allclose(
        soft_voting.entropy(probabilities), stats.entropy(probabilities, axis=-1) / np.log(5), rtol=1e-12
    )
    assert soft_voting.entropy(np.eye(3)).tolist() == [0.0] * 3
    assert soft_voting.entropy(np.full((4, 2, 1), 0.3)).shape == (4, 2)
    assert not soft_voting.entropy(np.full((4, 1), 0.3)).any()
    half = np.array([[1e-310, 1 - 1e-310]])  # less than the least probability
    assert 0 <= soft_voting.entropy(half)[0] < 1e-300


def test_disagreement_is_the_entropy_of_the_vote_less_that_of_its_members():
    scores, weights = logits(3, 6, 4), np.array([0.5, 0.0, 1.5])
    available = np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 1, 0], [1, 1, 0, 1, 0, 0]], bool)
    found = soft_voting.disagreement(np.where(available[..., None], scores, np.nan), weights, available)
    p = special.softmax(scores.astype(np.float64), -1)
    vote_of = (0.5 * p[0] + 1.5 * p[2]) / 2
    own = (0.5 * stats.entropy(p[0], axis=-1) + 1.5 * stats.entropy(p[2], axis=-1)) / 2
    expected = (stats.entropy(vote_of, axis=-1) - own) / np.log(4)
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-9)
    assert np.isnan(found[2:]).all()  # one member with a weight, or none
    sure = 1e3 * np.array([[[1.0, 0]], [[0, 1]]])
    assert soft_voting.disagreement(sure, np.ones(2), np.ones((2, 1), bool)) == pytest.approx([1.0])
    same = np.tile(scores[:1], (2, 1, 1))
    assert soft_voting.disagreement(same, np.ones(2), np.ones((2, 6), bool)).min() == 0.0


def test_validation_weights_maximise_the_posterior():
    """Likelihood of the vote and a Dirichlet prior of 20 clips, maximised by SciPy."""
    members = np.stack([member(1.5, 2), member(0.4, 3), member(0.9, 4)])[:, :30]
    right = members[:, np.arange(30), TRUTH[:30]]

    def loss(free):
        weights = special.softmax(np.append(free, 0.0))
        return -np.log(weights @ right).sum() - 20 / 3 * np.log(weights).sum()

    best = special.softmax(np.append(optimize.minimize(loss, np.zeros(2), tol=1e-12).x, 0.0))
    found = soft_voting.validation_weights(members.astype(np.float32), TRUTH[:30])
    np.testing.assert_allclose(found, best, atol=2e-5)
    assert {"equal": soft_voting.equal_weights, "validation": soft_voting.validation_weights} == soft_voting.WEIGHTINGS


def test_a_true_class_of_probability_zero_leaves_finite_weights():
    members = np.array([[[0.0, 1.0]] * 4, [[0.0, 1.0]] * 4])
    np.testing.assert_allclose(soft_voting.validation_weights(members, np.array([0, 0, 1, 1])), [0.5, 0.5])
    apart = np.array([[[0.0, 1.0]], [[1e-299, 1.0]]])  # ten times as probable
    more = soft_voting.validation_weights(apart, np.array([0]))
    odds = 10 * more[1] / (more[0] + 10 * more[1])
    assert more[1] == pytest.approx((odds + 10) / 21) and more[0] + more[1] == pytest.approx(1)  # one clip, prior of 20


@pytest.mark.parametrize("weights", [[np.inf, 1.0], [-1.0, 2.0], [1.0, 1.0, 1.0], [1.0]])
def test_weights_that_are_no_weights_are_named(weights):
    with pytest.raises(VoxJaxError, match="expected 2 numbers of at least 0, not all 0"):
        soft_voting.weighted_mean(np.full((2, 1, 2), 0.5), np.array(weights))


def test_small_weights_and_one_of_zero_are_weights():
    p = np.array([[[0.8, 0.2]], [[0.4, 0.6]]])
    np.testing.assert_allclose(soft_voting.weighted_mean(p, np.array([0.0, 0.25])), p[1])
    np.testing.assert_allclose(soft_voting.weighted_mean(p, np.array([0.1, 0.3])), [[0.5, 0.5]])
    found = soft_voting.weighted_mean(p, np.array([0.1, 0.3]), np.array([[True], [False]]))
    np.testing.assert_allclose(found, p[0])


def test_diversity_of_two_members_in_all_its_parts():
    truth, predicted = np.array([0, 0, 1, 1, 1]), np.array([[0, 1, 1, 0, 1], [0, 1, 0, 1, 1]])
    found = soft_voting.diversity(predicted, truth)
    r = np.corrcoef([0, 1, 0, 1, 0], [0, 1, 1, 0, 0])[0, 1]
    assert found["disagreement"] == pytest.approx(0.4) and found["error_correlation"] == pytest.approx(r)
    np.testing.assert_allclose(found["disagreement_matrix"], [[0, 0.4], [0.4, 0]])
    np.testing.assert_allclose(found["error_correlation_matrix"], [[1, r], [r, 1]])
    assert sorted(found) == ["disagreement", "disagreement_matrix", "error_correlation", "error_correlation_matrix"]
    alone = soft_voting.diversity(predicted[:1], truth)
    assert alone["disagreement"] == 0.0 and alone["error_correlation"] is None
    wrong = soft_voting.diversity(np.array([[1, 1], [0, 1], [1, 0]]), np.array([0, 0]))  # the first always errs
    assert wrong["error_correlation_matrix"][0] == [None] * 3 and wrong["error_correlation"] == pytest.approx(-1)


@hypothesis.settings(max_examples=30)
@hypothesis.given(
    seed=st.integers(0, 10**6), members=st.integers(1, 5), classes=st.integers(1, 5), scale=st.floats(1e-3, 1e3)
)
def test_a_vote_is_a_distribution_between_its_members_in_any_order_and_unit(seed, members, classes, scale):
    random = np.random.default_rng(seed)
    scores = random.normal(0, 4, (members, 3, classes))
    weights, available = random.uniform(0.1, 1, members), random.uniform(size=(members, 3)) < 0.7
    available[0] = True
    found = np.exp(soft_voting.soft_vote(scores, weights, available))
    np.testing.assert_allclose(found.sum(-1), 1.0, rtol=1e-9)
    each = np.where(available[..., None], special.softmax(scores, -1), np.nan)
    assert (np.nanmin(each, 0) - 1e-9 <= found).all() and (found <= np.nanmax(each, 0) + 1e-9).all()
    order = random.permutation(members)
    again = np.exp(soft_voting.soft_vote(scores[order], scale * weights[order], available[order]))
    np.testing.assert_allclose(again, found, rtol=1e-9)


def test_only_available_members_disagree():
    scores = logits(3, 5, 4)
    available = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 1, 1], [0, 1, 1, 1, 1]], bool)
    found = soft_voting.disagreement(scores, np.array([1.0, 2.0, 3.0]), available)
    for clip in range(5):
        own = available[:, clip]
        p = special.softmax(scores[own, clip].astype(np.float64), -1)
        weights = np.array([1.0, 2.0, 3.0])[own] / np.sum(np.array([1.0, 2.0, 3.0])[own])
        expected = stats.entropy(weights @ p) - weights @ stats.entropy(p, axis=-1)
        assert found[clip] == pytest.approx(expected / np.log(4))


def test_each_clip_is_adjusted_to_equal_priors_by_itself():
    learnt, frequencies = np.array([[0.3, 0.7], [0.6, 0.4]]), np.array([[3.0, 1.0], [1.0, 4.0]])
    got = soft_voting.with_equal_priors(learnt, frequencies)
    np.testing.assert_allclose(got, [[0.1 / 0.8, 0.7 / 0.8], [0.6 / 0.7, 0.1 / 0.7]])
    with pytest.raises(VoxJaxError, match="a class without training clips"):
        soft_voting.with_equal_priors(learnt, np.array([[3.0, 1.0], [1.0, -4.0]]))


def test_a_softmax_does_not_depend_on_other_rows():
    found = soft_voting.softmax(np.array([[0.0, np.log(3.0)], [1e5, 1e5]]))
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]])
