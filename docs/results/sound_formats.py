"""Compares the answers to one recording in many sound formats, and writes the differences.

python docs/results/sound_formats.py OUT.json FOLDER...

Each FOLDER holds WAV or FLAC files of 16 bits of one corpus; every n-th of them is converted by the command `ffmpeg` at
the bit rates that recorders and programs use, and answered by the default model. All figures are against the answers to
WAV of 16 bits.
"""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from voxjax import EmotionPredictor
from voxjax.storage.provenance import provenance

MODEL = pathlib.Path(__file__).parents[2] / "checkpoints/whisper_statistics"
CLIPS = 24  # of each folder
REFERENCE = (".wav", ["-c:a", "pcm_s16le"])
BLACK = ["-f", "lavfi", "-i", "color=black:size=64x64:rate=10", "-shortest", "-map", "0:a", "-map", "1:v"]
# By name: the suffix and what ffmpeg is given. A new format is a row.
FORMATS = {
    "WAV, 24 bits": (".wav", ["-c:a", "pcm_s24le"]),
    "WAV, 32-bit float": (".wav", ["-c:a", "pcm_f32le"]),
    "AIFF": (".aiff", ["-c:a", "pcm_s16be"]),
    "FLAC": (".flac", ["-c:a", "flac"]),
    "OGG (Vorbis), 80 kb/s": (".ogg", ["-c:a", "libvorbis", "-b:a", "80k"]),
    "Opus, 32 kb/s": (".opus", ["-c:a", "libopus", "-b:a", "32k"]),
    "MP3, 128 kb/s": (".mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]),
    "m4a (AAC), 64 kb/s": (".m4a", ["-c:a", "aac", "-b:a", "64k"]),
    "mp4 with video (AAC), 96 kb/s": (".mp4", [*BLACK, "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "96k"]),
    "webm with video (Opus), 64 kb/s": (".webm", [*BLACK, "-c:v", "libvpx", "-c:a", "libopus", "-b:a", "64k"]),
    "mov (16 bits)": (".mov", ["-c:a", "pcm_s16le"]),
    "wma, 64 kb/s": (".wma", ["-c:a", "wmav2", "-b:a", "64k"]),
    "aac without a container, 64 kb/s": (".aac", ["-c:a", "aac", "-b:a", "64k"]),
    "WAV, 8 kHz, 16 bits": (".wav", ["-ar", "8000", "-c:a", "pcm_s16le"]),
    "WAV, 8 kHz µ-law": (".wav", ["-ar", "8000", "-c:a", "pcm_mulaw"]),
}


def clips(folder):
    """Every n-th file below a folder, in the order of their names."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".flac"))
    return found[:: max(1, len(found) // CLIPS)][:CLIPS]


def converted(path, how, folder):
    """A clip in another format."""
    suffix, options = how
    out = pathlib.Path(folder, path.stem + suffix)
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(path), *options, str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def probabilities(predictor, paths, how):
    """The answers to clips in a format as `[clips, labels]`."""
    with tempfile.TemporaryDirectory() as folder:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            files = list(pool.map(lambda path: converted(path, how, folder), paths))
        return np.array([list(answer["probabilities"].values()) for answer in predictor.predict_many(files)])


def rows(predictor, folder):
    """One row for each format."""
    paths = clips(folder)
    wanted = probabilities(predictor, paths, REFERENCE)
    for name, how in FORMATS.items():
        found = probabilities(predictor, paths, how)
        difference = np.abs(found - wanted)
        same = (found.argmax(axis=1) == wanted.argmax(axis=1)).mean()
        row = {"format": name, "clips": len(paths), "max": float(difference.max())}
        yield {**row, "mean": float(difference.mean()), "same_answers": float(same)}


def main():
    out, *folders = map(pathlib.Path, sys.argv[1:])
    predictor = EmotionPredictor(MODEL)
    corpora = {}
    for folder in folders:
        corpora[folder.name] = []
        for row in rows(predictor, folder):
            corpora[folder.name].append(row)
            print(folder.name, row, flush=True)
    command = "python docs/results/sound_formats.py docs/results/sound_formats.json FOLDER..."
    content = {**provenance(), "command": command, "seed": None, "model": predictor.model, "corpora": corpora}
    content["model"] = pathlib.Path(predictor.model).name
    out.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
