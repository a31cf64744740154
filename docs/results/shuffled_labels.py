"""Trains and tests configs on RAVDESS with shuffled labels, which must give chance. Writes shuffled_labels.json.

python docs/results/shuffled_labels.py DATA WEIGHTS docs/results/shuffled_labels.json CONFIG…

Each speaker's labels are shuffled among the speaker's clips, with one seed, so that speakers and classes keep their
numbers of clips; a leak between training and test clips would still show.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

SEED = 0
KEPT = (
    "n",
    "uar",
    "uar_ci",
    "accuracy",
    "accuracy_ci",
    "ece_calibrated",
    "protocol",
    "seeds",
    "commit",
    "voxjax",
    "jax",
)
ROOT = pathlib.Path(__file__).resolve().parents[2]


def write_folder(data: pathlib.Path, folder: pathlib.Path) -> None:
    """A corpus `folder` of copies of RAVDESS's clips, each below another label of its speaker."""
    from voxjax.data import corpora

    random = np.random.default_rng(SEED)
    manifest = corpora.load("ravdess", data, folder)
    for speaker in dict.fromkeys(clip.speaker for clip in manifest.clips):
        own = [clip for clip in manifest.clips if clip.speaker == speaker]
        for clip, i in zip(own, random.permutation(len(own)), strict=True):
            source = manifest.root / clip.path
            target = folder / "folder" / own[i].emotion / speaker.rpartition("/")[2] / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def tested(config: str, folder: pathlib.Path, weights: pathlib.Path) -> dict[str, Any]:
    """The figures of one config on the corpus in a folder."""
    name = pathlib.Path(config).stem
    flags = {
        "config": config,
        "config.corpus": "folder",
        "protocol": "speaker5",
        "data_dir": folder,
        "encoder_weights": weights,
        "workdir": folder / "runs" / name,
    }
    command = [sys.executable, "scripts/crossval.py", *(f"--{flag}={value}" for flag, value in flags.items())]
    subprocess.run(command, cwd=ROOT, check=True)
    figures = json.loads((folder / "runs" / name / "report/metrics.json").read_text())
    return {"config": name, **{key: figures[key] for key in KEPT if key in figures}}


def main() -> None:
    data, weights, out = (pathlib.Path(path).resolve() for path in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as place:
        write_folder(data, pathlib.Path(place))
        rows = [tested(config, pathlib.Path(place), weights) for config in sys.argv[4:]]
    command = "python docs/results/shuffled_labels.py DATA WEIGHTS docs/results/shuffled_labels.json CONFIG…"
    found = {"command": command, "seed": SEED, "rows": rows}
    out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
