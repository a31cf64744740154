"""The loop: early stopping, resuming, NaN, chance on shuffled labels."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.test_step import HYPER, KEY, data, task
from voxjax.config import TrainConfig
from voxjax.errors import VoxJaxError
from voxjax.train import loop, step

PLAN = TrainConfig(epochs=4, batch_size=4, patience_epochs=10)


def held():
    clips = data()
    values, lengths = np.asarray(clips.features[:, 0]), np.asarray(clips.lengths[:, 0])
    return loop.Held(values, lengths, lambda logits: logits, np.asarray(clips.labels))


def fit(plan=PLAN, progress=None, clips=None, hyper=HYPER, valid=None, on_step=None, total=12):
    clips, hyper = clips or data(), step.traced(hyper)
    progress = progress or loop.begin(task(total=total), hyper, KEY, clips)
    seen = []
    hooks = loop.Hooks(on_step or (lambda *_: None), lambda progress, logits: seen.append(progress))
    return loop.fit(task(total=total), plan, hyper, KEY, clips, valid or held(), progress, hooks), seen


def host(tree):
    return jax.tree.map(np.array, tree)


def test_every_step_is_read_once_and_in_order():
    steps = []
    fit(on_step=lambda epoch, count, loss: steps.append((epoch, count)))
    assert steps == [(epoch, count) for epoch in range(4) for count in (1, 2, 3)]


def test_resumed_run_gives_the_same_bits():
    whole, _ = fit()
    half, _ = fit(dataclasses.replace(PLAN, epochs=2))
    kept = half._replace(state=jax.tree.map(jnp.asarray, host(half.state)))
    resumed, _ = fit(progress=kept)
    for ours, theirs in zip(jax.tree.leaves(resumed.state), jax.tree.leaves(whole.state), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    scores = [[row["valid_uar"] for row in p.history] for p in (resumed, whole)]
    assert scores[0] == scores[1]


def test_best_epoch_is_the_last_of_the_best_and_its_weights_are_kept():
    progress, _ = fit(dataclasses.replace(PLAN, epochs=6))
    scores = [row["valid_uar"] for row in progress.history]
    best = max(i + 1 for i, score in enumerate(scores) if score == max(scores))
    assert progress.best_epoch == best and progress.best_uar == max(scores)
    clips = data()
    logits = loop.logits_of(task(total=12), progress.best, clips.scaler, *held()[:2])
    recalls = [np.mean(logits.argmax(1)[held().labels == k] == k) for k in range(4)]
    assert np.mean(recalls) == pytest.approx(max(scores))


def test_stops_when_patience_ends():
    frozen = dataclasses.replace(HYPER, learning_rate=0.0)
    swapped = held()._replace(per_clip=worsening())
    progress, _ = fit(dataclasses.replace(PLAN, epochs=50, patience_epochs=3), hyper=frozen, valid=swapped)
    assert progress.epoch == 4 and progress.best_epoch == 1


def worsening():
    """Validation logits that are right at first and wrong ever after."""
    calls = iter([np.eye(4)[np.arange(12) % 4] * 5, *[np.eye(4)[(np.arange(12) + 1) % 4] * 5] * 49])
    return lambda logits: next(calls).astype(np.float32)


def test_nan_stops_with_what_to_do():
    broken = data()
    broken = broken._replace(features=broken.features.at[5].set(jnp.nan))
    with pytest.raises(VoxJaxError, match=r"finite loss.*learning_rate"):
        fit(clips=broken)


def test_logits_do_not_depend_on_the_chunk():
    clips, hyper = data(), step.traced(HYPER)
    state = loop.begin(task(), hyper, KEY, clips).state
    values = np.tile(np.asarray(clips.features[:, 0]), (9, 1, 1))  # 108 rows: two chunks
    lengths = np.tile(np.asarray(clips.lengths[:, 0]), 9)
    logits = loop.logits_of(task(), state.averaged, clips.scaler, values, lengths)
    assert logits.shape == (108, 4)
    np.testing.assert_allclose(logits, np.tile(logits[:12], (9, 1)), atol=1e-5)


def test_shuffled_labels_give_chance():
    """Rows that share nothing with their labels can be learnt by heart but say nothing of new ones."""
    random = np.random.default_rng(0)
    values = random.normal(-50, 10, (160, 1, 40, 16)).astype(np.float32)
    labels = random.integers(0, 4, 160).astype(np.int32)
    lengths = np.full((160, 1), 40, np.int32)
    clips = data()._replace(
        features=jnp.asarray(values[:60]), lengths=jnp.asarray(lengths[:60]), labels=jnp.asarray(labels[:60])
    )
    valid = loop.Held(values[60:, 0], lengths[60:, 0], lambda logits: logits, labels[60:])
    progress, _ = fit(dataclasses.replace(PLAN, epochs=8, batch_size=20), clips=clips, valid=valid, total=24)
    assert abs(progress.history[-1]["valid_uar"] - 0.25) < 0.13  # three deviations of 100 clips
