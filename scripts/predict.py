"""The emotions of sound files: `python scripts/predict.py FILE_OR_DIR… [--model=DIR] [--format=json]`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from voxjax.edges import answers, commands, files

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the best one in checkpoints/ if not given.")
FORMAT = flags.DEFINE_enum("format", "text", list(answers.FORMATS), "How answers are written.")
OUT = flags.DEFINE_string("out", None, "File for the answers, in place of the terminal.")


def main(paths: Sequence[str]) -> int:
    from voxjax import EmotionPredictor  # only now, so that --help answers at once

    counts: list[int] = []
    style = answers.FORMATS[FORMAT.value]
    lines = answers.lines(EmotionPredictor(MODEL.value), paths, style, lambda *told: counts.extend(told))
    if OUT.value is None:
        for line in lines:
            print(line, flush=True)
    else:
        files.write(Path(OUT.value), "".join(f"{line}\n" for line in lines))
    failed, total = counts
    if failed:
        print(f"error: {failed} of {total} could not be answered; each says why", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    commands.run_on(main, "FILE_OR_DIR…")
