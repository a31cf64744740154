"""Inner folds: each training clip validated once, by speaker where the protocol is, and never a test clip."""

import dataclasses

import numpy as np
import pytest

from tests.data.test_splits import made
from voxjax.data import guard, inner_folds, splits


@pytest.mark.parametrize("protocol", ["speaker5", "random5", "loso", "all"])
def test_each_training_clip_is_validated_once_and_no_test_clip_is_used(protocol):
    manifest = made()
    outer = splits.split(manifest, protocol, 0, 0.2, 0)
    found = inner_folds.divide(manifest, outer)
    assert len(found) == inner_folds.FOLDS
    known = np.union1d(outer.train, outer.valid)
    np.testing.assert_array_equal(np.sort(np.concatenate([one.valid for one in found])), known)
    for one in found:
        if protocol != "all":  # which has no test clips
            guard.check(manifest, dataclasses.replace(one, test=outer.test))
        np.testing.assert_array_equal(np.union1d(one.train, one.valid), known)
        assert not len(one.test) and {manifest.clips[i].emotion for i in one.valid} == set(manifest.labels)
        voices = [{manifest.clips[i].voice for i in part} for part in (one.train, one.valid)]
        assert bool(voices[0] & voices[1]) == (protocol in ("random5", "all"))
        if protocol == "speaker5":
            genders = [manifest.clips[i].gender for i in one.valid]
            assert 0.3 < genders.count("female") / len(genders) < 0.7
