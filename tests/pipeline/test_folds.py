"""Statistics of a fold come from its training clips alone, and the guard refuses those of any other clip."""

import numpy as np
import pytest

from voxjax import modalities
from voxjax.config import Config, FrameFeatures
from voxjax.data import guard
from voxjax.data.manifest import Clip, Manifest
from voxjax.data.splits import Split
from voxjax.pipeline import folds, modality_inputs
from voxjax.pipeline.dataset import FeatureRows
from voxjax.pipeline.examples import Examples

SPLIT = Split(np.array([0, 2, 3, 6]), np.array([1, 4]), np.array([5, 7]), "random5", 0)
EMOTIONS = ("sad", "sad", "happy", "sad", "happy", "happy", "sad", "happy")
MANIFEST = Manifest(
    None, tuple(Clip(f"{i}.wav", "own", f"p{i % 3}", "", e, "", "", "", str(i)) for i, e in enumerate(EMOTIONS))
)


def rows(outside=0.0):
    """Two windows of each clip with one augmented copy; `outside` is added to all that is not to be fitted on."""
    values = np.random.default_rng(0).normal(size=(16, 2, 5, 3)).astype(np.float32)
    clips = np.repeat(np.arange(8), 2)
    values[~np.isin(clips, SPLIT.train)] += outside
    values[:, 1] += outside
    values[:, :, 4] += outside  # padding
    return Examples(values, np.full((16, 2), 4, np.int32), clips)


def fold_data(centre, outside=0.0):
    features = FeatureRows(FrameFeatures(mels=3, centre=centre), rows(outside), None)
    return folds._fold_data(Config(class_balance=1.0), MANIFEST, features, SPLIT)


@pytest.mark.parametrize("centre", ["corpus", "speaker"])
def test_statistics_do_not_depend_on_clips_that_are_not_trained_on(centre):
    plain, dirty = fold_data(centre), fold_data(centre, np.nan)
    np.testing.assert_array_equal(plain.rows, [0, 1, 4, 5, 6, 7, 12, 13])
    for a, b in zip(plain.scaler, dirty.scaler, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (plain.offsets is None) == (centre == "corpus")
    if centre == "speaker":
        np.testing.assert_array_equal(plain.offsets, dirty.offsets)
    else:
        own = rows().features[plain.rows, 0, :4].reshape(-1, 3)
        np.testing.assert_allclose(plain.scaler.mean[0], own.mean(0), atol=1e-6)
        np.testing.assert_allclose(plain.scaler.std[0], own.std(0), atol=1e-6)
    # Of the training rows, six are sad and two happy.
    np.testing.assert_allclose(plain.class_weights, np.array([2.0, 2 / 3])[np.argsort(MANIFEST.labels)], rtol=1e-6)


def test_a_fit_to_validation_or_test_clips_is_refused():
    config, own = FrameFeatures(mels=3), rows()
    column = modalities.ModalityColumn(np.ones((8, 2, 3), np.float32), np.full(8, 2, np.int32), ())
    scaler = folds._fit_scaler(config, Examples(*(part[:2] for part in own)), SPLIT)
    for clip in (*SPLIT.valid, *SPLIT.test):
        leaking = np.array([*SPLIT.train, clip])
        some = Examples(*(part[np.isin(own.clip_index, leaking)] for part in own))
        for fit in (
            lambda some=some: folds._fit_scaler(config, some, SPLIT),
            lambda some=some: folds._offsets(MANIFEST, config, some, scaler, SPLIT),
            lambda clips=leaking: folds._class_weights(MANIFEST, clips, 1.0, SPLIT),
            lambda clips=leaking: modality_inputs.fit_scalers({"text": column}, clips, SPLIT),
        ):
            with pytest.raises(guard.LeakError, match=f"1 outside them, such as clip {clip};"):
                fit()


def test_modality_scalers_are_of_training_clips():
    values = np.random.default_rng(1).normal(size=(8, 2, 3)).astype(np.float32)
    column = modalities.ModalityColumn(values, np.full(8, 2, np.int32), ())
    found = modality_inputs.fit_scalers({"text": column}, SPLIT.train, SPLIT)["text"]
    np.testing.assert_allclose(found.mean[0], values[SPLIT.train].reshape(-1, 3).mean(0), atol=1e-6)
