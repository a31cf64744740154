"""Classification metrics against scikit-learn and sums in plain steps, and how sums merge."""

import itertools

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics as sk

from voxjax.errors import VoxJaxError
from voxjax.metrics import classification, few_units

LABELS = ("a", "b", "c")


def answers(n=60, seed=0, classes=3):
    """True classes and probabilities that are right more often than not."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    return truth, special.softmax(random.normal(size=(n, classes)) + 1.2 * np.eye(classes)[truth], axis=1)


def test_one_clip_adds_its_cell_its_loss_and_itself():
    got = classification.example(jnp.array([0.5, -1.0, 2.0]), jnp.int32(1))
    expected = np.zeros((3, 3))
    expected[1, 2] = 1
    np.testing.assert_array_equal(got["confusion"], expected)
    assert float(got["nll"]) == pytest.approx(-special.log_softmax([0.5, -1.0, 2.0])[1], rel=1e-5)
    assert float(got["count"]) == 1 and sorted(got) == ["confusion", "count", "nll"]


@hypothesis.settings(max_examples=20)
@hypothesis.given(cuts=st.lists(st.integers(0, 12), max_size=3), padding=st.sampled_from([0.0, 1e30, np.nan, np.inf]))
def test_sums_of_any_batches_with_any_padding_merge_to_those_of_all(cuts, padding):
    truth, probabilities = answers(12)
    scores = np.log(probabilities).astype(np.float32)
    total = {"confusion": np.zeros((3, 3)), "nll": 0.0, "count": 0.0}
    ends = sorted({0, 12, *cuts})
    for start, end in itertools.pairwise(ends):
        rows = np.full((12, 3), padding, np.float32)
        rows[: end - start] = scores[start:end]
        weight = (np.arange(12) < end - start).astype(np.float32)
        targets = np.zeros(12, np.int32)
        targets[: end - start] = truth[start:end]
        part = classification.sums(jnp.asarray(rows), jnp.asarray(targets), jnp.asarray(weight))
        total = {name: total[name] + np.asarray(part[name]) for name in total}
    found = classification.ratios(total)
    predicted = probabilities.argmax(1)
    np.testing.assert_array_equal(total["confusion"], sk.confusion_matrix(truth, predicted))
    assert found == {
        "uar": pytest.approx(sk.balanced_accuracy_score(truth, predicted)),
        "accuracy": pytest.approx(sk.accuracy_score(truth, predicted)),
        "nll": pytest.approx(sk.log_loss(truth, probabilities), rel=1e-5),
    }


def test_ratios_of_sums_in_float32_are_computed_in_float64():
    counts = np.array([[1, 2], [3, 5]])
    small = {"confusion": counts.astype(np.float32), "nll": np.float32(6), "count": np.float32(8)}
    found = classification.ratios(small)
    assert found == {"uar": (1 / 3 + 5 / 8) / 2, "accuracy": 6 / 11, "nll": 0.75}


def test_weights_of_one_are_no_padding_and_of_less_count_less():
    scores = jnp.array([[2.0, 0.0], [jnp.nan, jnp.nan]])
    got = classification.sums(scores, jnp.array([0, 1]), jnp.array([0.25, 0.0]))
    assert float(got["nll"]) == pytest.approx(-0.25 * special.log_softmax([2.0, 0.0])[0], rel=1e-5)
    assert float(got["count"]) == 0.25
    hidden = classification.sums(scores, jnp.array([0, 1]), jnp.array([1.0, -1.0]))
    assert float(hidden["count"]) == 1.0


def test_recalls_of_many_matrices():
    counts = np.array([[[3, 1, 0], [0, 0, 0], [2, 2, 4]], [[1, 0, 0], [0, 2, 0], [0, 0, 3]]])
    np.testing.assert_allclose(classification.recalls(counts), [[0.75, np.nan, 0.5], [1, 1, 1]])
    np.testing.assert_allclose(classification.uar(counts), [0.625, 1.0])
    np.testing.assert_allclose(classification.accuracy(counts), [7 / 12, 1.0])
    assert classification.scores(counts[0]) == {"uar": 0.625, "accuracy": pytest.approx(7 / 12)}
    assert [type(x) for x in classification.scores(counts[0]).values()] == [float, float]


def test_groups_are_sorted_and_keep_their_own_clips():
    truth, predicted = np.array([0, 1, 1, 2]), np.array([0, 1, 0, 2])
    found = classification.confusion_by_group(truth, predicted, ["b", "a", "b", "b"], 3)
    assert list(found) == ["a", "b"] and found["a"].dtype == np.int64
    assert found["a"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert found["b"].tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert classification.confusion(truth, predicted, 3).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("seed", [0, 5])
def test_the_bootstrap_draws_units_with_replacement(seed):
    counts = np.random.default_rng(1).integers(1, 9, (6, 3, 3))
    times = np.random.default_rng(seed).multinomial(6, [1 / 6] * 6, size=2_000)
    uars = []
    for draw in times:
        total = sum(int(n) * unit for n, unit in zip(draw, counts, strict=True))
        uars.append(np.mean(np.diag(total) / total.sum(1)))
    found = classification.interval(counts, classification.uar, *([seed] if seed else []))
    assert found == pytest.approx(np.percentile(uars, (2.5, 97.5)).tolist(), abs=1e-12)
    assert [type(end) for end in found] == [float, float]


def test_reliability_and_calibration_error_in_plain_steps():
    truth, probabilities = answers()
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    found = classification.reliability(probabilities.astype(np.float32), truth)
    error = 0.0
    for i in range(15):
        own = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        assert found["count"][i] == own.sum()
        for name, values in (("confidence", confidence), ("accuracy", right)):
            assert found[name][i] == pytest.approx(values[own].mean() if own.any() else 0.0, abs=1e-6)
        error += abs(confidence[own].sum() - right[own].sum()) / 60
    assert classification.ece(probabilities, truth) == pytest.approx(error)
    assert set(map(len, found.values())) == {15} and list(found) == ["count", "confidence", "accuracy"]
    assert classification.ECE_BINS == 15
    alone = classification.reliability(np.array([[0.7, 0.2, 0.1]]), np.array([0]))
    assert alone["confidence"].max() == 0.7 and alone["accuracy"].sum() == 1.0
    none = np.zeros((1, 3))  # a confidence of 0 belongs to the first bin
    assert classification.reliability(none, np.array([1]))["count"].tolist() == [1] + [0] * 14


@pytest.mark.parametrize("n", [7, 60])
def test_coverage_in_plain_steps(n):
    truth, probabilities = answers(n)
    order = sorted(range(n), key=lambda i: -probabilities[i].max())
    rows = classification.coverage(probabilities, truth)
    assert [row["coverage"] for row in rows] == pytest.approx([i / 20 for i in range(1, 21)])
    for row in rows:
        kept = order[: max(1, round(row["coverage"] * n))]
        assert row["accuracy"] == pytest.approx(np.mean([probabilities[i].argmax() == truth[i] for i in kept]))
        assert row["confidence"] == probabilities[kept[-1]].max() and type(row["confidence"]) is float
        assert list(row) == ["coverage", "accuracy", "confidence"]


def test_clips_of_equal_confidence_are_accepted_in_their_order():
    random = np.random.default_rng(0)
    confidence, right = random.choice([0.6, 0.7, 0.8], 200), random.integers(0, 2, 200)
    order = sorted(range(200), key=lambda i: -confidence[i])
    rows = classification.coverage(np.stack([confidence, 1 - confidence], 1), 1 - right)
    assert [row["accuracy"] for row in rows] == pytest.approx([right[order[:n]].mean() for n in range(10, 201, 10)])


def test_the_table_of_labels_is_scikit_learns():
    truth, predicted = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 1, 0, 1, 2])
    found = classification.per_class(truth, predicted, ("a", "b", "c", "d"))
    for i, name in enumerate("ab"):
        assert found[name] == {
            "precision": pytest.approx(sk.precision_score(truth == i, predicted == i)),
            "recall": pytest.approx(sk.recall_score(truth == i, predicted == i)),
            "f1": pytest.approx(sk.f1_score(truth == i, predicted == i)),
            "n": 3,
        }
    nothing = {"precision": None, "recall": None, "f1": None, "n": 0}
    assert found["c"] == found["d"] == nothing and list(found) == ["a", "b", "c", "d"]
    never = classification.per_class(np.array([0, 1]), np.array([1, 1]), ("a", "b"))
    assert never["a"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 1}


def summary(units, **changes):
    truth, probabilities = answers(len(units))
    genders = ["", "f", "m"] * 100
    values = {"truth": truth, "probabilities": probabilities, "labels": LABELS, "speakers": units} | changes
    return truth, probabilities, classification.summarize(**values, genders=genders[: len(units)], units=units)


def test_a_summary_holds_every_figure_of_its_clips():
    units = [f"s{i % 4}" for i in range(60)]
    truth, probabilities, got = summary(units)
    predicted = probabilities.argmax(1)
    groups = np.array(units)
    genders = np.array(["", "f", "m"] * 20)

    def uar_of(chosen):
        return pytest.approx(sk.balanced_accuracy_score(truth[chosen], predicted[chosen]))

    matrices = np.stack([sk.confusion_matrix(truth[groups == f"s{i}"], predicted[groups == f"s{i}"]) for i in range(4)])
    assert got == {
        "n": 60,
        "labels": ["a", "b", "c"],
        "accuracy": pytest.approx(sk.accuracy_score(truth, predicted)),
        "uar": uar_of(slice(None)),
        "accuracy_ci": few_units.accuracy_interval(matrices),
        "uar_ci": few_units.uar_interval(matrices),
        "interval_method": "Clopper-Pearson",
        "macro_f1": pytest.approx(sk.f1_score(truth, predicted, average="macro")),
        "ece": classification.ece(probabilities, truth),
        "confusion": sk.confusion_matrix(truth, predicted).tolist(),
        "per_class": classification.per_class(truth, predicted, LABELS),
        "per_speaker": {name: uar_of(groups == name) for name in ("s0", "s1", "s2", "s3")},
        "per_gender": {name: uar_of(genders == name) for name in "fm"},
        "speaker_n": dict.fromkeys(("s0", "s1", "s2", "s3"), 15),
        "gender_n": {"f": 20, "m": 20},
        "coverage": classification.coverage(probabilities, truth),
    }
    assert type(got["accuracy"]) is type(got["uar"]) is type(got["per_gender"]["f"]) is float


def test_intervals_of_many_units_are_bootstraps():
    truth, probabilities, got = summary([str(i) for i in range(60)], speakers=["one"] * 60)
    clips = np.zeros((60, 3, 3), int)
    clips[np.arange(60), truth, probabilities.argmax(1)] = 1
    order = np.argsort([str(i) for i in range(60)])
    assert got["interval_method"] == "bootstrap" and got["per_speaker"] == {"one": pytest.approx(got["uar"])}
    assert got["uar_ci"] == classification.interval(clips[order], classification.uar)
    assert got["accuracy_ci"] == classification.interval(clips[order], classification.accuracy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speakers": ["s"] * 11}, r"columns of one length, at least 1, found \[12, 12, 11, 12, 12\]"),
        ({"truth": np.zeros(0, int)}, "columns of one length"),
        ({"truth": np.full(12, 3)}, "expected 3 classes, found 3 probabilities and classes up to 3"),
        ({"truth": np.full(12, -1)}, "expected 3 classes"),
        ({"labels": ("a", "b")}, "expected 2 classes, found 3 probabilities"),
        ({"labels": ("a", "b", "c", "d")}, "expected 4 classes, found 3 probabilities"),
        ({"probabilities": np.full((12, 3), np.inf)}, "finite probabilities, found NaN or infinity"),
        ({"probabilities": np.where(np.eye(12, 3) > 0, np.nan, 0.3)}, "training diverged"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(VoxJaxError, match=message):
        summary(["s"] * 12, **changes)


def test_one_clip_has_a_summary():
    _, _, got = summary(["s"])
    assert got["n"] == 1 and got["accuracy"] in (0.0, 1.0)
