"""Predicting: equal results for all kinds of sources, and clear errors for those that can't be read."""

import csv
import functools
import io
import json
import pathlib
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from tests import zygote
from voxjax import EmotionPredictor, models
from voxjax.artifacts import model_folder
from voxjax.audio import features, normalize
from voxjax.audio.io import AudioError
from voxjax.config import FrameFeatures
from voxjax.errors import VoxJaxError
from voxjax.inference import batched_forward, prediction_lines, shipped_model
from voxjax.inference.formats import FORMATS, Layout
from voxjax.storage import sealed_json

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
LABELS = ("neutral", "happy", "angry")
CONFIG = FrameFeatures(mels=12, trim_db=200.0, max_duration_s=1.0)
SMALL = {"filters": [4], "kernels": [3], "lstm": [], "dense": [6], "pooling": "attention", "heads": 2}


@functools.cache
def fresh():
    return jax.jit(models.build("optimized", SMALL, len(LABELS)).init)


def member(seed, weight=1.0):
    variables = fresh()(jax.random.key(seed), jnp.zeros((1, 8, 12)), jnp.ones((1, 8), bool))
    params, stats = jax.tree.map(np.asarray, (variables.params, variables.stats))
    params = jax.tree.map(lambda leaf: 2.0 * leaf, params)  # so that predictions differ clearly
    scaler = normalize.Scaler(np.full((1, 12), -40.0, np.float32), np.full((1, 12), 15.0, np.float32))
    return model_folder.TrainedMember("optimized", SMALL, weight, {"params": params, "stats": stats}, scaler)


def saved(folder, *members, temperature=1.0):
    sets = (model_folder.TrainedFeatures(CONFIG),)
    trained = model_folder.TrainedModel(
        members[0].architecture,
        members[0].options,
        LABELS,
        sets,
        temperature,
        list(members),
        {"name": "tiny"},
    )
    model_folder.save(folder, trained)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model"), member(0))


@pytest.fixture(scope="module")
def predictor(model):
    return EmotionPredictor(model)


def voice(duration_s, seed=0):
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    hum = np.sin(2 * np.pi * rng.uniform(100, 900) * time_s * (1 + 0.1 * time_s))
    return (0.3 * hum + 0.05 * rng.normal(size=len(time_s))).astype(np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of good clips of several lengths, with two broken ones among them."""
    folder = tmp_path_factory.mktemp("clips")
    for i, duration_s in enumerate([0.2, 0.4, 0.7, 1.0, 2.5, 0.3, 0.2]):
        soundfile.write(folder / f"{i}.wav", voice(duration_s, i), RATE_HZ, subtype="FLOAT")
    (folder / "2b.wav").write_bytes(b"RIFF")
    (folder / "4b.wav").write_bytes(b"")
    return folder


def probabilities(answer):
    return np.array(list(answer["probabilities"].values()))


def test_an_average_over_windows_says_so(predictor):
    long, short = predictor.predict((voice(2.5), RATE_HZ)), predictor.predict((voice(0.9), RATE_HZ))
    assert "an average over 3 windows: 'voxjax timeline FILE'" in long["warnings"][0] and short["warnings"] == []


def test_predictions_equal_those_of_the_single_steps(model, predictor):
    samples = voice(0.7)
    samples -= samples.mean(dtype=np.float64)
    trained = model_folder.load(model)
    one = trained.members[0]
    values, lengths = features.extract(CONFIG, samples[None], jnp.array([len(samples)], jnp.int32))
    mask = jnp.arange(values.shape[1])[None] < lengths[:, None]
    network = models.build("optimized", SMALL, 3)
    inputs = normalize.apply(CONFIG, one.scaler, values, mask)
    logits = jax.jit(network.apply)(models.Variables(**one.variables), inputs, mask)
    answer = predictor.predict((samples, RATE_HZ))
    np.testing.assert_allclose(probabilities(answer), jax.nn.softmax(logits)[0], atol=1e-5)
    assert tuple(answer["probabilities"]) == LABELS
    assert answer["emotion"] == LABELS[int(jnp.argmax(logits))]
    assert answer["confidence"] == max(probabilities(answer))
    assert answer["duration_s"] == pytest.approx(0.7)
    assert answer["model"] == str(model)


def test_path_file_object_and_samples_agree(predictor, clips):
    path = clips / "2.wav"
    by_path = predictor.predict(path)
    assert predictor.predict(str(path)) == by_path
    assert predictor.predict(io.BytesIO(path.read_bytes())) == by_path
    assert predictor.predict(soundfile.read(path, dtype="float32")) == by_path


def test_many_clips_at_once_have_the_predictions_of_each_alone(predictor, clips):
    paths = [clips / f"{i}.wav" for i in range(7)] * 3
    together = list(predictor.predict_many(paths))
    alone = [predictor.predict(path) for path in paths[:7]] * 3
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(probabilities(a), probabilities(b), atol=2e-5)
        assert a["duration_s"] == b["duration_s"]
    assert len({round(answer["confidence"], 4) for answer in alone}) == 7


def test_sources_are_consumed_as_needed(predictor, clips):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield clips / "0.wav"

    answered = predictor.predict_many(endless())
    next(answered)
    assert len(taken) <= 64


def test_logits_of_a_long_clip_are_the_mean_over_its_windows(predictor):
    parts = [part - part.mean() for part in np.array_split(voice(2.7), 3)]
    samples = np.concatenate(parts)
    logits = [np.log(probabilities(predictor.predict((part, RATE_HZ)))) for part in parts]
    mean = np.mean(logits, axis=0)
    expected = np.exp(mean) / np.exp(mean).sum()
    np.testing.assert_allclose(probabilities(predictor.predict((samples, RATE_HZ))), expected, atol=1e-5)


def test_temperature_softens_and_members_vote_by_weight(tmp_path):
    clip = (voice(0.5), RATE_HZ)
    one, other = (probabilities(EmotionPredictor(saved(tmp_path / str(i), member(i))).predict(clip)) for i in (0, 1))
    both = saved(tmp_path / "both", member(0, 3.0), member(1, 1.0))
    vote = 0.75 * one + 0.25 * other
    np.testing.assert_allclose(probabilities(EmotionPredictor(both).predict(clip)), vote, atol=1e-6)
    soft = saved(tmp_path / "soft", member(0, 3.0), member(1, 1.0), temperature=2.0)
    expected = np.sqrt(vote) / np.sqrt(vote).sum()
    np.testing.assert_allclose(probabilities(EmotionPredictor(soft).predict(clip)), expected, atol=1e-6)


def test_a_broken_source_is_an_error_or_has_a_result_of_its_own(predictor, clips):
    paths = [clips / name for name in ("0.wav", "2b.wav", "1.wav")]
    with pytest.raises(AudioError, match=r"2b\.wav"):
        list(predictor.predict_many(paths))
    found = list(predictor.predict_many(paths, lambda source, error: {"error": source.name}))
    assert found[1] == {"error": "2b.wav"}
    for i in (0, 2):
        np.testing.assert_allclose(probabilities(found[i]), probabilities(predictor.predict(paths[i])), atol=2e-5)


def test_few_shapes_are_compiled(model, clips):
    batched_forward._forward.clear_cache()
    predictor = EmotionPredictor(model)
    for seed, duration_s in enumerate(np.linspace(0.11, 0.99, 12)):
        predictor.predict((voice(duration_s, seed), RATE_HZ))
    assert batched_forward._forward._cache_size() <= 3


def test_weights_of_another_network_are_an_error(tmp_path):
    folder = saved(tmp_path, member(0))
    text = (folder / "model.json").read_text()
    changed = json.loads(text)
    changed["options"] = changed["members"][0]["options"] = {**changed["options"], "dense": [7]}
    (folder / "model.json").write_text(sealed_json.text(changed))
    with pytest.raises(VoxJaxError, match=r"array 0/params/Dense_0/bias of float32 \[7\], found float32 \[6\]"):
        EmotionPredictor(folder).predict((voice(0.5), RATE_HZ))


def test_default_model_is_in_the_package_else_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_model, "__file__", str(tmp_path / "voxjax" / "inference" / "shipped_model.py"))
    with pytest.raises(VoxJaxError, match="--model=DIR"):
        shipped_model.default_model()
    for place in (shipped_model.DEFAULT_MODEL, "voxjax/default_model"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "model.json").write_text("{}")
        assert shipped_model.default_model() == tmp_path / place
    monkeypatch.chdir("/")
    assert shipped_model.default_model() == tmp_path / "voxjax/default_model", "from any folder"


def written(predictor, clips, style):
    failed = []
    request = prediction_lines.Request([str(clips)], FORMATS[style])
    lines = list(prediction_lines.lines(predictor, request, lambda *counts: failed.extend(counts)))
    return lines, failed


def test_json_has_one_object_per_file_in_order(predictor, clips):
    lines, failed = written(predictor, clips, "json")
    found = [json.loads(line) for line in lines]
    assert [pathlib.Path(answer["path"]).stem for answer in found] == [
        "0",
        "1",
        "2",
        "2b",
        "3",
        "4",
        "4b",
        "5",
        "6",
    ]
    assert failed == [2, 9]
    for answer in found:
        if "b" in pathlib.Path(answer["path"]).stem:
            assert answer.keys() == {"path", "error"}
        else:
            keys = ["path", "emotion", "confidence", "probabilities", "duration_s", "model", "distance"]
            assert list(answer) == [*keys, "entropy", "disagreement", "warnings"]
            assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_csv_has_one_column_per_label(predictor, clips):
    lines, _ = written(predictor, clips, "csv")
    rows = list(csv.DictReader(lines))
    good = [row for row in rows if not row["error"]]
    assert (len(rows), len(good)) == (9, 7)
    for row in good:
        assert max(LABELS, key=lambda label: float(row[label])) == row["emotion"]
        assert float(row[row["emotion"]]) == float(row["confidence"])
    assert "empty file" in next(row["error"] for row in rows if row["path"].endswith("4b.wav"))


def test_csv_has_no_formulas_unless_raw_and_no_column_twice():
    answer = {"path": "=1+1.wav", "emotion": "-sad", "confidence": 0.5, "duration_s": 1.0, "model": "m"}
    answer |= {"distance": None, "entropy": 0.9, "disagreement": None, "warnings": []}
    answer["probabilities"] = {"-sad": 0.5, "error": 0.25, "path": 0.25}
    for raw, mark in ((False, "'"), (True, "")):
        layout = Layout(("-sad", "error", "path"), 10, raw)
        head, row = csv.reader([*FORMATS["csv"].header(layout), FORMATS["csv"].row(layout, answer)])
        assert len(set(head)) == len(head) and head[3:6] == [f"{mark}-sad", "label_error", "label_path"]
        assert row[:4] == [f"{mark}=1+1.wav", f"{mark}-sad", "0.5", "0.5"]
        shown = FORMATS["csv"].row(layout, {"path": "a\x1b[2J\n.wav", "error": "x"})
        assert ("\x1b" in shown and "\n" in shown) == raw


def test_columns_of_text_are_aligned_and_an_error_names_its_path_once(predictor, clips):
    lines, _ = written(predictor, clips, "text")
    good = [line for line in lines if "error" not in line]
    assert len({line.index(" %") for line in good}) == 1
    broken = next(line for line in lines if "4b.wav" in line)
    assert broken.count("4b.wav") == 1 and "expected a sound file" in broken


def test_an_empty_folder_gives_an_error_and_the_other_files_are_predicted(predictor, clips, tmp_path):
    failed = []
    arguments = [str(tmp_path), str(clips / "0.wav")]
    request = prediction_lines.Request(arguments, FORMATS["json"])
    lines = list(prediction_lines.lines(predictor, request, lambda *counts: failed.extend(counts)))
    assert "none" in json.loads(lines[0])["error"] and "emotion" in json.loads(lines[1])
    assert failed == [1, 2]


def script(*arguments):
    command = [zygote.python(), "scripts/predict.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_the_command_predicts_readable_files_and_has_exit_code_1(model, clips, tmp_path):
    done = script(clips / "0.wav", clips / "4b.wav", f"--model={model}", "--format=json", f"--out={tmp_path / 'a'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "1 of 2 could not be answered" in done.stderr and "Traceback" not in done.stderr
    found = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert found[0]["emotion"] in LABELS and "error" in found[1]
