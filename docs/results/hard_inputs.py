"""Runs the commands on folders of hard inputs and writes what came of each.

python docs/results/hard_inputs.py CASES docs/results/hard_inputs.json

CASES holds `audio/` (files that are damaged, unusual or hostile), `offset/` (the same clips with and without a constant
offset), `leak/` (training clips of a shipped model in other layouts), `both/` (people who speak and sing) and
`folders/` (corpora with links, leftovers, other suffixes, other bytes in names, further columns).
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from voxjax.artifacts import model_folder
from voxjax.storage.provenance import provenance

MODEL = "checkpoints/optimized"
FULL_S = 15.0  # four clips, one after the other
AUDIO = {  # a part of the error, or the duration of an answer in seconds
    "offset_and_no_sound.wav": "silence",
    "channels_cancel.wav": FULL_S,
    "float_with_int16_values.wav": "32768",
    "one_sample_1e20.wav": "1e+20",
    "one_hertz.wav": "Hz",
    "vbr_without_xing.mp3": FULL_S,
    "streamed.flac": FULL_S,
    "gsm610.wav": FULL_S,
    "mp3_in_wav.wav": FULL_S,
    "git_lfs_pointer.wav": "git lfs",
}


def run(*arguments):
    """Exit code, standard output and standard error of a command."""
    done = subprocess.run([sys.executable, "-m", "voxjax", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def answers(*arguments):
    """The answers of `voxjax predict`, its exit code and its standard error."""
    code, out, err = run("predict", *arguments, "--format=json")
    return [json.loads(line) for line in out.splitlines()], code, err


def audio(cases):
    for name, wanted in AUDIO.items():
        (answer,), code, _ = answers(cases / "audio" / name)
        if isinstance(wanted, str):
            good = code == 1 and wanted.lower() in answer.get("error", "").lower()
            yield f"audio/{name}", good, answer.get("error", "answered").removeprefix(f"{cases}/")
        else:
            found = f"answered, {answer.get('duration_s', 0):.1f} s"
            yield f"audio/{name}", code == 0 and abs(answer["duration_s"] - wanted) < 1, found
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "folder"
        for label in ("a", "b"):
            (place / label).mkdir(parents=True)
            (place / label / "x.wav").write_bytes((cases / "audio/offset_and_no_sound.wav").read_bytes())
        code, out, _ = run("inspect", "--corpus=folder", f"--data_dir={folder}")
        yield (
            "audio/offset_and_no_sound.wav, inspect",
            code == 1 and "silence" in out,
            f"exit code {code}, silence named",
        )


def offset(cases):
    for model in (MODEL, "checkpoints/whisper_statistics"):
        plain, added = (
            [answer["emotion"] for answer in answers(cases / "offset" / name, f"--model={model}")[0]]
            for name in ("plain", "added")
        )
        changed = sum(a != b for a, b in zip(plain, added, strict=True))
        yield f"offset, {model}", not changed and len(plain) == 40, f"{changed} of {len(plain)} answers change"


def leak(cases):
    for name, corpus in (("flat", "ravdess"), ("lower_case", "ravdess"), ("own", "folder")):
        with tempfile.TemporaryDirectory() as folder:
            flags = [f"--model={MODEL}", f"--corpus={corpus}", f"--data_dir={cases / 'leak' / name}"]
            code, _, err = run("evaluate", *flags, f"--workdir={folder}/run")
        yield f"leak/{name}", code == 1 and "was not trained on" in err, err.strip().splitlines()[-1]


def both(cases):
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder) / "run"
        config = ["--config=baseline", "--config.corpus=ravdess+ravdess_song", "--config.protocol=speaker5"]
        flags = [*config, "--config.train.epochs=1", f"--data_dir={cases / 'both'}", f"--workdir={workdir}"]
        code, _, err = run("train", *flags)
        figures = json.loads((workdir / "report/metrics.json").read_text(encoding="utf-8"))
        tested = {f"{speaker.rpartition('/')[2].lower()}" for speaker in figures["per_speaker"]}
        people = model_folder.load(workdir / "model").identity.people
        shared = tested & {person.rpartition("/")[2].lower() for person in people}
        found = f"{len(tested)} people are tested, {len(shared)} of them trained on"
        yield "both, speaker5 over speech and song", code == 0 and not shared, found
        flags = [f"--model={MODEL}", "--corpus=ravdess_song", f"--data_dir={cases / 'both'}"]
        code, _, err = run("evaluate", *flags, f"--workdir={folder}/song")
        figures = json.loads(pathlib.Path(folder, "song/report/metrics.json").read_text(encoding="utf-8"))
        found = next((text for text in figures["warnings"] if "people" in text), err)
        yield "both, song of the people of a model", figures["protocol"] == "known_speakers", found


def folders(cases):
    for name, count in (("linked", 12), ("leftovers", 12), ("telephone", 12), ("latin1", 13)):
        found, code, err = answers(cases / "folders" / name / "folder")
        errors = sum("error" in answer for answer in found)
        named = code == (1 if errors else 0) and len(found) == count
        said = " ".join([f"{len(found)} answers, {errors} of them errors, exit code {code}", *err.splitlines()[-1:]])
        yield f"folders/{name}", named and (name != "leftovers" or "left out" in err), said.replace(f"{cases}/", "")
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--corpus=csv", f"--data_dir={cases / 'folders/index'}", "--augmentation_factor=1"]
        code, out, err = run("preprocess", *flags, f"--out={folder}/table.csv")
        said = (out or err).strip().replace(f"{folder}/", "")
        yield "folders/index", code == 0 and "24 rows" in out, said.partition(", in")[0]


def main():
    cases, out = map(pathlib.Path, sys.argv[1:])
    rows = []
    for part in (audio, offset, leak, both, folders):
        for case, good, found in part(cases):
            rows.append({"case": case, "as_expected": bool(good), "found": found})
            print("good" if good else "BAD ", case, "-", found, flush=True)
    command = "python docs/results/hard_inputs.py CASES docs/results/hard_inputs.json"
    content = {**provenance(), "command": command, "rows": rows}
    out.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    sys.exit(0 if all(row["as_expected"] for row in rows) else 1)


if __name__ == "__main__":
    main()
