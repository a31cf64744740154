"""Each importer on files with its corpus's names: the published counts, and errors for unknown names."""

import collections
import csv
import itertools
import os

import numpy as np
import pytest
import soundfile

from voxjax.data import corpora
from voxjax.data.manifest import own_columns
from voxjax.errors import VoxJaxError


@pytest.fixture
def tree(tmp_path):
    """Makes recordings by name: links to one short sound file."""
    sound = tmp_path / "sound.wav"
    soundfile.write(sound, np.random.default_rng(0).uniform(-0.1, 0.1, 160), 16_000)

    def make(*names):
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(sound, path)
        return tmp_path / "data"

    return make


def table(path, header, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)


def loaded(name, data):
    return corpora.load(name, data, data).clips


def counts(clips):
    return dict(collections.Counter(clip.emotion for clip in clips))


def ravdess_names(channel, actors, emotions):
    """The archive's rule: neutral is never strong."""
    for actor, emotion, level, statement, take in itertools.product(actors, emotions, (1, 2), (1, 2), (1, 2)):
        if emotion > 1 or level == 1:
            yield f"Actor_{actor:02d}/03-{channel}-{emotion:02d}-{level:02d}-{statement:02d}-{take:02d}-{actor:02d}.wav"


def test_ravdess_song_is_a_corpus_of_its_own(tree):
    song = [f"ravdess/{name}" for name in ravdess_names("02", [a for a in range(1, 25) if a != 18], range(1, 7))]
    speech = [f"ravdess/{name}" for name in ravdess_names("01", [1, 2], range(1, 9))]
    data = tree(*song, *speech)
    clips = loaded("ravdess_song", data)
    assert len(clips) == 1_012 and len({clip.speaker for clip in clips}) == 23
    assert counts(clips)["neutral"] == 92 and set(counts(clips).values()) == {92, 184}
    assert len(loaded("ravdess", data)) == 120


def tess_names():
    words = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(199)] + ["bite"]
    folders = {"OAF": "OAF_{}", "YAF": "YAF_{}"}
    for (speaker, folder), word, emotion in itertools.product(
        folders.items(), words, ("angry", "disgust", "fear", "happy", "neutral", "ps", "sad")
    ):
        written = "OA" if (speaker, word, emotion) == ("OAF", "bite", "neutral") else speaker
        within = folder.format({"ps": "Pleasant_surprise"}.get(emotion, emotion.title()))
        yield f"tess/TESS Toronto emotional speech set data/{within}/{written}_{word}_{emotion}.wav"


def test_tess(tree):
    clips = loaded("tess", tree(*tess_names()))
    assert len(clips) == 2_800 and set(counts(clips).values()) == {400}
    assert collections.Counter(clip.speaker for clip in clips) == {"OAF": 1_400, "YAF": 1_400}
    assert {"surprised", "fearful"} < set(counts(clips)) and clips[0].statement.startswith("Say the word ")


def test_archives_that_contain_their_folder_again_are_errors(tree):
    data = tree("tess/OAF_angry/OAF_back_angry.wav", "tess/again/OAF_angry/OAF_back_angry.wav")
    with pytest.raises(VoxJaxError, match=r"1 more than once, such as OAF_angry/.* = again/"):
        loaded("tess", data)


CREMAD = {"ANG": 1_271, "DIS": 1_271, "FEA": 1_271, "HAP": 1_271, "NEU": 1_087, "SAD": 1_271}  # of the repository
SENTENCES = ["DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI"]


def cremad_names():
    """91 actors speak 12 sentences, one of them at three levels: 7,462 clips, of which 20 are not published."""
    for emotion, published in CREMAD.items():
        names = []
        for actor, sentence in itertools.product(range(1001, 1092), SENTENCES):
            levels = ("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",)
            names += [f"{actor}_{sentence}_{emotion}_{level}" for level in levels]
        names = [name.replace("1040_ITH_SAD_XX", "1040_ITH_SAD_X") for name in names]
        assert 0 <= len(names) - published <= 5
        yield from (f"cremad/AudioWAV/{name}.wav" for name in names[:published])


def test_cremad_with_its_votes(tree):
    data = tree(*cremad_names(), "cremad/AudioMP3/1001_DFA_ANG_XX.wav")
    head = ("", "A", "D", "F", "H", "N", "S", "fileName", "numResponses", "agreement", "emoVote")
    votes = [
        (1, 1, 0, 0, 0, 9, 0, "1001_DFA_ANG_XX", 10, 0.9, "N"),  # from the voice
        (100001, 0, 0, 0, 4, 4, 0, "1001_DFA_HAP_XX", 8, 0.5, "H:N"),
        (200001, 8, 0, 0, 0, 0, 0, "1001_DFA_ANG_XX", 8, 1.0, "A"),  # from the face
        (300001, 8, 0, 0, 0, 0, 0, "1001_DFA_HAP_XX", 8, 1.0, "A"),  # from both
    ]
    table(data / "cremad/processedResults/tabulatedVotes.csv", head, votes)
    clips = {clip.path.rpartition("/")[2]: clip for clip in loaded("cremad", data)}
    assert len(clips) == 7_442 and sorted(counts(clips.values()).values()) == [1_087, *[1_271] * 5]
    people = {clip.speaker: clip.gender for clip in clips.values()}
    assert collections.Counter(people.values()) == {"male": 48, "female": 43}
    assert clips["1001_DFA_ANG_XX.wav"].votes == "angry=1 neutral=9"
    assert clips["1001_DFA_HAP_XX.wav"].votes == "happy=4 neutral=4"
    assert clips["1040_ITH_SAD_X.wav"].intensity == "" and clips["1001_IEO_SAD_HI.wav"].intensity == "high"
    table(data / "cremad/processedResults/tabulatedVotes.csv", ("file", "A"), [])
    with pytest.raises(VoxJaxError, match="columns A D F H N S fileName"):
        loaded("cremad", data)


EMODB = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}  # Burkhardt et al. 2005, as distributed
GERMAN = {"W": "angry", "L": "boredom", "E": "disgust", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral"}


def emodb_names():
    speakers = [f"{number:02d}" for number in (3, *range(8, 17))]
    texts = [
        f"{part}{number:02d}"
        for part, numbers in (("a", (1, 2, 4, 5, 7)), ("b", (1, 2, 3, 9, 10)))
        for number in numbers
    ]
    for letter, count in EMODB.items():
        every = itertools.product("ab", texts, speakers)
        yield from (f"emodb/wav/{s}{t}{letter}{v}.wav" for v, t, s in itertools.islice(every, count))


def test_emodb(tree):
    clips = loaded("emodb", tree(*emodb_names()))
    assert len(clips) == 535 and counts(clips) == {GERMAN[letter]: n for letter, n in EMODB.items()}
    people = {clip.speaker: clip.gender for clip in clips}
    assert {name for name, gender in people.items() if gender == "male"} == {"03", "10", "11", "12", "15"}


@pytest.mark.parametrize("form", ["savee/AudioData/{0}/{1}.wav", "savee/{0}_{1}.wav"])
def test_savee_in_folders_and_flat(tree, form):
    numbered = [f"{e}{i:02d}" for e in ("a", "d", "f", "h", "n", "sa", "su") for i in range(1, 31 if e == "n" else 16)]
    clips = loaded("savee", tree(*(form.format(s, n) for s in ("DC", "JE", "JK", "KL") for n in numbered)))
    assert len(clips) == 480 and counts(clips).pop("neutral") == 120
    assert {counts(clips)[e] for e in ("angry", "disgust", "fearful", "happy", "sad", "surprised")} == {60}
    assert {clip.speaker for clip in clips} == {"DC", "JE", "JK", "KL"}


NEMO = {"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprised": 669}


def test_nemo_from_its_table(tree):
    women, men = ("EB0", "IC0", "KD0", "MK0"), ("KS0", "MP0", "SM0", "TP0", "WR0")
    speakers = [*((name, "female") for name in women), *((name, "male") for name in men)]
    labels = [label for label, n in NEMO.items() for _ in range(n)]
    people = [speakers[i % 9] for i in range(len(labels))]
    rows = [
        (f"{p[0]}_{e}_{i}.wav", e, "Tak.", "tak", *p, "23") for i, (e, p) in enumerate(zip(labels, people, strict=True))
    ]
    data = tree(*(f"nemo/samples/{row[0]}" for row in rows))
    head = ("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age")
    table(data / "nemo/data.tsv", head, rows, "\t")
    clips = loaded("nemo", data)
    assert len(clips) == 4_481 and sorted(counts(clips).values()) == sorted(NEMO.values())
    assert counts(clips)["fearful"] == 736
    assert {(clip.speaker, clip.gender) for clip in clips} == set(speakers)  # the table pads names with blanks
    tree("nemo/samples/extra.wav")
    with pytest.raises(VoxJaxError, match=r"1 other names: samples/extra.wav"):
        loaded("nemo", data)
    (data / "nemo/samples/extra.wav").unlink()
    (data / "nemo/samples" / rows[0][0]).unlink()
    with pytest.raises(VoxJaxError, match="1 missing: EB0_anger_0"):
        loaded("nemo", data)


# Busso et al. 2008, as distributed: 10,039 turns, of which 2,507 without agreement.
IEMOCAP = {"neu": 1_708, "fru": 1_849, "ang": 1_103, "sad": 1_084, "exc": 1_041, "hap": 595, "xxx": 2_507,
           "sur": 107, "fea": 40, "dis": 2, "oth": 3}  # fmt: skip


def test_iemocap_from_its_evaluations(tree):
    labels = list(itertools.chain.from_iterable(itertools.repeat(label, n) for label, n in IEMOCAP.items()))
    lines, names = collections.defaultdict(list), []
    for i, label in enumerate(labels):
        session, who = i % 5 + 1, "FM"[i // 5 % 2]
        dialogue = f"Ses0{session}F_{('impro01', 'script02_1')[i // 10 % 2]}"
        turn = f"{dialogue}_{who}{i:05d}"
        names.append(f"iemocap/IEMOCAP_full_release/Session{session}/sentences/wav/{dialogue}/{turn}.wav")
        line = f"[6.2901 - 8.2357]\t{turn}\t{label}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
        lines[session, dialogue].append(line)
    data = tree(*names)
    for (session, dialogue), said in lines.items():
        place = data / f"iemocap/IEMOCAP_full_release/Session{session}/dialog/EmoEvaluation"
        (place / "Categorical").mkdir(parents=True, exist_ok=True)
        (place / f"{dialogue}.txt").write_text(
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n" + "".join(said)
        )
        (place / f"._{dialogue}.txt").write_bytes(b"\x00\x05left by macOS")
        (place / "Categorical" / f"{dialogue}_e1_cat.txt").write_text(f"{dialogue}_F00000 :Neutral; ()\n")
    clips = loaded("iemocap", data)
    assert len(clips) == 10_039 and len({clip.speaker for clip in clips}) == 10
    assert counts(clips)[""] == 2_507 and counts(clips)["excited"] == 1_041 and counts(clips)["frustrated"] == 1_849
    assert all(clip.gender == {"F": "female", "M": "male"}[clip.path[-10]] for clip in clips)
    (data / names[7]).unlink()
    with pytest.raises(VoxJaxError, match="1 missing: Ses03F_impro01_M00007"):
        loaded("iemocap", data)


# Poria et al. 2019: turns of each part.
MELD = {
    "train": (4_710, 1_743, 1_205, 1_109, 683, 271, 268),
    "dev": (470, 163, 150, 153, 111, 22, 40),
    "test": (1_256, 402, 281, 345, 208, 68, 50),
}
ENGLISH = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
UNUSABLE = {("train", 125, 3), ("dev", 110, 7)}


def test_meld_from_its_tables(tree):
    head = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
    for part, numbers in MELD.items():
        labels = [label for label, n in zip(ENGLISH, numbers, strict=True) for _ in range(n)]
        rows = [
            (i, "Oh, “hi”, you", ("Ross", "Monica", "Nurse")[i % 3], e, "x", i // 8, i % 8)
            for i, e in enumerate(labels)
        ]
        data = tree(*(f"meld/{part}/dia{r[5]}_utt{r[6]}.wav" for r in rows if (part, *r[5:]) not in UNUSABLE))
        table(data / f"meld/{part}_sent_emo.csv", head, rows)
    clips = loaded("meld", data)
    assert len(clips) == 9_989 + 1_109 + 2_610 - 2
    assert all(clip.text == "Oh, “hi”, you" for clip in clips)
    assert counts(clips)["happy"] == 1_743 + 163 + 402 and counts(clips)["surprised"] == 1_205 + 150 + 281
    assert {(c.speaker, c.gender) for c in clips} == {("Ross", "male"), ("Monica", "female"), ("Nurse", "")}
    (data / "meld/dev/dia0_utt5.wav").unlink()
    with pytest.raises(VoxJaxError, match=r"meld, dev.*1 missing: dia0_utt5.*ffmpeg"):
        loaded("meld", data)


ESD = ("Neutral", "Angry", "Happy", "Sad", "Surprise")


def test_esd_with_and_without_parts(tree):
    names = []
    for speaker in range(1, 21):
        for i in range(1_750):
            part = ("", "train/", "test/")[speaker % 3]
            names.append(f"esd/{speaker:04d}/{ESD[i // 350]}/{part}{speaker:04d}_{i + 1:06d}.wav")
    data = tree(*names)
    clips = loaded("esd", data)
    assert len(clips) == 35_000 and set(counts(clips).values()) == {7_000}
    assert collections.Counter({c.speaker: c.gender for c in clips}.values()) == {"male": 10, "female": 10}
    assert len({clip.statement for clip in clips}) == 700
    (data / "esd/0003/Sad").mkdir(exist_ok=True)
    (data / names[2 * 1_750]).rename(data / "esd/0003/Sad/0003_000001.wav")
    with pytest.raises(VoxJaxError, match="a folder Neutral, by its number"):
        loaded("esd", data)


LISTS = [
    ("path,emotion,speaker\na/1.wav,glad,ann\nb.wav,low,bo\n", ""),
    ("path;emotion;gender\na/1.wav;glad;female\nb.wav;low;\n", ""),
    ("\ufeffpath\temotion\na/1.wav\tglad\nb.wav\tlow\n", ""),
    ("path,label\na/1.wav,glad\n", r"add the column\(s\) emotion"),
    (",path,emotion,mood,,mood\n0,a/1.wav,glad,x,y,z\n1,b.wav,low,x,,\n", ""),
    ("path,emotion,path\na/1.wav,glad,x\n", "expected each column once, found path more than once"),
    ("path,emotion\n../elsewhere/../csv/a/1.wav,glad\nb.wav,low\n", ""),
    ("path,emotion\na/1.wav,glad\nc.wav,low\n", r"line 3: expected a sound file.*'c.wav', which is not there"),
    ("path,emotion\na/1.wav,glad\nlist.csv,low\n", "which is no sound file"),
    ("path,emotion\na/1.wav,glad\nb.wav,\n", "line 3: expected an emotion"),
    ("path,emotion\na/1.wav,glad,x\n", "line 2: expected 2 values"),
    ("path,emotion\na/1.wav,glad\na/1.wav,low\n", "1 more than once"),
    ("path,emotion\na/1.wav,glad\nb.wav,glad\n", "at least two emotions"),
    ("path,emotion\na/1.wav,glad\n../../sound.wav,low\n", "a file below"),
    (
        "path,emotion,votes\na/1.wav,glad,glad=2\nb.wav,low,glad:2\n",
        r"list.csv, line 3, votes: expected such as",
    ),
    ("", "an empty file"),
]


@pytest.mark.parametrize(("text", "message"), LISTS)
def test_a_table_of_ones_own(tree, text, message):
    data = tree("csv/a/1.wav", "csv/b.wav")
    (data / "csv/list.csv").write_text(text, encoding="utf-8")
    if message:
        with pytest.raises(VoxJaxError, match=message):
            loaded("csv", data)
        return
    clips = loaded("csv", data)
    assert [(clip.path, clip.emotion) for clip in clips] == [("csv/a/1.wav", "glad"), ("csv/b.wav", "low")]
    assert {clip.speaker for clip in clips} in ({"ann", "bo"}, {"unknown"})


def test_a_table_may_name_files_anywhere_below_the_data_folder_behind_links_and_in_any_bytes(tree, tmp_path):
    data = tree("csv/b.wav", "folder/a/1.wav", "../elsewhere/2.wav")
    os.link(data / "csv/b.wav", os.fsencode(data / "csv") + b"/caf\xe9.wav")
    os.symlink(tmp_path / "elsewhere", data / "linked")
    paths = ["../folder/a/1.wav", "../linked/2.wav", "caf\\xe9.wav", str(data / "csv/b.wav")]
    table(data / "csv/list.csv", ("path", "emotion"), [(path, f"label {i}") for i, path in enumerate(paths)])
    table(data / "csv/._list.csv", ("left", "by macOS"), [])
    clips = loaded("csv", data)
    found = ["folder/a/1.wav", "linked/2.wav", os.fsdecode(b"csv/caf\xe9.wav"), "csv/b.wav"]
    assert [clip.path for clip in clips] == found
    assert all((data / clip.path).is_file() for clip in clips)


def test_further_columns_of_a_table_are_kept_by_name(tree):
    data = tree("csv/a/1.wav", "csv/b.wav")
    text = ",path,emotion,remark,corpus,recording\n0,a/1.wav,glad,=loud,field,7\n1,b.wav,low,,field,8\n"
    (data / "csv/list.csv").write_text(text, encoding="utf-8")
    clips = loaded("csv", data)
    assert [clip.corpus for clip in clips] == ["csv"] * 2 and not any(clip.recording for clip in clips)
    assert own_columns(clips) == {"remark": ["=loud", ""], "corpus": ["field"] * 2, "recording": ["7", "8"]}
    more = [*loaded("csv", data), *loaded("folder", tree("folder/x/1.wav", "folder/y/2.wav"))]
    assert own_columns(more)["remark"] == ["=loud", "", "", ""]


def test_other_formats_of_a_published_corpus_are_copies_or_recordings_and_videos_are_counted(tree, caplog):
    names = ("wav/OAF_back_angry.wav", "mp3/OAF_back_angry.mp3", "mp3/YAF_back_sad.m4a", "video/OAF_back_angry.mp4")
    found = [clip.path for clip in loaded("tess", tree(*(f"tess/{name}" for name in names)))]
    assert found == ["tess/mp3/YAF_back_sad.m4a", "tess/wav/OAF_back_angry.wav"]
    assert "copies of recordings in another format: 1 (mp3/" in caplog.text and "videos: 1 (" in caplog.text


def test_savee_speakers_share_names_and_no_recording_of_another_format_is_taken_for_a_copy(tree):
    data = tree("savee/DC/a01.wav", "savee/KL/a01.mp3")
    assert {clip.speaker for clip in loaded("savee", data)} == {"DC", "KL"}


BESIDE = [
    ("path,emotion,text,face\na/1.wav,glad,I won,a/1.npy\nb.wav,low,,\n", ""),
    ("path;emotion;physio\na/1.wav;glad;a/2.csv\nb.wav;low;\n", "line 2, physio: expected a file.*'a/2.csv'"),
    ("path,emotion,face\na/1.wav,glad,../../sound.wav\nb.wav,low,\n", "line 2, face: expected a file below"),
]


@pytest.mark.parametrize(("text", "message"), BESIDE)
def test_a_table_of_ones_own_gives_transcripts_and_files_of_modalities(tree, text, message):
    """Empty cells stay empty; file paths are relative to the manifest's root, also in joined corpora."""
    data = tree("csv/a/1.wav", "csv/b.wav", "folder/glad/x.wav", "folder/low/y.wav")
    np.save(data / "csv/a/1.npy", np.zeros(3))
    (data / "csv/list.csv").write_text(text, encoding="utf-8")
    if message:
        with pytest.raises(VoxJaxError, match=message):
            loaded("csv", data)
        return
    first, second = loaded("csv", data)
    assert (first.text, first.face, first.physio) == ("I won", "csv/a/1.npy", "")
    assert (second.text, second.face, second.physio) == ("", "", "")
    joined = corpora.load("folder+csv", data, data)
    (own,) = [clip for clip in joined.clips if clip.text]
    assert (joined.root / own.face).samefile(data / "csv/a/1.npy")
    assert sum(bool(clip.face) for clip in joined.clips) == 1


@pytest.mark.parametrize("name", ["tess", "cremad", "emodb", "savee", "esd"])
def test_errors_list_unknown_names_and_explain_empty_folders(tree, name):
    data = tree(f"{name}/some/recording_7.wav")
    with pytest.raises(VoxJaxError, match=r"1 other names: some/recording_7.wav"):
        loaded(name, data)
    (data / name / "some/recording_7.wav").unlink()
    with pytest.raises(VoxJaxError, match=r"none in .*put the corpus there"):
        loaded(name, data)
