"""Predicts the emotions of sound files.

voxjax predict speech.wav interviews/ --format=json
voxjax predict participants.csv --format=csv --out=answers.csv
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from voxjax import progress
from voxjax.cli import adaptation_flags, entrypoint
from voxjax.errors import UsageError, mismatch
from voxjax.inference.formats import FORMATS
from voxjax.storage import atomic
from voxjax.storage.paths import locate

if TYPE_CHECKING:
    from voxjax.inference.prediction_lines import Block, Plan
    from voxjax.inference.predictor import EmotionPredictor

_ARRAYS = "npz"

flags.DEFINE_boolean("timeline", False, "Emotions over time: the command 'voxjax timeline', with its flags.")
MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
FORMAT = flags.DEFINE_enum(
    "format",
    "text",
    [*FORMATS, _ARRAYS],
    "How answers are written; npz: probabilities and the model's vectors of the clips as NumPy arrays, with --out.",
)
LISTS = flags.DEFINE_multi_string(
    "list",
    [],
    "A text file with one path a line, or a CSV file with a column path or file, whose other columns are carried into "
    "the answers; - for standard input. Arguments that end in .txt, .csv or .tsv are lists too.",
)
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
OUT = flags.DEFINE_string(
    "out",
    None,
    "File for the answers, in place of the terminal. It grows as they come; the same command completes it after an "
    "interruption.",
)
RESTART = flags.DEFINE_boolean("restart", False, "Drops the answers of an interrupted call and begins again.")
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
    from voxjax.inference import prediction_lines
    from voxjax.inference.predictor import EmotionPredictor

    if REJECT_BELOW.value is not None and TARGET_ACCURACY.value is not None:
        expected = "one of --reject_below and --target_accuracy"
        raise UsageError(mismatch("voxjax predict", expected, "both", "leave one out"))
    if FORMAT.value == _ARRAYS and OUT.value is None:
        raise UsageError(mismatch("--format=npz", "a file for the arrays", "none", "add --out=FILE"))
    adapted = adaptation_flags.choice()
    limits = AudioLimits(max_duration_s=60.0 * MAX_MINUTES.value)
    predictor = EmotionPredictor(MODEL.value, REJECT_BELOW.value or 0.0, TARGET_ACCURACY.value, limits)
    style = FORMATS["text" if FORMAT.value == _ARRAYS else FORMAT.value]
    request = prediction_lines.Request(
        paths, style, modality_inputs(), BROKEN_CLIPS.value, RAW_CELLS.value, LISTS.value, adapted
    )
    wanted = prediction_lines.plan(predictor, request)
    failed = _to_terminal(predictor, wanted) if OUT.value is None else _to_file(predictor, wanted, OUT.value)
    if failed:
        reason = "each line gives the reason" if FORMAT.value != _ARRAYS else "its array 'errors' gives the reasons"
        print(f"error: {failed} of {len(wanted.entries)} could not be answered; {reason}", file=sys.stderr)
    return 1 if failed else 0


def _to_terminal(predictor: "EmotionPredictor", wanted: "Plan") -> int:
    """Prints the answers and returns the number of failures."""
    from voxjax.inference import prediction_lines

    failures: list[str] = []
    with _progress(0 if sys.stdout.isatty() else len(wanted.entries)) as advance:
        for row in _rows(prediction_lines.blocks(predictor, wanted), failures, advance):
            print(row, flush=True)
    return prediction_lines.count_failures(wanted, failures, len(failures))


def _to_file(predictor: "EmotionPredictor", wanted: "Plan", out: str) -> int:
    """Writes the answers to a file and returns the number of failures."""
    from voxjax.inference import answer_file, prediction_arrays, prediction_lines

    path = locate(out)
    with _progress(len(wanted.entries)) as advance:
        if FORMAT.value == _ARRAYS:
            return prediction_arrays.write(path, predictor, wanted, advance)
        if isinstance(path, Path) and (path.is_file() or not path.exists()):
            outcome = answer_file.write(path, predictor, wanted, _settings(), advance, RESTART.value)
        else:
            failures: list[str] = []
            rows = _rows(prediction_lines.blocks(predictor, wanted), failures, advance)
            atomic.write(path, "".join(f"{row}\n" for row in rows))
            return prediction_lines.count_failures(wanted, failures, len(failures))
    if outcome.answered_before:
        total = f"{outcome.answered_before} of {len(wanted.entries)}"
        print(f"{out}: {total} were answered by an earlier call", file=sys.stderr)
    return outcome.failed


def _rows(blocks: "Iterator[Block]", failures: list[str], advance: Callable[[int], object]) -> Iterator[str]:
    """The lines of blocks; their failures are added to a list."""
    for block in blocks:
        yield from block.lines
        failures += block.failures
        advance(block.answered)


def _settings() -> Mapping[str, object]:
    """Values of the flags that answers depend on, by name."""
    own = (
        FORMAT,
        adaptation_flags.ENROL,
        adaptation_flags.ADAPT,
        REJECT_BELOW,
        TARGET_ACCURACY,
        MAX_MINUTES,
        BROKEN_CLIPS,
        RAW_CELLS,
    )
    given = {f"--{name}": value for name, value in modality_inputs().items()}
    return {f"--{flag.name}": flag.value for flag in own} | given


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """The progress of more than a few sounds: a function that advances it."""
    if total < 2:
        yield lambda count: None
        return
    with progress.bar(total, "predicting", "file", brief=True) as bar:
        yield bar.update


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "FILE_OR_DIR_OR_LIST…", least=lambda: 0 if modality_inputs() or LISTS.value else 1)
