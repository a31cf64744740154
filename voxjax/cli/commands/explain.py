"""Shows which moments and frequency bands moved an answer.

voxjax explain speech.wav --out=explained
voxjax explain speech.wav --out=explained --method=both --label=angry
"""

import functools
import math
import sys
from collections.abc import Sequence

from absl import flags

from voxjax.cli import entrypoint
from voxjax.errors import UsageError, VoxJaxError, mismatch
from voxjax.storage import atomic
from voxjax.storage.safe_text import json_line, printable

METHODS = ("occlusion", "gradients", "both")  # `voxjax.attribution.explanation.METHODS`, which imports JAX

MODEL = flags.DEFINE_string("model", None, "Model folder, as RUN/model; the default model if not given.")
OUT = flags.DEFINE_string("out", None, "Folder for a picture (NAME.png) and a table (NAME.csv) of each recording.")
METHOD = flags.DEFINE_enum(
    "method",
    "occlusion",
    METHODS,
    "occlusion lowers one patch after the other to the noise floor; gradients integrates the model's gradients.",
)
LABEL = flags.DEFINE_string("label", None, "The emotion that is explained; the most probable one if not given.")
START = flags.DEFINE_float("start", 0.0, "Where the part to explain starts, in seconds.", lower_bound=0.0)
END = flags.DEFINE_float("end", None, "Where it ends; at the end of the recording if not given.", lower_bound=0.0)
PATCH = flags.DEFINE_float("patch", 0.3, "Duration of a patch in seconds, about.")
BANDS = flags.DEFINE_integer("bands", 6, "Number of frequency bands, of equal width in mel.")
FORMAT = flags.DEFINE_enum("format", "text", ["text", "json"], "How summaries are printed; json is a line each.")
OVERWRITE = flags.DEFINE_boolean("overwrite", False, "Replaces pictures and tables that exist.")


def main(arguments: Sequence[str]) -> int:
    if not OUT.value:
        raise UsageError(mismatch("voxjax explain", "--out=DIR", "nothing", "name a folder for pictures and tables"))
    from voxjax.attribution import explanation_files  # imported here, so that --help and wrong use answer at once
    from voxjax.attribution.explanation import Explainer
    from voxjax.attribution.spectral_patches import Division
    from voxjax.audio import io
    from voxjax.inference import timeline_files
    from voxjax.inference.predictor import EmotionPredictor
    from voxjax.reporting import attribution_plot

    places = timeline_files.recordings(arguments)
    targets = explanation_files.targets(places, OUT.value)
    with timeline_files.written_alone([file for files in targets for file in files]):
        for target in (file for files in targets for file in files):
            timeline_files.check_target(target, [path for path, _ in places], OVERWRITE.value)
        explainer = Explainer(EmotionPredictor(MODEL.value), METHOD.value, Division(PATCH.value, BANDS.value))
        end_s = math.inf if END.value is None else END.value
        failed = 0
        for (path, place), files in zip(places, targets, strict=True):
            work = functools.partial(explainer.explain, path, LABEL.value, START.value, end_s)
            found = io.attempt(path, work)
            if isinstance(found, UsageError):
                raise found
            if isinstance(found, VoxJaxError):
                failed += 1
                print(f"error: {printable(str(found))}", file=sys.stderr)
                continue
            atomic.write(files[0], attribution_plot.draw(place.name, found))
            atomic.write(files[1], explanation_files.table(found))
            if FORMAT.value == "json":
                print(json_line(explanation_files.summary(path, found, files)), flush=True)
            else:
                print(*explanation_files.lines(path, found), f"  {printable(str(files[0]))}", sep="\n", flush=True)
        if failed:
            print(f"error: {failed} of {len(places)} recordings could not be explained; see above", file=sys.stderr)
        return 1 if failed else 0


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "FILE_OR_DIR…")
