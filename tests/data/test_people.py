"""One person is one speaker across corpora, however the name is written; names are equal in any Unicode form."""

import unicodedata

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from voxjax.data import corpora, guard, labelling, splits
from voxjax.data.manifest import Clip
from voxjax.errors import VoxJaxError
from voxjax.names import caseless

ZOE = "Zoë"
FORMS = {form: unicodedata.normalize(form, ZOE) for form in ("NFC", "NFD")}


def write(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 4_000), 16_000)


@pytest.fixture
def speech_and_song(tmp_path):
    for actor in range(1, 25):
        for channel in ("01", "02"):
            for emotion in ("03", "04", "05"):
                name = f"03-{channel}-{emotion}-01-01-01-{actor:02d}.wav"
                write(tmp_path / f"ravdess/Actor_{actor:02d}/{name}", actor * 1_000 + int(channel + emotion))
    return tmp_path


@pytest.mark.parametrize("names", ["ravdess+ravdess_song", "ravdess_song+ravdess"])
def test_an_actor_who_speaks_and_sings_is_one_speaker(speech_and_song, names):
    corpus = corpora.load(names, speech_and_song, speech_and_song)
    alone = corpora.load("ravdess", speech_and_song, speech_and_song)
    assert len(set(corpus.speakers)) == 24
    for protocol in ("speaker5", "speaker6"):
        for fold in range(5):
            split, single = (splits.split(one, protocol, fold, 0.1, 0) for one in (corpus, alone))
            guard.check(corpus, split)
            people = [{corpus.clips[i].person for i in part} for part in (split.train, split.valid, split.test)]
            assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]
            assert people[2] == {alone.clips[i].person for i in single.test}  # the published fold


def test_the_guard_refuses_a_person_in_two_corpora(speech_and_song):
    corpus = corpora.load("ravdess+ravdess_song", speech_and_song, speech_and_song)
    split = splits.split(corpus, "speaker5", 0, 0.1, 0)
    sung = [i for i in split.test if corpus.clips[i].corpus == "ravdess_song"]
    leaking = split.__class__(np.append(split.train, sung), split.valid, np.setdiff1d(split.test, sung), "speaker5", 0)
    with pytest.raises(guard.LeakError, match="no speaker in common"):
        guard.check(corpus, leaking)


@given(name=st.text(min_size=1, max_size=8), form=st.sampled_from(["NFC", "NFD"]), upper=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_name_has_one_key_in_any_unicode_form_and_case(name, form, upper):
    written = unicodedata.normalize(form, name.upper() if upper else name)
    if caseless(name) == caseless(name.upper()):  # all but a few letters, as the dotless i
        assert caseless(written) == caseless(name) == caseless(caseless(name))


def test_unknown_speakers_are_no_person(tmp_path):
    for i, place in enumerate(("glad/1.wav", "low/Anna/1.wav", "low/ANNA/2.wav")):
        write(tmp_path / "folder" / place, i)
    clips = corpora.load("folder", tmp_path, tmp_path).clips
    assert sorted((clip.person, clip.speaker) for clip in clips) == [
        ("", "unknown"), ("own/anna", "ANNA"), ("own/anna", "ANNA")
    ]  # fmt: skip


def test_folders_and_tables_have_one_persons_name_in_any_spelling(tmp_path):
    for label in ("glad", "low"):
        write(tmp_path / f"folder/{label}/{FORMS['NFD']}/1.wav", len(label))
        write(tmp_path / f"csv/{label}.wav", len(label) + 10)
    rows = [f"glad.wav,glad,{ZOE.upper()}", f"low.wav,low,{FORMS['NFC']}"]
    (tmp_path / "csv/list.csv").write_text("path,emotion,speaker\n" + "\n".join(rows) + "\n", encoding="utf-8")
    corpus = corpora.load("folder+csv", tmp_path, tmp_path)
    assert {clip.person for clip in corpus.clips} == {"own/zoë"} and set(corpus.speakers) == {f"folder/{ZOE}"}


def test_paths_in_a_table_are_found_in_any_unicode_form(tmp_path):
    write(tmp_path / "csv" / FORMS["NFD"] / "glücklich.wav", 1)
    write(tmp_path / "csv" / "low.wav", 2)
    (tmp_path / "csv/list.csv").write_text(f"path,emotion\n{ZOE}/glücklich.wav,glad\nlow.wav,low\n", encoding="utf-8")
    corpus = corpora.load("csv", tmp_path, tmp_path)
    assert all((corpus.root / clip.path).is_file() for clip in corpus.clips)


def test_labels_in_two_unicode_forms_are_one_and_in_two_cases_are_an_error(tmp_path):
    for form, text in FORMS.items():
        write(tmp_path / f"folder/{text}/ann/{form}.wav", len(form))
    write(tmp_path / "folder/low/ann/1.wav", 3)
    corpus = corpora.load("folder", tmp_path, tmp_path)
    assert sorted(corpus.labels) == [ZOE, "low"]
    write(tmp_path / "folder/Low/ann/1.wav", 4)
    corpus = corpora.load("folder", tmp_path, tmp_path)
    with pytest.raises(VoxJaxError, match="one spelling of each, found 'Low' and 'low'"):
        labelling.relabelled(corpus, labelling.Choice("own", "intended"))


def test_names_of_published_recordings_hold_in_any_layout():
    rows = [
        Clip(path, "ravdess", "Actor_01", "", "sad", "", "", "", "0" * 64)
        for path in ("a/ravdess/Actor_01/03-01-01-01-01-01-01.wav", "ravdess/03-01-01-01-01-01-01.flac")
    ]
    (first, second) = (corpora.keys(clip) for clip in rows)
    assert first == second and corpora.canonical_key("ravdess:Actor_01:03-01-01-01-01-01-01") in first
