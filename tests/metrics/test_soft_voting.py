"""Soft voting: weights, and the diversity of members."""

import numpy as np
import pytest
from scipy import special

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
