"""Makes the recording of docs/using.md from clips of EmoDB, its timeline, and its pictures, one of them by Praat.

python docs/pictures/interview.py DATA OUT

DATA holds `emodb/wav`. OUT gets interview.wav, speakers.rttm, interview.TextGrid, timeline.png and praat.png; the last
needs the program Praat.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

RATE_HZ = 16_000
WIDTH = 1000  # pixels
TURNS = (  # a woman and a man in turn
    ("Anna", "08a01Fd"),
    ("Ben", "03a02Nc"),
    ("Anna", "08a02Na"),
    ("Ben", "03a02Wc"),
    ("Anna", "08b02Wd"),
    ("Ben", "03b01Td"),
)
PRAAT = """
Read from file: "{folder}/interview.wav"
Read from file: "{folder}/interview.TextGrid"
plusObject: "Sound interview"
Erase all
Select outer viewport: 0, 10, 0, 5
selectObject: "TextGrid interview"
plusObject: "Sound interview"
Draw: 0, 0, "yes", "yes", "yes"
Save as 300-dpi PNG file: "{folder}/praat.png"
"""


def recording(wav: Path) -> tuple[np.ndarray, list[str]]:
    """Turns with pauses of faint noise between them, and lines of RTTM."""
    random = np.random.default_rng(0)
    parts, lines, at = [], [], 0
    for speaker, name in TURNS:
        clip, rate = soundfile.read(next(wav.glob(f"{name}.*")), dtype="float32")
        assert rate == RATE_HZ
        pause = 0.6 + 0.5 * random.random()
        parts += [np.zeros(int(pause * RATE_HZ), np.float32), 0.7 * clip]
        at += len(parts[-2])
        lines.append(
            f"SPEAKER interview 1 {at / RATE_HZ:.3f} {len(clip) / RATE_HZ:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        )
        at += len(clip)
    samples = np.concatenate(parts)
    return samples + 3e-4 * random.standard_normal(len(samples)).astype(np.float32), lines


def shrink(path: Path) -> None:
    """Makes a picture small enough for a page."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH))
    picture.quantize(128).save(path, optimize=True)


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    samples, lines = recording(data / "emodb/wav")
    soundfile.write(out / "interview.wav", samples, RATE_HZ)
    (out / "speakers.rttm").write_text("".join(lines), encoding="utf-8")
    for style in ("textgrid", "png", "csv", "text"):
        command = [sys.executable, "-m", "voxjax", "timeline", "interview.wav", "--rttm=speakers.rttm"]
        suffix = [f"--out=interview.{style}"] if style in ("csv", "text") else ["--overwrite"]
        subprocess.run([*command, f"--format={style}", *suffix], cwd=out, check=True)
    (out / "interview.png").replace(out / "timeline.png")
    with tempfile.NamedTemporaryFile("w", suffix=".praat") as script:
        script.write(PRAAT.format(folder=out.resolve()))
        script.flush()
        subprocess.run(["praat", "--run", script.name], check=True)
    for name in ("timeline.png", "praat.png"):
        shrink(out / name)


main()
