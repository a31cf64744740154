"""The folder in which commands of the documentation run: the files and runs that the pages name.

All sound is synthetic. Corpora have their real names and layouts, and a few clips each.
"""

import dataclasses
import functools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from tests.doc_commands.pages import ROOT
from voxjax.benchmarks.soak import containers
from voxjax.data import synthetic

RATE_HZ = synthetic.SAMPLE_RATE_HZ
LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")  # in RAVDESS's order
ACTORS = (1, 2, 3, 4, 5, 6, 8, 10, 11, 17)  # of RAVDESS: some in each fold of speaker5 and speaker6
EMODB = {"neutral": "N", "happy": "F", "sad": "T", "angry": "W", "fearful": "A", "disgust": "E"}

# What a checkout has, linked; `docs` is copied, as some commands write there.
CHECKOUT = ("voxjax", "scripts", "configs", "checkpoints", "packaging", "tests", "notebooks")
FILES = ("Makefile", "README.md", "pyproject.toml", "setup.cfg", "setup.py")
# Files that some blocks read and others write: there only for blocks whose text has these words.
ONLY_FOR = {"interview.TextGrid": "--segments=interview.TextGrid"}
# Files that blocks with these words read, and the command that makes them.
MADE_BY = {
    'load("answers.npz")': "voxjax predict interviews/ --format=npz --out=answers.npz",
    'InferenceSession("model.onnx"': "voxjax export --model=runs/optimized/model --format=onnx --out=model.onnx",
    'ZipFile("model.zip")': "voxjax export --model=runs/optimized/model --format=stablehlo --out=model.zip",
}
# The shipped model that takes the place of the small run's, where a block with these words needs what that one lacks.
MODELS = {"--target_accuracy": "optimized", "enrol": "whisper_robust"}
# A run of seconds, whose test clips are those of the small corpus.
SMALL = (
    "--config=cnn --config.corpus=ravdess --data_dir=DATA --config.protocol=speaker5 --config.train.epochs=1"
    " --config.features.channels=logmel --config.features.mels=16 --config.features.max_duration_s=1.0"
    " --config.train.crop_s=0.5"
)
RTTM = "SPEAKER interview 1 {:.2f} {:.2f} <NA> <NA> {} <NA> <NA>\n"


class Outcome(NamedTuple):
    """What came of a command."""

    text: str
    code: int
    output: str  # standard output and error
    seconds: float


@functools.cache
def voice(label: str, speaker: int = 0, take: int = 0) -> np.ndarray:
    """A clip of synthetic speech of any of many voices."""
    known = synthetic.SPEAKERS[speaker % len(synthetic.SPEAKERS)]
    pitch_hz = known.pitch_hz * 1.07 ** (speaker // len(synthetic.SPEAKERS))
    return synthetic.render(dataclasses.replace(known, name=f"voice {speaker}", pitch_hz=pitch_hz), label, take)


def write(path: Path, samples: np.ndarray) -> None:
    """Writes 16 kHz samples in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ)


def conversation() -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """A recording of two people in turn, and start, end (s) and speaker of each turn."""
    random, turns, parts, at = np.random.default_rng(0), [], [], 0
    for i, label in enumerate(("happy", "sad", "angry", "neutral")):
        pause, clip = np.zeros(RATE_HZ, np.float32), 0.5 * voice(label, i % 2, i)
        parts += [pause, clip]
        turns.append(((at + RATE_HZ) / RATE_HZ, (at + RATE_HZ + len(clip)) / RATE_HZ, ("Anna", "Ben")[i % 2]))
        at += len(pause) + len(clip)
    samples = np.concatenate([*parts, np.zeros(RATE_HZ, np.float32)])
    return samples + 1e-3 * random.standard_normal(len(samples)).astype(np.float32), turns


def recordings(at: Path) -> None:
    """Single recordings, folders and lists of them."""
    for name, label in (("speech", "angry"), ("new", "happy"), ("clip", "sad")):
        write(at / f"{name}.wav", voice(label))
    samples, turns = conversation()
    for name in ("interview.wav", "interview.mp3", "interviews/first.wav", "interviews/day 2/second.flac"):
        write(at / name, samples)
    write(at / "talks/talk.wav", samples)
    write(at / "FOLDER/talk.wav", samples)
    write(at / "call.wav", np.stack([samples, np.roll(samples, RATE_HZ)], 1))
    for name in ("speech", "interview"):
        (at / f"{name}.m4a").write_bytes(containers.contain(samples, RATE_HZ, "m4a"))
    (at / "train_splits").mkdir()
    (at / "train_splits/dia0_utt3.mp4").write_bytes(containers.contain(samples, RATE_HZ, "mp4"))
    (at / "train").mkdir()
    for i, folder in enumerate(("session1", "session7", "patient12", "known")):
        for take in range(3):
            write(at / folder / f"{take + 1}.wav", voice(LABELS[2 + take], i, take))
    for i in range(12):
        write(at / "calls" / f"{i + 1}.wav", voice(LABELS[i % len(LABELS)], i, i))
    (at / "speakers.rttm").write_text("".join(RTTM.format(start, end - start, who) for start, end, who in turns))
    rows = [f"{start:.2f},{end:.2f},{i}" for i, (start, end, _) in enumerate(turns)]
    (at / "turns.csv").write_text("\n".join(["start,end,trial", *rows]) + "\n")
    (at / "interview.TextGrid").write_text(text_grid(len(samples) / RATE_HZ, turns, ("turns", "words")))
    (at / "participants.csv").write_text("path,participant\nspeech.wav,1\nnew.wav,2\n")
    (at / "clips.csv").write_text("path,speaker\nspeech.wav,anna\nnew.wav,ben\n")
    (at / "known.csv").write_text("path,speaker\nknown/1.wav,anna\nknown/2.wav,anna\nsession1/1.wav,ben\n")
    (at / "new_watch.csv").write_text("time_s,heart_rate,skin_conductance\n0.0,71,3.2\n0.5,72,3.3\n1.0,74,3.4\n")
    (at / "token.txt").write_text("0123456789abcdef" * 4 + "\n")


def text_grid(end_s: float, turns: list[tuple[float, float, str]], tiers: tuple[str, ...]) -> str:
    """A TextGrid of Praat with the same intervals in each tier."""
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n{end_s}\n<exists>\n{len(tiers)}\n'
    times = [0.0, *(time for start, end, _ in turns for time in (start, end)), end_s]
    labels = ["", *(label for _, _, who in turns for label in (who, ""))]
    rows = [f'{start}\n{end}\n"{label}"\n' for start, end, label in zip(times[:-1], times[1:], labels, strict=True)]
    return head + "".join(f'"IntervalTier"\n"{name}"\n0\n{end_s}\n{len(rows)}\n{"".join(rows)}' for name in tiers)


def corpora(at: Path) -> None:
    """A few clips of each corpus that the pages name, below `at`."""
    for actor in ACTORS:
        for i, label in enumerate(LABELS):
            name = f"03-01-{i + 1:02d}-01-{1 + actor % 2:02d}-01-{actor:02d}.wav"
            write(at / "ravdess" / f"Actor_{actor:02d}" / name, voice(label, actor, actor))
    for i, speaker in enumerate(("03", "08", "09", "10", "11", "12")):
        for label, letter in EMODB.items():
            write(at / "emodb/wav" / f"{speaker}a01{letter}a.wav", voice(label, i, 40))
    for i, who in enumerate(("anna", "ben", "carl", "dora", "ewa", "finn")):
        for label in ("happy", "neutral", "sad"):
            for take in range(2):
                write(at / "folder" / label / who / f"{take}.wav", voice(label, i, 50 + take))
    table(at)


def table(at: Path) -> None:
    """The corpus `csv`, with text and physiology."""
    rows = ["path,emotion,speaker,text,physio"]
    for i, who in enumerate(("anna", "ben", "carl", "dora", "ewa", "finn")):
        for label, text in (("happy", "We won!"), ("sad", "What a day"), ("angry", "Get out")):
            path = at / "csv" / who / f"{label}.wav"
            write(path, voice(label, i, 60))
            beats = "\n".join(f"{time / 4},{70 + i + time},{3 + i / 10}" for time in range(6))
            path.with_suffix(".csv").write_text(f"time_s,heart_rate,skin_conductance\n{beats}\n")
            rows.append(f"{who}/{label}.wav,{label},{who},{text},{who}/{label}.csv")
    (at / "csv/list.csv").write_text("\n".join(rows) + "\n")


def checkout(at: Path) -> None:
    """What lies in a checkout."""
    for name in (*CHECKOUT, *FILES):
        if (ROOT / name).exists():
            (at / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", at / "docs", ignore=shutil.ignore_patterns("_build"))


def make(at: Path, weights: Path | None) -> Path:
    """Everything but trained runs, in the new folder `at`; returns it."""
    at.mkdir(parents=True)
    checkout(at)
    recordings(at)
    corpora(at / "DATA")
    (at / "DIR").symlink_to("DATA")
    if weights is not None:
        (at / "WEIGHTS").mkdir()
        for path in weights.iterdir():
            (at / "WEIGHTS" / path.name).symlink_to(path)
    return at


def train(at: Path, shell: Callable[[str], Outcome]) -> None:
    """A small run, in `at/run`; `shell` runs a command in `at`."""
    outcome = shell(f"python scripts/train.py {SMALL} --workdir=run")
    assert outcome.code == 0, outcome.output


def copy(base: Path, at: Path, text: str) -> Path:
    """A new copy of the folder for a block of this text; every run that the text names is the small one."""
    shutil.copytree(base, at, symlinks=True, ignore=shutil.ignore_patterns("run"))
    for name, words in ONLY_FOR.items():
        if words not in text:
            (at / name).unlink()
    if not re.search(r"\b(DATA|DIR)\b", text):
        shutil.rmtree(at / "DATA")  # so that a search finds little
    if "Wut=" in text:  # a label of the user's own
        (at / "DATA/folder/happy").rename(at / "DATA/folder/Wut")
    for name in set(re.findall(r"\bruns/(\w+)", text + made_by(text))):
        shutil.copytree(base / "run", at / "runs" / name)
        for model in {model for words, model in MODELS.items() if words in text}:
            shutil.rmtree(at / "runs" / name / "model")
            shutil.copytree(ROOT / "checkpoints" / model, at / "runs" / name / "model")
    return at


def made_by(text: str) -> str:
    """The command that makes what a block of this text reads, or ""."""
    return next((command for words, command in MADE_BY.items() if words in text), "")


def remove_workdir(at: Path, text: str) -> None:
    """Removes the folder that a command is about to write a run to, where a stand-in lies there."""
    if "--resume" not in text:
        for name in re.findall(r"--workdir=(runs/\w+)", text):
            shutil.rmtree(at / name, ignore_errors=True)


def long_inputs(at: Path, text: str) -> None:
    """Small files in the layout of published weights, for the blocks that convert them."""
    if "wav2vec2" in text:
        import transformers

        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        config = transformers.Wav2Vec2Config(conv_dim=(16,) * 7, num_conv_pos_embeddings=16, **sizes)
        transformers.Wav2Vec2Model(config).save_pretrained(at / "facebook/wav2vec2-base")
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(at / "facebook/wav2vec2-base")
    if "yamnet.h5" in text:
        import h5py

        random = np.random.default_rng(0)
        with h5py.File(at / "yamnet.h5", "w") as file:
            for name, shape in (("layer1/conv", (3, 3, 1, 8)), ("layer2/depthwise_conv", (3, 3, 8, 1))):
                kernel = "kernel" if name == "layer1/conv" else "depthwise_kernel"
                file[f"{name}/{name}/{kernel}:0"] = random.normal(size=shape)
                for part in ("beta", "moving_mean", "moving_variance"):
                    file[f"{name}/bn/{name}/bn/{part}:0"] = random.uniform(0.5, 1.0, 8)
