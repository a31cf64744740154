"""Evaluating an adapted model: the figures are those of its predictor, and the report says what it was adapted to."""

import csv
import json
import re

import pytest

from tests.inference.test_predictor import ROOT
from voxjax import EmotionPredictor
from voxjax.errors import UsageError, VoxJaxError
from voxjax.experiments import evaluate

MODEL = ROOT / "checkpoints/whisper_statistics"  # trained on RAVDESS alone
SPEAKERS = ("03", "08")


@pytest.fixture(scope="module")
def corpus(data_dir, tmp_path_factory):
    """24 clips of two speakers of EmoDB."""
    root = tmp_path_factory.mktemp("data")
    (root / "emodb").mkdir()
    for speaker in SPEAKERS:
        emotions = sorted((data_dir / "emodb" / "wav").glob(f"{speaker}*[WEAFTN]?.flac"))
        for path in emotions[:: len(emotions) // 12][:12]:
            (root / "emodb" / path.name).write_bytes(path.read_bytes())
    return root


def evaluated(corpus, workdir, **choices):
    request = evaluate.Request(MODEL, "emodb", corpus, workdir, corpus.parent / "cache", **choices)
    figures = evaluate.evaluate(request)
    with (workdir / "report/predictions.csv").open(newline="") as file:
        rows = {row["clip"]: row for row in csv.DictReader(file)}
    page = re.sub(r"\s+", " ", (workdir / "report/report.html").read_text())
    assert json.loads((workdir / "report/metrics.json").read_text())["protocol"] == figures["protocol"]
    return figures, rows, page


@pytest.fixture(scope="module")
def plain(corpus, tmp_path_factory):
    return evaluated(corpus, tmp_path_factory.mktemp("plain"))


def same(rows, predictor, corpus, names):
    for name in names:
        expected = predictor.predict(corpus / "emodb" / name.rpartition("/")[2])["probabilities"]
        assert {label: float(rows[name][label]) for label in predictor.labels} == pytest.approx(expected, abs=1e-4)


def test_the_tested_clips_themselves_adapt_to_the_corpus(corpus, plain, tmp_path):
    figures, rows, page = evaluated(corpus, tmp_path, adapt="corpus")
    assert (plain[0]["protocol"], figures["protocol"]) == ("corpus", "adapted") and "adaptation" not in plain[0]
    assert {**figures["adaptation"], "note": 0, "warnings": 0} == {
        "adapt": "corpus", "clips": 24, "known_beforehand": False, "labelled": False, "note": 0, "warnings": 0,
    }  # fmt: skip
    note = figures["adaptation"]["note"]
    assert "all 24 tested clips themselves, without their labels (transductive)" in note and note in page
    assert "that the model was not trained on but adapted to without labels" in page
    adapted = EmotionPredictor(MODEL).adapted(sorted((corpus / "emodb").iterdir()))
    same(rows, adapted, corpus, [*rows][::5])
    assert figures["domain"]["outside"] < plain[0]["domain"]["outside"] == 1.0


def test_each_speakers_tested_clips_adapt_to_the_speaker(corpus, tmp_path):
    figures, rows, page = evaluated(corpus, tmp_path, adapt="speaker")
    assert figures["protocol"] == "corpus+enrolled" and figures["adaptation"]["clips"] == 24
    assert "all the tested clips of the speaker, the answered one among them" in page
    assert "a corpus that the model was not trained on, by speakers to whom it was adapted" in page
    for speaker in SPEAKERS:
        own = EmotionPredictor(MODEL).enrolled(sorted((corpus / "emodb").glob(f"{speaker}*")))
        same(rows, own, corpus, [name for name in rows if name.rpartition("/")[2].startswith(speaker)][::4])


def test_known_clips_are_not_tested_and_other_speakers_are_strangers(corpus, plain, tmp_path):
    known = sorted((corpus / "emodb").glob("03*"))[:4]
    with (tmp_path / "known.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "speaker"), *((path, "03") for path in known)])
    figures, rows, page = evaluated(corpus, tmp_path / "run", enrol=str(tmp_path / "known.csv"))
    assert figures["n"] == len(rows) == 20 and not [name for name in rows if name.endswith(known[0].name)]
    assert "4 clips that the model is adapted to are left out." in page
    assert "12 tested clips are of speakers who are not enrolled." in figures["adaptation"]["note"]
    same(rows, EmotionPredictor(MODEL).enrolled(known), corpus, [name for name in rows if "/03" in f"/{name}"][:2])
    stranger = next(name for name in rows if "/08" in f"/{name}")
    assert float(rows[stranger]["angry"]) == pytest.approx(float(plain[1][stranger]["angry"]), abs=1e-4)


def test_what_cant_be_evaluated_is_an_error(corpus, tmp_path):
    with pytest.raises(VoxJaxError, match="adapted to the tested clips themselves"):
        evaluated(corpus, tmp_path, adapt="corpus", enrol=str(corpus / "emodb"))
    with pytest.raises(UsageError, match="--robustness: expected one model for all clips"):
        evaluated(corpus, tmp_path, adapt="speaker", robustness_seed=0)
    (tmp_path / "known").mkdir()
    (tmp_path / "known/broken.wav").write_bytes(b"RIFF")
    with pytest.raises(VoxJaxError, match=r"broken\.wav"):
        evaluated(corpus, tmp_path / "run", adapt="corpus", enrol=str(tmp_path / "known"))
