"""One recording is recognised in another format, level or cut, and another take of the same words is not."""

import dataclasses

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.leaks import DISGUISES, EXACT, RATE_HZ
from tests.voices import write_folder
from voxjax.audio import fingerprint
from voxjax.data import corpora, guard, splits
from voxjax.pipeline import dataset, near_duplicates

SPEAKERS = 6


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = write_folder(tmp_path_factory.mktemp("corpus"), ("angry", "sad"), takes=3, speakers=SPEAKERS)
    return root, tmp_path_factory.mktemp("cache")


def loaded(root, cache, names="folder"):
    """The corpus as training sees it: decoded, with near duplicates marked."""
    manifest, store = dataset.decoded(corpora.load(names, root, cache), RATE_HZ, cache, "stop")
    return near_duplicates.with_recordings(manifest, dataset.fingerprints(store, RATE_HZ, cache))


def split_of(corpus, protocol="speaker5", fold=0):
    split = splits.split(corpus, protocol, fold, 0.2, 0)
    guard.check(corpus, split)
    return split


@pytest.fixture
def with_copy(place):
    """Adds a disguised copy of a clip under another speaker, for the time of a test."""
    root = place[0]
    added = []

    def add(source, disguise, speaker):
        samples, _ = soundfile.read(root / source, dtype="float32")
        path = root / f"folder/angry/{speaker}/copy{len(added)}.wav"
        soundfile.write(path, DISGUISES[disguise](samples), RATE_HZ)
        added.append(path)
        return path.relative_to(root).as_posix()

    yield add, lambda: [path.unlink() for path in added if path.exists()]
    for path in added:
        path.unlink(missing_ok=True)


@given(disguise=st.sampled_from(sorted(DISGUISES)), draw=st.randoms(use_true_random=False))
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_planted_leak_is_refused_and_the_pair_is_named(place, with_copy, disguise, draw):
    root, cache = place
    add, remove = with_copy
    clean = loaded(root, cache)
    split = split_of(clean)
    source = clean.clips[draw.choice(list(split.train))].path
    victim = clean.clips[draw.choice(list(draw.choice([split.test, split.valid])))].speaker
    try:
        copy = add(source, disguise, victim)
        with pytest.raises(guard.LeakError, match="no audio in common") as caught:
            split_of(loaded(root, cache))
        assert source in str(caught.value) and copy in str(caught.value)
    finally:
        remove()
    again = split_of(loaded(root, cache))
    assert all(np.array_equal(getattr(again, part), getattr(split, part)) for part in ("train", "valid", "test"))


@pytest.mark.parametrize("disguise", DISGUISES)
def test_where_speakers_may_be_shared_a_copy_stays_in_its_recordings_subset(place, with_copy, disguise):
    root, cache = place
    source = loaded(root, cache).clips[0].path
    copy = with_copy[0](source, disguise, corpora.load("folder", root, cache).clips[-1].speaker)
    corpus = loaded(root, cache)
    places = [[clip.path for clip in corpus.clips].index(path) for path in (source, copy)]
    for fold in range(5):
        split = split_of(corpus, "random5", fold)
        assert [sum(i in part for i in places) for part in (split.train, split.valid, split.test)].count(2) == 1
    exact = len({corpus.clips[i].audio_hash for i in places}) == 1
    assert exact or disguise not in EXACT


def test_the_guides_own_leak_is_kept(place):
    corpus = loaded(*place)
    copies = [
        dataclasses.replace(clip, augmented_copy=copy, audio_hash="", recording="")
        for clip in corpus.clips
        for copy in range(3)
    ]
    split_of(dataclasses.replace(corpus, clips=tuple(copies)), "guide")


def test_fingerprints_are_kept_and_made_again_where_damaged(place, monkeypatch):
    root, cache = place
    first = loaded(root, cache)
    monkeypatch.setattr(fingerprint, "of", lambda samples: pytest.fail("made again"))
    assert loaded(root, cache) == first
    monkeypatch.undo()
    for path in (cache / "clips").glob("*.prints"):
        path.write_bytes(path.read_bytes()[:-100])
    assert loaded(root, cache) == first


@pytest.mark.parametrize("speaker", [2, 7, 23])  # who repeat themselves most alike
def test_takes_of_real_actors_do_not_match_and_real_leaks_do(ravdess_dir, speaker):
    paths = sorted((ravdess_dir / f"Actor_{speaker:02d}").glob("*.flac"))
    samples = [soundfile.read(path, dtype="float32")[0] for path in paths]
    prints = [fingerprint.of(one) for one in samples]
    names = [paths[i].stem for match in fingerprint.matches(prints) for i in (match.first, match.second)]
    equal = ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]  # the corpus has this recording twice
    assert len(paths) == 60 and names == (equal if speaker == 7 else [])
    thinned = [fingerprint.thinned(one, 3) for one in prints]
    for disguise in DISGUISES.values():
        changed = [fingerprint.of(disguise(one).astype(np.float32)) for one in samples[:6]]
        for kept in (prints, thinned):
            pairs = [(match.first, match.second) for match in fingerprint.matches_between(changed, kept)]
            assert pairs == [(i, i) for i in range(6)]


def test_no_two_clips_of_emodb_match(data_dir):
    paths = sorted((data_dir / "emodb/wav").iterdir())
    prints = [fingerprint.of(soundfile.read(path, dtype="float32")[0]) for path in paths]
    assert len(prints) == 535 and list(fingerprint.matches(prints)) == []


def test_another_word_after_the_same_carrier_is_another_recording(ravdess_dir):
    """As in TESS, where each clip begins with the same three words: here they are the very same samples."""
    carrier, *words = (soundfile.read(ravdess_dir / f"Actor_01/03-01-0{e}-01-01-01-01.flac", dtype="float32")[0]
                       for e in (1, 3, 5))  # fmt: skip
    clips = [np.concatenate([carrier[16_000:36_000], word[20_000:32_000]]) for word in words]
    assert list(fingerprint.matches([fingerprint.of(clip) for clip in clips])) == []
