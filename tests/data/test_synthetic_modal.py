"""The synthetic corpus of four modalities: the same on every computer; each modality predicts part of the label."""

import collections

import numpy as np
import pytest

from voxjax.data import corpora, synthetic_modal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return corpora.load("demo_modal", None, folder / "a"), folder


def test_it_is_balanced_and_equal_on_every_computer(made):
    first, folder = made
    other = corpora.load("demo_modal", None, folder / "b")
    assert first.clips == other.clips == corpora.load("demo_modal", None, folder / "a").clips
    assert len(first) == 288 and set(np.bincount(first.targets)) == {48} and len(set(first.speakers)) == 12
    assert len({clip.sha256 for clip in first.clips}) == 288
    for clip in first.clips[:24]:
        for name in filter(None, (clip.face, clip.physio)):
            assert (first.root / name).read_bytes() == (other.root / name).read_bytes()


@pytest.mark.parametrize("name", ["text", "face", "physio"])
def test_about_a_fifth_of_the_clips_have_no(made, name):
    missing = [
        clip for clip in made[0].clips if not {"text": clip.text, "face": clip.face, "physio": clip.physio}[name]
    ]
    assert len(missing) / 288 == pytest.approx(synthetic_modal.MISSING, abs=0.06)
    assert all((made[0].root / clip.path).is_file() for clip in missing)


def mostly(expressed):
    """The most frequent value among the takes of each emotion."""
    found = {}
    for emotion in synthetic_modal.EMOTIONS:
        own = [take for take in synthetic_modal.takes() if take.emotion == emotion]
        counts = collections.Counter(what for what in map(expressed, own) if what is not None)
        found[emotion], most = counts.most_common(1)[0]
        assert most / counts.total() > 0.75
    return found


def active_units(take):
    """The action units that are active at the end of a face, among the four that depend on the emotion."""
    face = synthetic_modal.face(take)
    if face is None:
        return None
    end = dict(zip(synthetic_modal.UNITS, face[-10:, 1:].mean(0), strict=True))
    return tuple(unit for unit in ("AU01_r", "AU04_r", "AU20_r", "AU23_r") if end[unit] > 0.9)


def valence(take):
    words = synthetic_modal.words(take)
    return next((kind for kind, each in synthetic_modal._WORDS.items() for one in each if one in words), None)


def test_each_modality_distinguishes_only_some_emotions():
    pleasant, faces = ("calm", "happy"), {"angry": ("AU04_r", "AU23_r"), "fearful": ("AU01_r", "AU20_r")}
    for emotion, units in mostly(active_units).items():
        assert units == (faces[emotion] if emotion in faces else ())
    for emotion, kind in mostly(valence).items():
        assert kind == ("pleasant" if emotion in pleasant else "unpleasant")


def test_voices_of_equal_arousal_differ_only_by_chance():
    """High arousal is louder than low arousal; within each the manner is the same."""
    level = collections.defaultdict(list)
    for take in synthetic_modal.takes():
        level[take.emotion].append(10 * np.log10(np.mean(synthetic_modal.voice(take) ** 2)))
    mean = {emotion: np.mean(values) for emotion, values in level.items()}
    excited, quiet = ([mean[e] for e in names] for names in (("happy", "angry", "fearful"), ("calm", "sad", "disgust")))
    assert min(excited) > max(quiet) + 3 and np.ptp(excited) < 1.5 and np.ptp(quiet) < 1.5


def test_physiology_distinguishes_sad_from_disgust():
    sweat = collections.defaultdict(list)
    for take in synthetic_modal.takes():
        values = synthetic_modal.body(take)
        if values is not None:
            sweat[take.emotion].append(values[:, 2].mean())
    mean = {emotion: np.mean(values) for emotion, values in sweat.items()}
    rest = [mean[emotion] for emotion in ("calm", "happy", "angry", "fearful")]
    assert mean["disgust"] > max(rest) + 1 and mean["sad"] < min(rest) - 0.5
