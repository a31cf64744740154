import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from voxjax.errors import VoxJaxError
from voxjax.metrics import classification

LABELS = ("neutral", "happy", "sad", "angry")


def predictions(n=400, seed=0, classes=4, skill=1.5):
    generator = np.random.default_rng(seed)
    truth = generator.choice(classes, n, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    logits = generator.normal(size=(n, classes)) + skill * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return truth, logits.astype(np.float32), probabilities


def summary(truth, probabilities, labels=LABELS, speakers=None, genders=None):
    speakers = speakers or [f"s{i % 7}" for i in range(len(truth))]
    genders = genders or ["female" if i % 2 else "male" for i in range(len(truth))]
    return classification.summarize(truth, probabilities, labels, speakers, genders, speakers)


def matrix(truth, predicted, classes=4):
    return sk.confusion_matrix(truth, predicted, labels=range(classes))


def test_summary_equals_scikit_learn():
    truth, _, probabilities = predictions()
    predicted = probabilities.argmax(1)
    got = summary(truth, probabilities)
    assert got["accuracy"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert got["uar"] == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert got["macro_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert got["confusion"] == matrix(truth, predicted).tolist()
    assert got["per_class"]["sad"]["precision"] == pytest.approx(sk.precision_score(truth == 2, predicted == 2))
    assert got["n"] == sum(row["n"] for row in got["per_class"].values()) == 400


def test_sums_of_batches_add_up_and_padding_does_not_count():
    truth, logits, _ = predictions(n=50)
    total = None
    for start in range(0, 50, 16):
        rows = slice(start, start + 16)
        short = 16 - len(truth[rows])
        padded = np.pad(logits[rows], ((0, short), (0, 0)), constant_values=np.nan)
        targets = np.pad(truth[rows], (0, short))
        weight = np.pad(np.ones(16 - short, np.float32), (0, short))
        part = jax.jit(classification.sums)(jnp.asarray(padded), jnp.asarray(targets), jnp.asarray(weight))
        total = part if total is None else jax.tree.map(jnp.add, total, part)
    np.testing.assert_array_equal(total["confusion"], matrix(truth, logits.argmax(1)))
    ratios = classification.ratios(jax.device_get(total))
    assert ratios["uar"] == pytest.approx(sk.balanced_accuracy_score(truth, logits.argmax(1)))
    assert ratios["accuracy"] == pytest.approx(np.mean(truth == logits.argmax(1)))
    assert ratios["nll"] == pytest.approx(sk.log_loss(truth, jax.nn.softmax(logits)), rel=1e-5)


def test_weights_scale_the_sums_of_a_clip():
    logits, targets = jnp.eye(3, dtype=jnp.float32), jnp.array([0, 1, 0])
    got = classification.sums(logits, targets, jnp.array([2.0, 1.0, 0.5]))
    np.testing.assert_allclose(got["confusion"], [[2, 0, 0.5], [0, 1, 0], [0, 0, 0]])
    assert float(got["count"]) == 3.5


def test_the_uar_of_one_answer_for_all_is_chance_on_unbalanced_classes():
    truth = np.array([0] * 90 + [1] * 5 + [2] * 5)
    counts = matrix(truth, np.zeros(100, int), 3)
    assert classification.uar(counts) == pytest.approx(1 / 3)
    assert classification.accuracy(counts) == pytest.approx(0.9)


def test_a_class_without_clips_is_left_out_of_the_averages():
    truth = np.array([0, 0, 1, 1])
    probabilities = np.eye(4)[[0, 3, 1, 1]] * 0.9 + 0.025
    got = summary(truth, probabilities)
    assert got["uar"] == pytest.approx(0.75)
    assert got["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert got["per_class"]["sad"] == {"precision": None, "recall": None, "f1": None, "n": 0}


def test_the_interval_over_clips_equals_the_binomial_one():
    hit = np.arange(1000) < 700
    clips = np.zeros((1000, 2, 2), int)
    clips[np.arange(1000), 0, np.where(hit, 0, 1)] = 1
    low, high = classification.interval(clips, classification.accuracy)
    wide = 1.96 * np.sqrt(0.7 * 0.3 / 1000)
    assert low == pytest.approx(0.7 - wide, abs=0.004)
    assert high == pytest.approx(0.7 + wide, abs=0.004)


def test_the_interval_over_speakers_is_wider_where_speakers_differ():
    # Ten speakers with 40 clips, all of them right or all wrong: as uncertain as ten clips.
    truth, right = np.zeros(400, int), np.repeat(np.arange(10) < 7, 40)
    predicted = np.where(right, 0, 1)
    speakers = [f"s{i // 40}" for i in range(400)]
    by_speaker = np.stack(list(classification.confusion_by_group(truth, predicted, speakers, 2).values()))
    by_clip = np.stack(
        list(classification.confusion_by_group(truth, predicted, [str(i) for i in range(400)], 2).values())
    )
    wide, narrow = (np.ptp(classification.interval(units, classification.accuracy)) for units in (by_speaker, by_clip))
    assert wide == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 10), rel=0.15)
    assert narrow < wide / 4


def test_interval_is_repeatable_and_follows_the_seed():
    truth, _, probabilities = predictions()
    speakers = [f"s{i % 25}" for i in range(400)]
    units = np.stack(list(classification.confusion_by_group(truth, probabilities.argmax(1), speakers, 4).values()))
    first = classification.interval(units, classification.uar)
    assert classification.interval(units, classification.uar) == first
    other = classification.interval(units, classification.uar, seed=1)
    assert other != first
    np.testing.assert_allclose(other, first, atol=0.01)  # enough draws


def test_ece_of_known_bins():
    # 10 clips at 0.95 of which 6 are right, 10 at 0.55 of which 5 are right.
    confidence = np.repeat([0.95, 0.55], 10)
    probabilities = np.stack([confidence, 1 - confidence], 1)
    truth = np.array([0] * 6 + [1] * 4 + [0] * 5 + [1] * 5)
    assert classification.ece(probabilities, truth) == pytest.approx((0.35 + 0.05) / 2)
    assert classification.reliability(probabilities, truth)["count"].sum() == 20


def test_bins_include_their_upper_edge_and_a_confidence_of_1():
    probabilities = np.array([[1.0, 0.0], [0.6, 0.4]])
    count = classification.reliability(probabilities, np.array([0, 0]))["count"]
    assert np.flatnonzero(count).tolist() == [8, 14]


def test_coverage_rejects_the_least_confident_first():
    confidence = np.linspace(0.99, 0.6, 20)
    probabilities = np.stack([confidence, 1 - confidence], 1)
    truth = (np.arange(20) >= 10).astype(int)  # the ten least confident are wrong
    shuffled = np.random.default_rng(0).permutation(20)
    rows = classification.coverage(probabilities[shuffled], truth[shuffled])
    accuracy = {round(row["coverage"], 2): row["accuracy"] for row in rows}
    assert accuracy[0.05] == accuracy[0.5] == 1.0
    assert accuracy[1.0] == 0.5
    assert rows[-1]["confidence"] == pytest.approx(0.6)


def test_figures_of_groups_are_of_their_own_clips():
    truth = np.array([0, 1, 0, 1, 2])
    probabilities = np.eye(4)[[0, 1, 1, 1, 0]] * 0.9 + 0.025
    got = summary(truth, probabilities, speakers=["b", "b", "a", "a", "a"], genders=["", "", "f", "f", "f"])
    assert got["per_speaker"] == {"a": pytest.approx(1 / 3), "b": 1.0}
    assert got["per_gender"] == {"f": pytest.approx(1 / 3)}  # unknown genders are not a group
    assert got["speaker_n"] == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda truth, p: (truth[:-1], p), "one row per test clip"),
        (lambda truth, p: (truth[:0], p[:0]), "at least 1"),
        (lambda truth, p: (truth + 1, p), "compare the model's labels"),
        (lambda truth, p: (truth, np.where(p > 0.9, np.nan, p)), "diverged"),
    ],
)
def test_arguments_that_do_not_fit_together_are_errors(change, message):
    truth, _, probabilities = predictions()
    truth, probabilities = change(truth, probabilities)
    speakers = ["s"] * len(probabilities)
    with pytest.raises(VoxJaxError, match=message):
        classification.summarize(truth, probabilities, LABELS, speakers, speakers, speakers)
