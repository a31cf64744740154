"""One predictor in several threads, and how few programs a folder of many lengths compiles."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.inference.test_predictor import RATE_HZ, member, saved, voice
from voxjax import EmotionPredictor
from voxjax.inference import batched_forward

CLIPS = [(voice(duration_s, seed), RATE_HZ) for seed, duration_s in enumerate(np.linspace(0.11, 2.7, 150))]


def test_threads_get_the_answers_of_one_alone(tmp_path):
    model = saved(tmp_path, member(0), member(1))
    alone = list(EmotionPredictor(model).predict_many(CLIPS))
    single = [EmotionPredictor(model).predict(clip) for clip in CLIPS[:10]]
    shared = EmotionPredictor(model)

    def work(i):
        if i % 2:
            return list(shared.predict_many(CLIPS)) == alone
        return [shared.predict(clip) for clip in CLIPS[:10]] == single

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == [True] * 8


def test_a_folder_of_many_lengths_compiles_a_handful_of_programs(tmp_path):
    predictor = EmotionPredictor(saved(tmp_path, member(0)))
    batched_forward._forward.clear_cache()
    list(predictor.predict_many(CLIPS))
    assert 2 <= batched_forward._forward._cache_size() <= 6
    windows = [batched_forward.Window(samples[:RATE_HZ], {}) for samples, _ in CLIPS]
    sizes = [batch.features.shape for _, batch in batched_forward._batches(predictor._feature_sets[0], windows)]
    assert len(set(sizes)) <= 6 and {shape[0] for shape in sizes} == {8}
    short = [window._replace(samples=window.samples[: RATE_HZ // 5]) for window in windows]
    sizes = [batch.features.shape for _, batch in batched_forward._batches(predictor._feature_sets[0], short)]
    assert {shape[0] for shape in sizes} == {16} and len(set(sizes)) == 1 and len(sizes) == 10
