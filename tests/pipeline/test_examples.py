"""Clips to arrays: windows, augmentations, padding, and a scaler fitted to the clips themselves."""

import dataclasses

import numpy as np
import pytest

from voxjax.audio import features, normalize
from voxjax.config import EncoderFeatures, FrameFeatures, OfflineAugmentConfig
from voxjax.data import synthetic
from voxjax.pipeline import examples
from voxjax.train import loop
from voxjax.train.compilations import count_compilations
from voxjax.train.run_state import EvalSplit

CONFIG = FrameFeatures(mels=20)


@pytest.fixture(scope="module")
def clips():
    return [synthetic.render(synthetic.SPEAKERS[i % 3], "happy", i) for i in range(5)]


def silent(_):
    return None


def test_features_of_a_clip_do_not_depend_on_other_clips(clips):
    built = examples.build(CONFIG, clips, silent)
    for i, samples in enumerate(clips):
        alone, length = features.extract(
            CONFIG,
            features.prepare(CONFIG, samples)[None],
            np.array([len(features.prepare(CONFIG, samples))], np.int32),
        )
        assert built.lengths[i, 0] == length[0] and built.clip_index[i] == i
        np.testing.assert_allclose(built.features[i, 0, : length[0]], alone[0, : length[0]], atol=1e-3)
        assert not built.features[i, 0, length[0] :].any()


def test_threads_compile_one_program_and_give_the_numbers_of_one_thread(clips, monkeypatch):
    config, many = FrameFeatures(mels=21), [*clips, *clips]
    monkeypatch.setattr(examples.os, "cpu_count", lambda: 1)
    alone = examples.build(config, many, silent).features
    monkeypatch.setattr(examples, "_COMPUTED", 3)
    monkeypatch.setattr(examples.os, "cpu_count", lambda: 4)
    with count_compilations("extract") as compiled:
        together = examples.build(config, many, silent).features
    assert len(compiled) == 1
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_rows_are_in_the_order_of_clips_though_an_encoder_takes_short_ones_first(clips, monkeypatch):
    """Chunks have different padding; the randomness of augmentations depends on the clip."""
    monkeypatch.setattr(examples, "_ENCODED", 2)
    config = EncoderFeatures(encoder="whisper_tiny_en", blocks=(1,), hop_ms=20.0, trim_db=200.0)
    lengths = (30_000, 9_000, 40_000, 9_500, 20_000)
    waveforms = [np.resize(clip, length) for clip, length in zip(clips, lengths, strict=True)]
    shapes, done = set(), []

    def extract(samples, lengths):
        shapes.add(samples.shape)
        sums = np.cumsum(np.asarray(samples), 1)[:, ::320, None]
        counts = np.asarray(lengths) // 320
        return np.where(np.arange(sums.shape[1])[None, :, None] < counts[:, None, None], sums, 0.0), counts

    augment = OfflineAugmentConfig(augmentation_factor=1, methods=("noise",))
    built = examples.build(config, waveforms, done.append, augment, [5, 6, 7, 8, 9], extract)
    assert len(shapes) == 3 and sum(done) == 5 and built.features.shape[2] == 125
    for i, waveform in enumerate(waveforms):
        count = len(waveform) // 320
        assert built.lengths[i, 0] == count and not built.features[i, 0, count:].any()
        np.testing.assert_allclose(built.features[i, 0, :count, 0], np.cumsum(waveform)[::320][:count], atol=1e-2)
        alone = examples.build(config, [waveform], silent, augment, [5 + i], extract)
        np.testing.assert_allclose(built.features[i, 1, :count], alone.features[0, 1, :count], atol=1e-2)


def test_logits_of_the_windows_of_a_clip_are_averaged(clips):
    config = dataclasses.replace(CONFIG, max_duration_s=0.5)
    built = examples.build(config, clips, silent)
    counts = np.bincount(built.clip_index)
    assert len(counts) == 5 and counts.min() >= 2
    logits = np.arange(len(built.clip_index) * 3, dtype=np.float32).reshape(-1, 3)
    split = EvalSplit(np.arange(len(logits)), built.clip_index, np.zeros(5, int))
    mean = loop.clip_means(logits, split)
    np.testing.assert_allclose(mean[1], logits[built.clip_index == 1].mean(0))


def test_augmentations_have_the_index_of_their_clip_and_differ(clips):
    augment = OfflineAugmentConfig(augmentation_factor=2, methods=("noise", "stretch"))
    plain = examples.build(CONFIG, clips, silent)
    built = examples.build(CONFIG, clips, silent, augment, [7, 8, 9, 10, 11])
    assert built.features.shape[1] == 3
    length = plain.lengths[0, 0]
    np.testing.assert_allclose(built.features[0, 0, :length], plain.features[0, 0, :length], atol=1e-4)
    assert np.abs(built.features[0, 1, :length] - plain.features[0, 0, :length]).max() > 1
    assert np.any(built.lengths[:, 2] != built.lengths[:, 0]) and np.all(built.lengths[:, 1] == built.lengths[:, 0])
    again = examples.build(CONFIG, clips[3:], silent, augment, [10, 11])
    n = again.lengths[0, 2]
    np.testing.assert_allclose(again.features[0, 2, :n], built.features[3, 2, :n], atol=2e-2)


def test_the_scaler_is_fitted_without_augmentations(clips):
    augment = OfflineAugmentConfig(augmentation_factor=1, methods=("noise",))
    built = examples.build(CONFIG, clips, silent, augment, range(5))
    ours = examples.fit_scaler(CONFIG, built)
    theirs = normalize.fit(built.features[:, 0], built.lengths[:, 0], 1)
    np.testing.assert_array_equal(ours.mean, theirs.mean)


def test_progress_counts_every_clip_once_though_long_ones_have_several_windows(clips, monkeypatch):
    monkeypatch.setattr(examples, "_COMPUTED", 4)
    counts = []
    built = examples.build(CONFIG, [*clips[:4], np.tile(clips[4], 20)], counts.append)
    assert len(built.clip_index) > 8 and sum(counts) == 5 and min(counts) >= 0
    assert counts[0] == 4 and counts[-1] == 1, "the long clip counts when its last window is done"


def test_another_extractor_gets_clips_and_augmentations_and_keeps_its_precision(clips):
    augment = OfflineAugmentConfig(augmentation_factor=1, methods=("speed",))

    def loudness(samples, lengths):
        return np.abs(samples[:, ::1_000, None]).astype(np.float16), np.asarray(-(-lengths // 1_000))

    built = examples.build(CONFIG, clips, silent, augment, range(5), loudness)
    assert built.features.dtype == np.float16 and built.features.shape[1] == 2
    prepared = features.prepare(CONFIG, clips[2])
    np.testing.assert_allclose(
        built.features[2, 0, : built.lengths[2, 0], 0], np.abs(prepared[::1_000]), rtol=1e-3, atol=1e-6
    )
    assert np.any(built.lengths[:, 0] != built.lengths[:, 1])
