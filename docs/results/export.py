"""Exports every shipped model, and compares the files with the predictor on real clips.

python docs/results/export.py RAVDESS docs/results/export.json
python docs/results/export.py RAVDESS docs/results/export_node.json --node=FOLDER

RAVDESS holds the folders Actor_01 to Actor_24. FOLDER is one where `npm install onnxruntime-node wavefile` was run: the
files are then run by `docs/export_node.mjs` there, on WAV files of 32-bit float.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile

from voxjax.audio import io
from voxjax.deploy import EXPORT_FORMATS, checked_export
from voxjax.inference.predictor import EmotionPredictor
from voxjax.storage.provenance import provenance

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = sorted(path.parent.name for path in (ROOT / "checkpoints").glob("*/model.json"))
RATE_HZ = 16_000


def clips(ravdess):
    """Real speech of several lengths, near silence, and noise: float32 [time] by name."""
    paths = sorted((ravdess / "Actor_07").iterdir())[::9]
    speech = np.concatenate([io.read(path, RATE_HZ) for path in paths])
    loud = int(np.argmax(np.abs(speech)))
    noise = np.random.default_rng(0).normal(size=3 * RATE_HZ).astype(np.float32)
    short = speech[loud - RATE_HZ // 10 : loud + RATE_HZ // 10]
    voices = {"0.2 s": short, "3 s": speech[: 3 * RATE_HZ], "15 s": speech[: 15 * RATE_HZ]}
    return {**voices, "near silence, 3 s": 3e-4 * noise, "noise, 3 s": 0.1 * noise}


def difference(predictor, samples, answer):
    known = predictor.predict((samples, RATE_HZ))["probabilities"].values()
    return float(f"{np.abs(np.asarray(answer) - list(known)).max():.2g}")


def in_python(name, given, folder):
    """Size, differences and speed of both formats."""
    predictor = EmotionPredictor(ROOT / "checkpoints" / name)
    for format_name, chosen in EXPORT_FORMATS.items():
        path = folder / f"{name}.{format_name}"
        done = checked_export.export(str(ROOT / "checkpoints" / name), format_name, path)
        run = chosen.run(path.read_bytes())
        yield {
            "model": name,
            "format": format_name,
            "megabytes": round(done.size_bytes / 1e6, 2),
            "difference": {clip: difference(predictor, samples, run(samples)) for clip, samples in given.items()},
            "difference_on_export": float(f"{done.difference:.2g}"),
            "file_ms_for_3_s": round(done.file_ms, 1),
            "predict_ms_for_3_s": round(done.predictor_ms, 1),
        }


def in_node(name, given, folder, packages):
    """Differences of the ONNX file run by JavaScript."""
    predictor = EmotionPredictor(ROOT / "checkpoints" / name)
    checked_export.export(str(ROOT / "checkpoints" / name), "onnx", folder / "model.onnx")
    found = {}
    for clip, samples in given.items():
        soundfile.write(folder / "sound.wav", samples, RATE_HZ, subtype="FLOAT")
        script = ROOT / "docs/export_node.mjs"
        command = ["node", script, folder / "model.onnx", folder / "sound.wav"]
        done = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=True)
        found[clip] = difference(predictor, samples, json.loads(done.stdout))
    yield {"model": name, "difference": found}


def versions(packages):
    """Versions of Node and of its packages."""
    names = ("onnxruntime-node", "wavefile")
    files = {name: packages / "node_modules" / name / "package.json" for name in names}
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"node": node, **{name: json.loads(path.read_text())["version"] for name, path in files.items()}}


def main():
    ravdess, out, *flags = sys.argv[1:]
    given = clips(pathlib.Path(ravdess))
    packages = pathlib.Path(flags[0].partition("=")[2]).resolve() if flags else None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            work = in_node(name, given, pathlib.Path(folder), packages) if packages else None
            for row in work or in_python(name, given, pathlib.Path(folder)):
                rows.append(row)
                print(json.dumps(row), flush=True)
    command = f"python docs/results/export.py RAVDESS docs/results/{pathlib.Path(out).name}"
    if packages:
        command += " --node=FOLDER"
    content = {**provenance(), "command": command, **(versions(packages) if packages else {}), "rows": rows}
    pathlib.Path(out).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
