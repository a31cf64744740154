"""Labels of a corpus as a model answers them: renamed, merged, left out, and what is said about it."""

import numpy as np
import pytest

from voxjax.data import label_mapping
from voxjax.errors import UsageError, VoxJaxError

MODEL = ("neutral", "calm", "happy", "angry", "disgust")


def test_own_labels_are_tested_under_any_synonym_and_foreign_ones_are_left_out():
    found = label_mapping.of(MODEL, ("anger", "boredom", "calm"), "own", {})
    assert found.labels == MODEL and not found.changes_answers
    assert found.of_clips == {"anger": "angry", "boredom": "", "calm": "calm"}
    np.testing.assert_array_equal(found.membership, np.eye(5))
    assert found.notes({"anger": 3, "boredom": 81, "calm": 4}) == [
        "Labels of clips that count as another: anger as angry (3).",
        "81 clips have labels that the model does not have and are left out: boredom (81).",
    ]


def test_labels_are_merged_on_both_sides():
    renames = label_mapping.parse("WUT=angry, calm=neutral,disgust=")
    found = label_mapping.of(MODEL, ("Wut", "calm", "disgust", "happy"), "own", renames)
    assert found.labels == ("neutral", "happy", "angry")
    assert found.of_clips == {"Wut": "angry", "calm": "neutral", "disgust": "", "happy": "happy"}
    np.testing.assert_array_equal(found.membership, [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    assert found.answers == (
        "The model's probabilities of these labels are summed: neutral and calm as neutral. "
        "The model is not asked for disgust: its other probabilities make up 1."
    )


@pytest.mark.parametrize(
    ("label_set", "labels", "left_out"),
    [("four", ("neutral", "happy", "angry"), {"disgust"}), ("shared", ("calm", "angry", "disgust"), set())],
)
def test_a_label_set_restricts_both(label_set, labels, left_out):
    corpus = ("Anger", "calm", "disgust")
    found = label_mapping.of(MODEL, corpus, label_set, {})
    assert found.labels == labels and {old for old, new in found.of_clips.items() if not new} == left_out
    assert found.of_clips["Anger"] == "angry" and found.membership.shape == (5, 3)
    assert "outside of 'four'" in str(found.notes(dict.fromkeys(corpus, 1))) or label_set == "shared"


def test_merged_logits_give_the_sums_of_calibrated_probabilities():
    logits = np.log(np.random.default_rng(0).dirichlet(np.ones(5), 7))
    membership = label_mapping.of(MODEL, MODEL, "own", {"calm": "neutral", "disgust": ""}).membership
    found = np.exp(label_mapping.merged(logits, 0.7, membership) / 0.7)
    calibrated = np.exp(logits / 0.7) / np.exp(logits / 0.7).sum(1, keepdims=True)
    expected = np.stack([calibrated[:, 0] + calibrated[:, 1], calibrated[:, 2], calibrated[:, 3]], 1)
    np.testing.assert_allclose(found / found.sum(1, keepdims=True), expected / expected.sum(1, keepdims=True))


@pytest.mark.parametrize(
    ("text", "label_set", "message"),
    [
        ("Wut", "own", "--map: expected pairs OLD=NEW, joined by commas, found 'Wut'"),
        ("Wut=angry,wut=calm", "own", "write each label once"),
        ("Wutt=angry", "own", "a label of the corpus or the model: .*did you mean 'wut'"),
        ("Wut=angri", "own", "what Wut counts as: expected .*found 'angri'; did you mean 'angry'"),
        ("", "fuor", "--labels: expected .*did you mean 'four'"),
        ("Wut=,calm=", "own", "corpus: expected one of neutral, happy, angry, disgust, found Wut, calm"),
        ("neutral=calm,happy=calm,angry=calm,disgust=calm", "own", "at least two, found calm"),
    ],
)
def test_errors_say_what_to_write(text, label_set, message):
    with pytest.raises((UsageError, VoxJaxError), match=message):
        label_mapping.of(MODEL, ("Wut", "calm"), label_set, label_mapping.parse(text))
