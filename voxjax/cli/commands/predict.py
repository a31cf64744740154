"""Predicts the emotions of sound files.

voxjax predict speech.wav interviews/ --format=json
"""

import sys
from collections.abc import Sequence

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.inference.formats import FORMATS
from voxjax.storage import atomic
from voxjax.storage.paths import locate

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
FORMAT = flags.DEFINE_enum("format", "text", list(FORMATS), "How answers are written.")
REJECT_BELOW = flags.DEFINE_float("reject_below", None, "Names no emotion below this confidence, from 0 to 1.")
MODALITY_INPUTS = {  # of one clip
    "text": flags.DEFINE_string("text", None, "Transcript of the one clip, for a model that fuses text."),
    "face": flags.DEFINE_string("face", None, "Its face: action units as CSV, or embeddings as .npy."),
    "physio": flags.DEFINE_string("physio", None, "Its physiology: CSV with time_s and one column per signal."),
}
TARGET_ACCURACY = flags.DEFINE_float(
    "target_accuracy", None, "As --reject_below, at the model's own threshold for this accuracy of accepted answers."
)
MAX_MINUTES = flags.DEFINE_float("max_minutes", 240.0, "Longer sounds are refused.", lower_bound=0.0)
OUT = flags.DEFINE_string("out", None, "File for the answers, in place of the terminal.")
BROKEN_CLIPS = flags.DEFINE_enum(
    "broken_clips",
    "mark",
    ["mark", "stop", "skip"],
    "What files that can't be read do: mark gives the reason in place of an answer and has exit code 1; stop ends with "
    "an error; skip leaves them out with a warning.",
)
RAW_CELLS = flags.DEFINE_boolean(
    "raw_cells", False, "Writes CSV cells as they are, without an apostrophe before what a spreadsheet would evaluate."
)


def modality_inputs() -> dict[str, str]:
    """Modalities of the clip other than the audio: flag values by name."""
    return {name: flag.value for name, flag in MODALITY_INPUTS.items() if flag.value is not None}


def main(paths: Sequence[str]) -> int:
    from voxjax.audio.limits import AudioLimits  # imported here, so that --help is fast
    from voxjax.inference.prediction_lines import Request, lines
    from voxjax.inference.predictor import EmotionPredictor

    counts: list[int] = []
    if REJECT_BELOW.value is not None and TARGET_ACCURACY.value is not None:
        expected = "one of --reject_below and --target_accuracy"
        raise UsageError(mismatch("voxjax predict", expected, "both", "leave one out"))
    limits = AudioLimits(max_duration_s=60.0 * MAX_MINUTES.value)
    predictor = EmotionPredictor(MODEL.value, REJECT_BELOW.value or 0.0, TARGET_ACCURACY.value, limits)
    request = Request(paths, FORMATS[FORMAT.value], modality_inputs(), BROKEN_CLIPS.value, RAW_CELLS.value)
    rows = lines(predictor, request, lambda *both: counts.extend(both))
    if OUT.value is None:
        for row in rows:
            print(row, flush=True)
    else:
        atomic.write(locate(OUT.value), "".join(f"{row}\n" for row in rows))
    failed, total = counts
    if failed:
        print(f"error: {failed} of {total} could not be answered; each line gives the reason", file=sys.stderr)
    return 1 if failed else 0


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "FILE_OR_DIR…", least=lambda: 0 if modality_inputs() else 1)
