"""Closed-form members are fitted to their validation clips, too, after these have chosen the temperature."""

import dataclasses

import jax
import numpy as np
import pytest

from tests import runs
from tests.voices import write_folder
from voxjax.config import Config, FrameFeatures, OfflineAugmentConfig, TrainConfig
from voxjax.evaluation import fold_predictions
from voxjax.metrics import calibration
from voxjax.pipeline import ensemble_setup
from voxjax.pipeline.folds import make_fold
from voxjax.train import closed_form, loop

SMALL = Config(
    name="small",
    corpus="folder",
    protocol="random5",
    architecture="lda",
    features=FrameFeatures(mels=16),
    offline_augment=OfflineAugmentConfig(augmentation_factor=0),
    train=TrainConfig(valid_fraction=0.3),
)
QUIET = loop.Hooks(lambda *_: None, lambda *_: None, lambda *_: None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("corpus"), takes=3)


def fitted(corpus, cache, **changes):
    """The spec, the setup, the run after its fit, and the fold."""
    config = dataclasses.replace(SMALL, **changes)
    spec, dataset = runs.spec(config, corpus, cache), runs.load(config, corpus, cache)
    fold = make_fold(spec, dataset, 0, 0)
    setup = ensemble_setup.setup(spec, dataset, [fold])
    return spec, setup, loop.fit(setup, loop.begin(setup), QUIET), fold


def test_test_clips_are_answered_by_a_fit_to_training_and_validation_clips(corpus, tmp_path):
    spec, setup, run, fold = fitted(corpus, tmp_path)
    (found,), final = fold_predictions.predict_folds(spec, setup, run, [fold])
    plan, group = setup.plans[0], setup.program.groups[0]
    both = np.sort(np.concatenate([fold.data[0].rows, fold.data[0].valid.rows])).astype(np.int32)
    expected = closed_form.fit(group.task, setup.clips[0], plan.arrays, both)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), final.members[0].best, expected)
    assert np.abs(final.members[0].best.params["kernel"] - run.members[0].best.params["kernel"]).max() > 1e-3
    test = loop.best_logits(setup, final, [fold.data[0].test])[0]
    np.testing.assert_allclose(found.logits, jax.nn.log_softmax(test), atol=1e-5)
    # The temperature is of the fit that did not have the validation clips.
    valid = loop.best_logits(setup, run, [fold.data[0].valid])[0].astype(np.float64)
    assert found.temperature == pytest.approx(calibration.fit_temperature(valid, fold.data[0].valid.labels), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"protocol": "all"}, {"protocol": "loso", "features": FrameFeatures(mels=16, centre="speaker")}],
    ids=["no test clips", "centred by speaker"],
)
def test_members_are_left_where_validation_clips_are_tested_or_have_no_offsets(corpus, tmp_path, changes):
    spec, setup, run, fold = fitted(corpus, tmp_path, **changes)
    _, final = fold_predictions.predict_folds(spec, setup, run, [fold])
    assert final.members[0].best is run.members[0].best
