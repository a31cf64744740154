"""The config and the protocol for own recordings follow from their clips and speakers, and say why."""

import pytest

from voxjax.cli import config_flag
from voxjax.data.manifest import UNKNOWN_SPEAKER, Clip, Manifest
from voxjax.pipeline import own_corpus
from voxjax.pipeline.run_spec import Paths

ENCODER = config_flag.named(own_corpus.WITH_ENCODER, {}).features


def made(clips, speakers, labels=("glad", "tired"), name="p{}"):
    rows = [
        Clip(f"{i}.wav", "folder", name.format(i % speakers), "", labels[i % len(labels)], "", "", "", f"{i}")
        for i in range(clips)
    ]
    return Manifest(None, tuple(rows))


def chosen(manifest, folder, config=True, protocol=True):
    return own_corpus.choose(manifest, ENCODER, Paths(folder / "cache", weights_dir=folder), config, protocol)


@pytest.mark.parametrize(
    ("clips", "speakers", "protocol", "reason"),
    [
        (40, 6, "loso:clips", "each of the 6 speakers"),
        (39, 10, "loso:clips", "each of the 10 speakers"),
        (2_000, 11, "speaker5", "each of the 11 speakers, in five groups"),
        (40, 2, "loso:clips", "each of the 2 speakers"),
        (40, 1, "random5", "other clips of the same person, not on new people"),
    ],
)
def test_known_speakers_are_tested_as_new_people(tmp_path, clips, speakers, protocol, reason):
    found = chosen(made(clips, speakers, ("a", "b", "c")), tmp_path)
    assert found.protocol == protocol and reason in found.lines[1] and "--protocol=NAME" in found.lines[1]


def test_unknown_speakers_are_named_as_the_reason(tmp_path):
    known, unknown = made(30, 3).clips, made(12, 1, name=UNKNOWN_SPEAKER).clips
    found = chosen(Manifest(None, (*known, *unknown)), tmp_path)
    assert found.protocol == "random5" and "12 of 42 clips have no speaker" in found.lines[1]


def test_a_downloaded_encoder_is_used_and_else_a_network_from_100_clips_on(tmp_path):
    corpora = [made(clips, 3) for clips in (99, 100, 999, 1_000)]
    expected = ["discriminant", "baseline", "baseline", "optimized"]
    assert [chosen(one, tmp_path).config for one in corpora] == expected
    assert all("voxjax download --encoder=whisper_tiny_en" in chosen(one, tmp_path).lines[0] for one in corpora)
    (tmp_path / "whisper_tiny_en_encoder_f16.npz").write_bytes(b"")
    assert [chosen(one, tmp_path).config for one in corpora] == ["whisper_discriminant"] * 4


def test_a_label_of_one_speaker_is_named(tmp_path):
    corpus = Manifest(None, (*made(12, 3).clips, made(1, 1, ("bored",)).clips[0]))
    assert "never recognised in this test: bored" in chosen(corpus, tmp_path).lines[2]
    assert len(chosen(made(12, 3), tmp_path).lines) == 2


def test_what_the_user_names_is_left(tmp_path):
    found = chosen(made(40, 6), tmp_path, config=False)
    assert found.config == "" and found.protocol == "loso:clips" and len(found.lines) == 1
    found = chosen(made(40, 6), tmp_path, protocol=False)
    assert found.config == "discriminant" and found.protocol == "" and len(found.lines) == 1


def test_own_corpora_are_those_of_a_folder_or_a_table():
    assert own_corpus.is_own("folder") and own_corpus.is_own("folder+csv")
    assert not own_corpus.is_own("ravdess+folder") and not own_corpus.is_own("demo") and not own_corpus.is_own("x")


def test_values_of_a_network_are_recognised():
    assert own_corpus.wants_network({"corpus": "folder", "seed": 1, "train.epochs": 3}) == ["train.epochs"]
    assert own_corpus.wants_network({"corpus": "folder", "labels": "six", "fold": 2}) == []
